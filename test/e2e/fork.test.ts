import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { ForkSessionResponse } from '../../gen/codeset/v1/session_service.js';
import { SessionState, type Session } from '../../gen/codeset/v1/session.js';
import { VerificationState } from '../../gen/codeset/v1/verification.js';
import { refusal } from '../rpc/client.js';
import {
  addSample,
  hostSession,
  register,
  session,
  sh,
  startService,
  type TestService,
} from '../support/service.js';

let service: TestService;

beforeAll(async () => {
  service = await startService({ maxSessions: '20' });
  await register(service.admin, addSample());
}, 120_000);

afterEach(async () => {
  await service.admin.sessions.closeSessions({ all: true });
  for (const { snapshotId } of (await service.admin.sessions.listSnapshots({})).snapshots)
    await service.admin.sessions.deleteSnapshot({ snapshotId });
  await expect.poll(snapshotLayers).toEqual([]);
});

afterAll(() => service?.[Symbol.asyncDispose]());

async function snapshotLayers(): Promise<readonly string[]> {
  return (await readdir(join(service.dataDir, 'layers'))).filter((name) => name.includes('snap-'));
}

type Fork = Parameters<TestService['admin']['sessions']['forkSession']>[0];

async function fork(request: Fork): Promise<readonly ForkSessionResponse[]> {
  const answers: ForkSessionResponse[] = [];
  for await (const answer of service.admin.sessions.forkSession(request)) answers.push(answer);
  return answers.sort((a, b) => a.index - b.index);
}

/** The sessions of a fork of which none may have failed, by index. */
async function forked(request: Fork): Promise<readonly { session: Session; agentToken: string }[]> {
  return (await fork(request)).map(({ result }) => {
    if (result?.$case !== 'forked' || result.value.session === undefined)
      throw new Error(`a fork failed: ${JSON.stringify(result)}`);
    return { session: result.value.session, agentToken: result.value.agentToken };
  });
}

const ofSession = (value: string) => ({ $case: 'sessionId', value }) as const;
const ofSnapshot = (value: string) => ({ $case: 'snapshotId', value }) as const;

test('a running session is forked into eight: each has its files, none sees the others, its command goes on', async () => {
  const { admin } = service;
  const { id } = await session(admin);
  await sh(admin, id, "sed -i 's/a - b/a + b/' m.py; echo mine >/home/agent/note; rm tests/visible.py");
  const counting = admin.sessions.runCommand({
    sessionId: id,
    spec: {
      execId: 'counting',
      command: {
        $case: 'shellLine',
        value: 'for i in $(seq 40); do echo $i; sleep 0.05; done; echo $SECRET',
      },
    },
  });
  const answers = await fork({
    source: ofSession(id),
    count: 8,
    labels: { run: '7' },
    env: { EXTRA: 'yes' },
    secretEnv: { SECRET: 'hush' },
  });
  expect(answers.map(({ index }) => index)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  expect(answers.every(({ filesOnly }) => filesOnly)).toBe(true);
  expect(new Set(answers.map(({ snapshotId }) => snapshotId)).size).toBe(1);
  const ids = answers.map(({ result }) =>
    result?.$case === 'forked' ? (result.value.session?.sessionId ?? '') : '',
  );
  expect(new Set(ids).size).toBe(8);
  await Promise.all(
    ids.map(async (one, i) => {
      const seen = await sh(
        admin,
        one,
        `cat m.py /home/agent/note; ls tests; echo $EXTRA $SECRET; echo ${i} >own; ps -e | grep -c sleep`,
      );
      expect(seen.stdout).toBe('def add(a, b):\n    return a + b\nmine\nyes hush\n0\n');
    }),
  );
  for (const [i, one] of ids.entries()) expect((await sh(admin, one, 'cat own')).stdout).toBe(`${i}\n`);
  expect((await sh(admin, id, 'ls own')).code).toBe(2);
  const { session: first } = await admin.sessions.getSession({ sessionId: ids[0] ?? '' });
  expect(first).toMatchObject({
    state: SessionState.READY,
    labels: { run: '7' },
    env: { EXTRA: 'yes' },
    source: { $case: 'sample', value: { sampleId: 'add', version: 1 } },
    snapshotId: answers[0]?.snapshotId,
  });
  const done = await counting;
  expect(done.stdout?.head.toString()).toBe(
    Array.from({ length: 40 }, (_, i) => `${i + 1}\n`).join('') + '\n',
  );
  expect((await admin.sessions.listSnapshots({})).snapshots).toEqual([]);
});

test('a fork is verified and compared as of the sample, whatever it began as', async () => {
  const { admin } = service;
  const { id } = await session(admin);
  await sh(admin, id, "sed -i 's/a - b/a + b/' m.py");
  const [one] = await forked({ source: ofSession(id) });
  const forkId = one?.session.sessionId ?? '';
  await sh(admin, forkId, 'echo more >more.txt');
  let patch = '';
  for await (const { data } of admin.sessions.getDiff({ sessionId: forkId })) patch += data.toString();
  expect(patch).toContain('+    return a + b');
  expect(patch).toContain('+more');
  const { verification } = await admin.verifications.startVerification({
    subject: { $case: 'sessionId', value: forkId },
  });
  // Gone with all that stood on it, but for the verification.
  await admin.sessions.closeSessions({ all: true });
  const verificationId = verification?.verificationId ?? '';
  for await (const _ of admin.verifications.watchVerification({ verificationId }));
  const ended = await admin.verifications.getVerification({ verificationId });
  expect(ended.verification?.state).toBe(VerificationState.PASSED);
});

test('a snapshot outlives its session; sessions and forks begin as it, and its layers go with the last of them', async () => {
  const { admin } = service;
  const id = await hostSession(admin);
  await sh(admin, id, 'echo one >file; head -c 1M /dev/urandom >noise; mkdir d; echo x >d/x');
  const taken = await admin.sessions.createSnapshot({
    sessionId: id,
    labels: { step: '1' },
    requestId: 'take',
  });
  await sh(admin, id, 'echo two >file; rm -r d');
  const snapshotId = taken.snapshot?.snapshotId ?? '';
  expect(snapshotId).toMatch(/^snp_/);
  expect(Number(taken.snapshot?.sizeBytes)).toBeGreaterThanOrEqual(1024 ** 2);
  expect(Number(taken.snapshot?.sizeBytes)).toBeLessThan(1.2 * 1024 ** 2);
  await admin.sessions.closeSession({ sessionId: id });

  const again = await admin.sessions.createSnapshot({
    sessionId: id,
    labels: { step: '1' },
    requestId: 'take',
  });
  expect(again.snapshot).toEqual(taken.snapshot);
  expect((await admin.sessions.getSnapshot({ snapshotId })).snapshot).toEqual(taken.snapshot);
  const made = await admin.sessions.createSession({ source: ofSnapshot(snapshotId) });
  expect(made.session).toMatchObject({ state: SessionState.READY, snapshotId });
  const [other] = await forked({ source: ofSnapshot(snapshotId) });
  await admin.sessions.deleteSnapshot({ snapshotId });
  expect(await refusal(admin.sessions.getSnapshot({ snapshotId }))).toMatchObject({
    reason: 'SNAPSHOT_NOT_FOUND',
  });
  for (const one of [made.session?.sessionId ?? '', other?.session.sessionId ?? '']) {
    expect((await sh(admin, one, 'cat file d/x')).stdout).toBe('one\nx\n');
    expect(await snapshotLayers()).toHaveLength(2);
    await admin.sessions.closeSession({ sessionId: one });
  }
  await expect.poll(snapshotLayers).toEqual([]);
});

test('the same fork asked again gives the same sessions with fresh tokens, and makes what is missing from the same files', async () => {
  const { admin } = service;
  const id = await hostSession(admin);
  await sh(admin, id, 'echo then >file');
  const fill = await Promise.all(Array.from({ length: 16 }, () => hostSession(admin)));
  const request = { source: ofSession(id), count: 5, requestId: 'again' };
  const first = await fork(request);
  const made = first.flatMap(({ result }) => (result?.$case === 'forked' ? [result.value] : []));
  const failed = first.flatMap(({ result }) => (result?.$case === 'error' ? [result.value] : []));
  expect([made.length, failed.length]).toEqual([3, 2]);
  for (const error of failed) {
    expect(error).toMatchObject({ reason: 'SESSION_LIMIT', retryable: true });
    expect(Number(error.retryDelay?.seconds)).toBeGreaterThan(0);
  }
  await sh(admin, id, 'echo now >file');
  for (const sessionId of fill) await admin.sessions.closeSession({ sessionId });
  await admin.sessions.closeSession({ sessionId: id });
  const second = await forked(request);
  const ids = second.map((one) => one.session.sessionId);
  for (const one of made) expect(ids).toContain(one.session?.sessionId);
  const tokens = new Set([...made, ...second].map((one) => one.agentToken));
  expect(tokens.size).toBe(8);
  for (const sessionId of ids) expect((await sh(admin, sessionId, 'cat file')).stdout).toBe('then\n');
  expect(await refusal(fork({ ...request, count: 6 }))).toMatchObject({ reason: 'REQUEST_ID_REUSED' });
});
