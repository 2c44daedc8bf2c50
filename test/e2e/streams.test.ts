import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ExecRequest } from '../../gen/codeset/v1/session_service.js';
import type { TestClient } from '../rpc/client.js';
import { driveExec } from '../support/exec-call.js';
import { hostSession, startService, type TestService } from '../support/service.js';

// The Streams of the catalogue of failures that sandbox services have had, each in a real sandbox over the real wire.

type Frame = NonNullable<ExecRequest['frame']>;

let service: TestService;
let admin: TestClient;
let sessionId: string;

beforeAll(async () => {
  service = await startService();
  admin = service.admin;
  sessionId = await hostSession(admin);
}, 120_000);

afterAll(async () => {
  await service?.[Symbol.asyncDispose]();
});

const start = (line: string, spec: object = {}): Frame =>
  ({
    $case: 'start',
    value: { sessionId, spec: { command: { $case: 'shellLine', value: line }, ...spec } },
  }) as unknown as Frame;

describe('a terminal', () => {
  test("is the sandbox's own, belongs to the command's user, and can be opened anew", async () => {
    const seen = await driveExec(admin, [
      start('tty; stat -c "%U %a" "$(tty)"; echo anew >"$(tty)"; echo again >/dev/tty; id -un', { tty: {} }),
    ]);
    const lines = seen.stdout.toString().split('\r\n');
    expect(lines[0]).toMatch(/^\/dev\/pts\/\d+$/);
    expect(lines.slice(2, 4)).toEqual(['anew', 'again']);
    expect(lines[1]).toBe(`${lines[4]} 620`);
    expect(seen.exited?.result?.status).toEqual({ $case: 'exitCode', value: 0 });
  });

  test("is the root's where root asks for it, and shows its size in GetExec", async () => {
    const execId = 'root-terminal';
    const seen = await driveExec(admin, [
      start('stat -c %u "$(tty)"; stty size', { execId, user: 'root', tty: { rows: 3, columns: 4 } }),
    ]);
    expect(seen.stdout.toString()).toBe('0\r\n3 4\r\n');
    const { exec } = await admin.sessions.getExec({ sessionId, execId });
    expect(exec?.tty).toEqual({ rows: 3, columns: 4 });
    expect(exec?.stderrBytes).toBe(0n);
  });

  test('takes RunCommand and its stdin, whose end is ^D', async () => {
    const { exec, stdout } = await admin.sessions.runCommand({
      sessionId,
      spec: { command: { $case: 'shellLine', value: 'stty -echo; cat' }, tty: {} },
      stdin: Buffer.from('typed'),
    });
    expect(exec?.result?.status).toEqual({ $case: 'exitCode', value: 0 });
    expect(stdout?.head.toString()).toContain('typed');
  });
});
