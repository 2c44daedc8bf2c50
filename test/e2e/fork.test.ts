import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { ForkSessionResponse } from '../../gen/codeset/v1/session_service.js';
import { SessionState, type Session } from '../../gen/codeset/v1/session.js';
import { VerificationState } from '../../gen/codeset/v1/verification.js';
import { refusal } from '../rpc/client.js';
import { DOCKER_START_MS } from '../support/docker.js';
import { environmentHere } from '../support/engine-here.js';
import { keptLayers, killSandbox } from '../support/engine-parts.js';
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
}, DOCKER_START_MS);

afterEach(async () => {
  await service.admin.sessions.closeSessions({ all: true });
  for (const { snapshotId } of (await service.admin.sessions.listSnapshots({})).snapshots)
    await service.admin.sessions.deleteSnapshot({ snapshotId });
  await expect.poll(snapshotLayers).toEqual([]);
});

afterAll(() => service?.[Symbol.asyncDispose]());

async function snapshotLayers(): Promise<readonly string[]> {
  return (await keptLayers(service.dataDir)).filter((name) => name.includes('snap-'));
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

test(
  'a chain of forty forks has what each of them did, and leaves no layer',
  { timeout: 300_000 },
  async () => {
    const { admin } = service;
    let id = (await session(admin)).id;
    const expected = new Map<string, string>();
    for (let step = 0; step < 40; step++) {
      // Made, changed, renamed and removed at every height of the stack.
      const line = `set -e; echo ${step} >f${step}; echo ${step} >last; mkdir -p d${step % 7}; echo ${step} >d${step % 7}/in
mv d${step % 7} e && mv e d${step % 7}; rm -f f${step - 3}; echo ${step} >/home/agent/n${step % 5}`;
      expect((await sh(admin, id, line)).code).toBe(0);
      expected.set(`f${step}`, String(step)).delete(`f${step - 3}`);
      expected.set('last', String(step)).set(`d${step % 7}/in`, String(step));
      expected.set(`/home/agent/n${step % 5}`, String(step));
      const [next] = await forked({ source: ofSession(id) });
      await admin.sessions.closeSession({ sessionId: id });
      id = next?.session.sessionId ?? '';
    }
    const names = [...expected.keys()].sort();
    const seen = await sh(
      admin,
      id,
      `cat ${names.join(' ')}; ls -d f*; cat m.py | head -1; ls -A .git | grep -c HEAD`,
    );
    expect(seen.stdout).toBe(
      `${names.map((name) => `${expected.get(name)}\n`).join('')}f37\nf38\nf39\ndef add(a, b):\n1\n`,
    );
    // The baseline is the sample's, whatever the files stand on.
    let patch = '';
    for await (const { data } of admin.sessions.getDiff({ sessionId: id })) patch += data.toString();
    expect([...patch.matchAll(/^diff --git a\/(\S+)/gm)].map((match) => match[1])).toEqual(
      names.filter((name) => !name.startsWith('/')),
    );
  },
);

test('a fork that is given up makes no more sessions, and closes those that it has not told of', async () => {
  const { admin } = service;
  const id = await hostSession(admin);
  const labels = { fork: 'given-up' };
  for await (const { result } of admin.sessions.forkSession({ source: ofSession(id), count: 18, labels })) {
    expect(result?.$case).toBe('forked');
    break;
  }
  const count = async (...states: SessionState[]): Promise<number> =>
    (await admin.sessions.listSessions({ labels, states })).totalSize;
  // Several are on their way when the first is told.
  await expect.poll(() => count(SessionState.CLOSED)).toBeGreaterThan(0);
  await expect.poll(() => count(SessionState.CREATING)).toBe(0);
  expect(await count()).toBeLessThan(18);
  // With a request id it is made to its end, and the next asker gets it.
  const named = { source: ofSession(id), count: 4, requestId: 'named' };
  const told: string[] = [];
  for await (const { result } of admin.sessions.forkSession(named)) {
    if (result?.$case === 'forked') told.push(result.value.session?.sessionId ?? '');
    break;
  }
  const all = await forked(named);
  expect(all).toHaveLength(4);
  expect(all.map(({ session: made }) => made.sessionId)).toContain(told[0]);
});

test('the same fork asked twice at once is one', async () => {
  const { admin } = service;
  const id = await hostSession(admin);
  const request = { source: ofSession(id), count: 3, requestId: 'twice' };
  const [one, other, refused] = await Promise.all([
    forked(request),
    forked(request),
    refusal(fork({ ...request, count: 2 })),
  ]);
  expect(refused).toMatchObject({ reason: 'REQUEST_ID_REUSED' });
  expect(one.map(({ session: made }) => made.sessionId)).toEqual(
    other.map(({ session: made }) => made.sessionId),
  );
  expect(new Set([...one, ...other].map(({ agentToken }) => agentToken)).size).toBe(6);
});

test('a snapshot that is being forked is not deleted; deletes and forks side by side harm no session', async () => {
  const { admin } = service;
  const id = await hostSession(admin);
  await sh(admin, id, 'echo kept >file');
  const { snapshot } = await admin.sessions.createSnapshot({ sessionId: id });
  const snapshotId = snapshot?.snapshotId ?? '';
  let refusals = 0;
  let deleted = false;
  const answers: ForkSessionResponse[] = [];
  for await (const answer of admin.sessions.forkSession({ source: ofSnapshot(snapshotId), count: 6 })) {
    answers.push(answer);
    if (answers.length === 1) {
      expect(await refusal(admin.sessions.deleteSnapshot({ snapshotId }))).toMatchObject({
        reason: 'SNAPSHOT_IN_USE',
        retry: true,
      });
      refusals++;
    }
  }
  expect(refusals).toBe(1);
  const racing = Array.from({ length: 6 }, async (_, i) => {
    if (i === 3) {
      deleted = await admin.sessions.deleteSnapshot({ snapshotId }).then(
        () => true,
        () => false,
      );
    }
    return admin.sessions.createSession({ source: ofSnapshot(snapshotId) }).catch(() => undefined);
  });
  const made = (await Promise.all(racing)).flatMap((one) => one?.session?.sessionId ?? []);
  expect(deleted).toBe(true);
  const forks = answers.flatMap(({ result }) =>
    result?.$case === 'forked' ? (result.value.session?.sessionId ?? []) : [],
  );
  expect(forks).toHaveLength(6);
  for (const one of [...forks, ...made]) expect((await sh(admin, one, 'cat file')).stdout).toBe('kept\n');
});

test('what a session keeps secret is in no snapshot of it, on record or in files, and no fork gets it', async () => {
  const { admin } = service;
  const secret = 'hush-0f9c1d';
  const { session: made } = await admin.sessions.createSession({
    source: { $case: 'environment', value: environmentHere() },
    env: { OPEN: 'yes' },
    secretEnv: { SECRET: secret },
  });
  const id = made?.sessionId ?? '';
  expect((await sh(admin, id, 'echo $SECRET')).stdout).toBe(`${secret}\n`);
  await admin.sessions.createSnapshot({ sessionId: id });
  const [one] = await forked({ source: ofSession(id) });
  expect((await sh(admin, one?.session.sessionId ?? '', 'echo $OPEN:$SECRET')).stdout).toBe('yes:\n');
  const { stdout } = await promisify(execFile)('grep', [
    '-rlaF',
    '--exclude-dir=secrets',
    secret,
    service.dataDir,
  ]).catch((error: unknown) => error as { stdout: string });
  // What the command printed is its own record.
  expect(stdout.split('\n').filter((path) => path !== '' && !path.includes('/execs/'))).toEqual([]);
});

test('a session whose sandbox was lost is a clear error, and so is a sample that snapshots need', async () => {
  const { admin } = service;
  const { id } = await session(admin);
  const { snapshot } = await admin.sessions.createSnapshot({ sessionId: id });
  // The end of PID 1 is the end of the sandbox.
  const { session: shown } = await admin.sessions.getSession({ sessionId: id });
  await killSandbox(service.dataDir, join(service.dataDir, '../run'), shown?.sessionId ?? '');
  await expect
    .poll(async () => (await admin.sessions.getSession({ sessionId: id })).session?.state)
    .toBe(SessionState.ERROR);
  const lost = { reason: 'SESSION_LOST' };
  expect(await refusal(admin.sessions.createSnapshot({ sessionId: id }))).toMatchObject(lost);
  expect(await refusal(fork({ source: ofSession(id) }))).toMatchObject(lost);
  await admin.sessions.closeSession({ sessionId: id });
  expect(await refusal(admin.samples.deleteSample({ sample: { sampleId: 'add' } }))).toMatchObject({
    reason: 'SAMPLE_IN_USE',
    text: expect.stringContaining(snapshot?.snapshotId ?? '-') as string,
  });
});
