import { afterAll, beforeAll, expect, test } from 'vitest';
import { ExitReason } from '../../gen/codeset/v1/exec.js';
import { SessionState } from '../../gen/codeset/v1/session.js';
import { hostSession, needsMemoryLimit, sh, startService, type TestService } from '../support/service.js';

let service: TestService;

beforeAll(async () => {
  service = await startService();
}, 60_000);

afterAll(async () => {
  await service?.[Symbol.asyncDispose]();
});

test('a command that takes all the memory dies of it, and its session goes on', async ({ skip }) => {
  const { sessions } = service.admin;
  const sessionId = await hostSession(service.admin);
  await needsMemoryLimit(service.admin, sessionId, skip);
  const { exec } = await sessions.runCommand({
    sessionId,
    spec: {
      command: { $case: 'argv', value: { args: ['python3', '-c', 'a = bytearray(3 << 30); print(len(a))'] } },
    },
  });
  expect(exec?.result?.reason).toBe(ExitReason.OUT_OF_MEMORY);
  expect((await sessions.getSession({ sessionId })).session?.state).toBe(SessionState.READY);
  expect((await sh(service.admin, sessionId, 'echo alive')).stdout).toBe('alive\n');
});

test('a fork bomb meets its limit, and the session can still be closed', async () => {
  const { sessions } = service.admin;
  const sessionId = await hostSession(service.admin);
  await sessions.runCommand({
    sessionId,
    spec: {
      command: { $case: 'shellLine', value: 'bomb() { bomb | bomb & }; bomb' },
      timeout: { seconds: 3n, nanos: 0 },
    },
  });
  const { session } = await sessions.closeSession({ sessionId });
  expect(session?.state).toBe(SessionState.CLOSED);
});
