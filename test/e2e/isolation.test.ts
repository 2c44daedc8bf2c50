import { execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SessionState } from '../../gen/codeset/v1/session.js';
import { VerificationState } from '../../gen/codeset/v1/verification.js';
import { KeyAdmin } from '../../src/key-admin.js';
import { packFiles } from '../../src/samples/pack.js';
import { connect, refusal, type TestClient } from '../rpc/client.js';
import { judge } from '../support/judging.js';
import { addSample, register, session, sh, startService, type TestService } from '../support/service.js';

const UNAUTHENTICATED = 16;
const PERMISSION_DENIED = 7;
const FAILED_PRECONDITION = 9;

let service: TestService;
let admin: TestClient;

beforeAll(async () => {
  service = await startService({ maxVerifications: '1', diskReserve: '64MiB' });
  admin = service.admin;
  await register(admin, addSample());
}, 120_000);

afterAll(async () => {
  await service?.[Symbol.asyncDispose]();
});

/** A sample whose script is given, in a codebase of one file. */
function scripted(sampleId: string, run: string, more = '', environment = ''): AsyncIterable<Buffer> {
  const text = (path: string, content: string, executable = false) => ({ path, content, executable });
  return packFiles([
    text(
      'sample.yaml',
      `sample_id: ${sampleId}
dataset: tries
description: Judged by a line.
environment: {host: {requires: [sh]}${environment}}
verification: {command: [verification/run], timeout: 1m, grading: exit_code}
${more}`,
    ),
    text('task.md', 'Nothing.\n'),
    text('codebase/file', 'content\n'),
    text('verification/run', `#!/bin/sh\n${run}\n`, true),
  ]) as AsyncIterable<Buffer>;
}

async function start(sessionId: string): Promise<string> {
  const { verification } = await admin.verifications.startVerification({
    subject: { $case: 'sessionId', value: sessionId },
  });
  return verification?.verificationId ?? '';
}

async function ended(verificationId: string): Promise<string> {
  for await (const _ of admin.verifications.watchVerification({ verificationId }));
  const { verification } = await admin.verifications.getVerification({ verificationId });
  return VerificationState[verification?.state ?? 0] ?? '';
}

/** All that an answer holds, as text. */
function textOf(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) => {
    if (typeof part === 'bigint') return String(part);
    return part;
  });
}

async function sandboxes(): Promise<string[]> {
  return readdir(join(service.dataDir, 'sandboxes'));
}

describe('hidden parts', () => {
  test('reach no runner and no agent by any call', async () => {
    await using keys = await KeyAdmin.open(service.dataDir);
    const { secret } = await keys.create('RUNNER', 'isolation');
    using runner = connect(service.address, secret);
    const shown = await runner.samples.getSample({ sample: { sampleId: 'add' } });
    const listed = await runner.samples.listSamples({});
    const watched: unknown[] = [];
    for await (const event of runner.samples.watchSample({ sample: { sampleId: 'add' } }))
      watched.push(event);
    const all = textOf([shown, listed, watched]);
    expect(shown.sample?.sampleId).toBe('add');
    for (const secretPart of ['test_add', 'test_import', 'check.py', 'return a + b']) {
      expect(all).not.toContain(secretPart);
    }
    const download = await refusal(runner.samples.downloadSample({ sample: { sampleId: 'add' } }));
    expect(download.code).toBe(PERMISSION_DENIED);

    const { id, agentToken } = await session(admin);
    using agent = connect(service.address, agentToken);
    expect((await sh(agent, id, 'echo hi')).stdout).toBe('hi\n');
    const other = await session(admin);
    const calls: Readonly<Record<string, () => Promise<unknown> | AsyncIterable<unknown>>> = {
      sample: () => agent.samples.getSample({ sample: { sampleId: 'add' } }),
      download: () => agent.samples.downloadSample({ sample: { sampleId: 'add' } }),
      verify: () => agent.verifications.startVerification({ subject: { $case: 'sessionId', value: id } }),
      verifications: () => agent.verifications.listVerifications({}),
      sessions: () => agent.sessions.listSessions({}),
      create: () => agent.sessions.createSession({ source: { $case: 'sample', value: { sampleId: 'add' } } }),
      extend: () => agent.sessions.extendSession({ sessionId: id, ttl: { seconds: 60, nanos: 0 } }),
      'another session': () =>
        agent.sessions.runCommand({
          sessionId: other.id,
          spec: { command: { $case: 'shellLine', value: 'true' } },
        }),
    };
    for (const [name, call] of Object.entries(calls)) {
      const { code } = await refusal(call());
      expect([PERMISSION_DENIED, 5], `${name}: ${code}`).toContain(code);
    }
    for (const path of ['/run/codeset-verification', '/run/codeset-reports', '/run/codeset-base']) {
      const { code } = await refusal(agent.sessions.listDirectory({ sessionId: id, path }));
      expect(code).toBe(5);
    }
    await admin.sessions.closeSession({ sessionId: id });
    await admin.sessions.closeSession({ sessionId: other.id });
    const late = await refusal(
      agent.sessions.runCommand({ sessionId: id, spec: { command: { $case: 'shellLine', value: 'true' } } }),
    );
    expect(late.code).toBe(UNAUTHENTICATED);
  }, 60_000);

  test('secret_env is in no record, list or file but its own', async () => {
    const value = 'sesame-4711-open';
    const { session: made } = await admin.sessions.createSession({
      source: { $case: 'sample', value: { sampleId: 'add' } },
      secretEnv: { TOKEN: value },
    });
    const sessionId = made?.sessionId ?? '';
    const seen = await sh(admin, sessionId, 'test "$TOKEN" = sesame-4711-"open" && echo here');
    expect(seen.stdout).toBe('here\n');
    const told = textOf([
      await admin.sessions.getSession({ sessionId }),
      await admin.sessions.listExecs({ sessionId }),
      await admin.sessions.listSessions({}),
    ]);
    expect(told).not.toContain(value);
    const { stdout } = await promisify(execFile)('sh', [
      '-c',
      'grep -rlaF "$1" "$2" || true',
      'sh',
      value,
      service.dataDir,
    ]);
    const files = stdout.split('\n').filter(Boolean);
    expect(files.filter((file) => !/secret/.test(file))).toEqual([]);
    expect(await ended(await start(sessionId))).toBe('FAILED');
    await admin.sessions.closeSession({ sessionId });
  }, 60_000);
});

test('a command is shown with the folder and the user that it had', async () => {
  const { id } = await session(admin);
  await sh(admin, id, 'true');
  const { execs } = await admin.sessions.listExecs({ sessionId: id });
  expect(execs.map(({ workdir, user }) => `${user}:${workdir}`)).toEqual(['agent:/workspace']);
  await admin.sessions.closeSession({ sessionId: id });
});

describe('code under test', () => {
  test.each(['root', 'agent'])(
    'of a sample whose user is %s has no capabilities and cannot trace the script',
    async (user) => {
      const run = `set -e
as-subject sh -c 'grep -q "^CapBnd:.0*$" /proc/self/status && grep -q "^CapEff:.0*$" /proc/self/status'
as-subject sh -c 'test "$(id -un)" = agent && git status --porcelain && touch file'
! as-subject dd if=/proc/$$/mem bs=1 count=1 of=/dev/null 2>/dev/null
! as-subject sh -c 'echo x > "$CODESET_VERIFICATION_DIR/run"' 2>/dev/null
! as-subject mount -t tmpfs none /mnt 2>/dev/null
exit 0`;
      await register(admin, scripted(`capless-${user}`, run, '', `, user: ${user}`));
      const { id } = await session(admin, `capless-${user}`);
      expect(await ended(await start(id))).toBe('PASSED');
      await admin.sessions.closeSession({ sessionId: id });
    },
    60_000,
  );

  test('of a sample whose user is root cannot put its own in the place of what the script trusts', async () => {
    const run = `as-subject sh ./file
printf wanted > /tmp/wanted
cmp /tmp/wanted file`;
    await register(admin, scripted('rooted', run, '', ', user: root'));
    const { id } = await session(admin, 'rooted');
    const planted = await sh(
      admin,
      id,
      `test "$(id -u)" = 0 && cat > file <<'END'
for f in /usr/local/bin/cmp /usr/local/sbin/cmp; do printf '#!/bin/sh\\nexit 0\\n' > $f; chmod 755 $f; done
cat "$CODESET_VERIFICATION_DIR/run" && echo read
touch "$CODESET_REPORT_DIR/../report.xml" /etc/ld.so.preload && echo written
END`,
    );
    expect(planted.code).toBe(0);
    const { verification, log } = await judge(admin, { sessionId: id });
    expect(VerificationState[verification.state], log).toBe('FAILED');
    expect(log).not.toMatch(/^(?:read|written)$/m);
    await admin.sessions.closeSession({ sessionId: id });
  }, 60_000);
});

describe('verifications', () => {
  test('one that waits is cancelled at once, and the subject of one outlives its session', async () => {
    // The first holds the only place until it is cancelled, so that the second can't wait for its end.
    await register(admin, scripted('slow', 'cat file; exec sleep 1000'));
    const { id } = await session(admin, 'slow');
    await sh(admin, id, 'echo mine > file');
    const first = await start(id);
    const second = await start(id);
    await admin.sessions.closeSession({ sessionId: id });
    const { verification } = await admin.verifications.cancelVerification({ verificationId: second });
    expect(verification?.state).toBe(VerificationState.CANCELLED);
    expect(await ended(second)).toBe('CANCELLED');
    for await (const { event } of admin.verifications.watchVerification({ verificationId: first })) {
      if (event?.$case !== 'log') continue;
      expect(event.value.data.toString()).toBe('mine\n');
      break;
    }
    await admin.verifications.cancelVerification({ verificationId: first });
    expect(await ended(first)).toBe('CANCELLED');
  }, 60_000);

  test('one that has its verdict is not cancelled', async () => {
    const { id } = await session(admin);
    const verificationId = await start(id);
    expect(await ended(verificationId)).toBe('FAILED');
    const late = await refusal(admin.verifications.cancelVerification({ verificationId }));
    expect(late).toMatchObject({ code: FAILED_PRECONDITION, reason: 'VERIFICATION_ENDED' });
    await admin.sessions.closeSession({ sessionId: id });
  }, 60_000);

  test('one that runs is cancelled, and leaves no sandbox or layer', async () => {
    await register(admin, scripted('endless', 'echo on; sleep 1000'));
    const { id } = await session(admin, 'endless');
    const verificationId = await start(id);
    for await (const { event } of admin.verifications.watchVerification({ verificationId })) {
      if (event?.$case === 'log') break;
    }
    await admin.verifications.cancelVerification({ verificationId });
    expect(await ended(verificationId)).toBe('CANCELLED');
    await admin.sessions.closeSession({ sessionId: id });
    expect(await sandboxes()).toEqual([]);
    const layers = await readdir(join(service.dataDir, 'layers'));
    expect(layers.filter((name) => name.includes(verificationId))).toEqual([]);
  }, 60_000);
});

describe('samples', () => {
  test('the number of a deleted version is never given out again', async () => {
    expect((await register(admin, scripted('counted', 'exit 1'))).version).toBe(1);
    expect((await register(admin, scripted('counted', 'exit 2'))).version).toBe(2);
    await admin.samples.deleteSample({ sample: { sampleId: 'counted', version: 2 } });
    expect((await register(admin, scripted('counted', 'exit 3'))).version).toBe(3);
    await admin.samples.deleteSample({ sample: { sampleId: 'counted' } });
    expect((await register(admin, scripted('counted', 'exit 4'))).version).toBe(4);
  }, 60_000);

  test('registered twice at once, one is one and two are two', async () => {
    const same = await Promise.all([1, 2, 3].map(() => register(admin, scripted('twice', 'exit 1'))));
    expect(same.map(({ version }) => version)).toEqual([1, 1, 1]);
    await Promise.all(
      [2, 3].map((code) => register(admin, scripted('twice', `exit ${code}`)).catch(() => 0)),
    );
    const { sample } = await admin.samples.getSample({ sample: { sampleId: 'twice' } });
    expect(sample?.version).toBe(3);
  }, 60_000);

  test('one in use is not deleted, and its session goes on', async () => {
    const { id } = await session(admin);
    const told = await refusal(admin.samples.deleteSample({ sample: { sampleId: 'add' } }));
    expect(told.reason).toBe('SAMPLE_IN_USE');
    expect((await sh(admin, id, 'echo on')).stdout).toBe('on\n');
    await admin.sessions.closeSession({ sessionId: id });
  });

  test('whose set-up fails says so with the end of its log', async () => {
    const broken = scripted('broken', 'exit 0', '', ', setup: ["echo one; echo the reason; exit 5"]');
    await expect(register(admin, broken)).rejects.toThrow(/exit status 5[^]*the reason/);
    const refused = await refusal(session(admin, 'broken'));
    expect(refused.code).toBe(FAILED_PRECONDITION);
  }, 60_000);
});

describe('sessions', () => {
  test('closed while they are made leave nothing', async () => {
    const made = await Promise.all(
      Array.from({ length: 6 }, () =>
        admin.sessions.createSession({
          source: { $case: 'sample', value: { sampleId: 'add' } },
          returnImmediately: true,
        }),
      ),
    );
    const closed = await Promise.all(
      made.map(({ session: one }) => admin.sessions.closeSession({ sessionId: one?.sessionId ?? '' })),
    );
    expect(closed.map(({ session: one }) => one?.state)).toEqual(made.map(() => SessionState.CLOSED));
    await expect.poll(sandboxes).toEqual([]);
  }, 60_000);

  test('whose time is over go with their sandbox and token', async () => {
    const { session: made, agentToken } = await admin.sessions.createSession({
      source: { $case: 'sample', value: { sampleId: 'add' } },
      ttl: { seconds: 1, nanos: 0 },
    });
    const sessionId = made?.sessionId ?? '';
    const state = async () => (await admin.sessions.getSession({ sessionId })).session?.state;
    await expect.poll(state).toBe(SessionState.EXPIRED);
    await expect.poll(sandboxes).toEqual([]);
    using agent = connect(service.address, agentToken);
    const late = await refusal(agent.sessions.stat({ sessionId, path: '/' }));
    expect(late.code).toBe(UNAUTHENTICATED);
  }, 60_000);
});
