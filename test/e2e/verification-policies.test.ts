import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Feedback, VerificationScope } from '../../gen/codeset/v1/sample.js';
import type { CreateSessionRequest, DeepPartial } from '../../gen/codeset/v1/session_service.js';
import { Fault, VerificationState, type Verification } from '../../gen/codeset/v1/verification.js';
import { KeyAdmin } from '../../src/key-admin.js';
import { connect, refusal, type TestClient } from '../rpc/client.js';
import { DOCKER_START_MS } from '../support/docker.js';
import { environmentHere } from '../support/engine-here.js';
import { addSample, register, sh, startService, type TestService } from '../support/service.js';

const PERMISSION_DENIED = 7;
const NOT_FOUND = 5;
const RESOURCE_EXHAUSTED = 8;
const { NONE, VERDICT, FULL } = Feedback;

let service: TestService;
let admin: TestClient;
let runner: TestClient;
/** What it is judged by imports it. */
const NEVER_ENDING = "echo 'import time; time.sleep(300)' > m.py";

beforeAll(async () => {
  service = await startService({ maxVerifications: '1' });
  admin = service.admin;
  await using keys = await KeyAdmin.open(service.dataDir);
  runner = connect(service.address, (await keys.create('RUNNER', 'policies')).secret);
  await register(admin, addSample());
  const manifest = '  feedback: verdict\n  max_verifications: 2\n';
  await register(admin, addSample([], manifest, undefined, 'strict'));
}, DOCKER_START_MS);

afterAll(async () => {
  runner?.[Symbol.dispose]();
  await service?.[Symbol.asyncDispose]();
});

interface Made extends AsyncDisposable {
  readonly id: string;
  readonly agent: TestClient;
}

async function sessionOf(
  source: DeepPartial<CreateSessionRequest>['source'],
  more: DeepPartial<CreateSessionRequest> = {},
): Promise<Made> {
  const { session, agentToken } = await runner.sessions.createSession({ ...more, ...(source && { source }) });
  const { sessionId = '' } = session ?? {};
  const agent = connect(service.address, agentToken);
  return {
    id: sessionId,
    agent,
    [Symbol.asyncDispose]: async () => {
      agent[Symbol.dispose]();
      await admin.sessions.closeSession({ sessionId });
    },
  };
}

const sample = (sampleId: string) => ({ $case: 'sample', value: { sampleId } }) as const;
const ofSession = (value: string) => ({ $case: 'sessionId', value }) as const;
const ofSnapshot = (value: string) => ({ $case: 'snapshotId', value }) as const;

async function start(client: TestClient, sessionId: string, feedback?: Feedback): Promise<string> {
  const { verification } = await client.verifications.startVerification({
    subject: ofSession(sessionId),
    ...(feedback === undefined ? {} : { feedback }),
  });
  return verification?.verificationId ?? '';
}

/** All that a client can read of a verification, once it has ended. */
async function seen(client: TestClient, verificationId: string) {
  let log = '';
  const watched: (Verification | undefined)[] = [];
  for await (const { event } of client.verifications.watchVerification({ verificationId })) {
    if (event?.$case === 'log') log += event.value.data.toString();
    else watched.push(event?.value);
  }
  let again = '';
  for (const logOffset of [0n, 4n, 1_000_000n]) {
    for await (const { event } of client.verifications.watchVerification({ verificationId, logOffset })) {
      if (event?.$case === 'log') again += event.value.data.toString();
      else watched.push(event?.value);
    }
  }
  const { verification } = await client.verifications.getVerification({ verificationId });
  const { verifications } = await client.verifications.listVerifications({
    sessionId: verification?.sessionId ?? '',
  });
  const listed = verifications.find((one) => one.verificationId === verificationId);
  if (verification === undefined) throw new Error('The verification is gone.');
  return { verification, listed, watched, log: log + again, text: textOf([verification, listed, watched]) };
}

function textOf(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) => (typeof part === 'bigint' ? String(part) : part));
}

async function found(client: TestClient, sessionId: string, state: VerificationState): Promise<string[]> {
  const { verifications } = await client.verifications.listVerifications({ sessionId, states: [state] });
  return verifications.map((one) => one.verificationId);
}

describe('feedback', () => {
  test('NONE tells a runner that a verification ended, whatever it asks', async () => {
    await using session = await sessionOf(sample('add'), { feedback: NONE });
    const id = await start(runner, session.id, FULL);
    const { verification, watched, log, text } = await seen(runner, id);
    expect(verification).toMatchObject({
      state: VerificationState.ENDED,
      feedback: NONE,
      fault: Fault.UNSPECIFIED,
      result: undefined,
      status: undefined,
      message: '',
      logBytes: 0n,
      subjectDigest: '',
    });
    expect(verification.endTime).toBeDefined();
    const states = new Set(watched.map((one) => one?.state));
    for (const state of [VerificationState.PASSED, VerificationState.FAILED]) {
      expect(states).not.toContain(state);
      expect(await found(runner, session.id, state)).toEqual([]);
    }
    expect(await found(runner, session.id, VerificationState.ENDED)).toEqual([id]);
    expect(log).toBe('');
    expect(text).not.toMatch(/test_add|FAILED|judged/);
    const late = await refusal(runner.verifications.cancelVerification({ verificationId: id }));
    expect(late).toMatchObject({ reason: 'VERIFICATION_ENDED', text: 'The verification has ended already.' });

    const all = await seen(admin, id);
    expect(all.verification).toMatchObject({ state: VerificationState.FAILED, feedback: FULL });
    expect(all.text).toContain('test_add');
    expect(all.log).toContain('judged as');
    expect(await found(admin, session.id, VerificationState.FAILED)).toEqual([id]);
  });

  test('VERDICT tells state and score, and neither tests nor log', async () => {
    await using session = await sessionOf(sample('add'));
    const { verification, log, text } = await seen(runner, await start(runner, session.id, VERDICT));
    expect(verification).toMatchObject({
      state: VerificationState.FAILED,
      feedback: VERDICT,
      fault: Fault.SUBJECT,
      result: { score: 1 / 3, rule: '', tests: [], failToPass: undefined },
      status: undefined,
      message: '',
      logDigest: '',
      subjectDigest: '',
    });
    expect(log).toBe('');
    expect(text).not.toMatch(/test_add|judged/);
  });

  test('of a sample holds for sessions and patches that ask for more', async () => {
    const { sample: shown } = await runner.samples.getSample({ sample: { sampleId: 'strict' } });
    expect(shown?.verification).toMatchObject({ feedback: VERDICT, maxVerifications: 2 });
    await using session = await sessionOf(sample('strict'), { feedback: FULL, maxVerifications: 9 });
    const { session: info } = await runner.sessions.getSession({ sessionId: session.id });
    expect(info).toMatchObject({ feedback: VERDICT, maxVerifications: 2, agentMayVerify: false });
    const { verification } = await runner.verifications.startVerification({
      subject: { $case: 'patch', value: { sample: { sampleId: 'strict' }, diff: Buffer.alloc(0) } },
      feedback: FULL,
    });
    const patch = await seen(runner, verification?.verificationId ?? '');
    expect(patch.verification).toMatchObject({ feedback: VERDICT, state: VerificationState.FAILED });
    expect(patch.log).toBe('');
  });
});

describe('an agent', () => {
  test('of a session that was created without agent_may_verify is refused at every door', async () => {
    await using session = await sessionOf(sample('add'));
    const verificationId = await start(runner, session.id);
    const { verifications } = session.agent;
    for (const call of [
      () => verifications.startVerification({ subject: ofSession(session.id) }),
      () => verifications.getVerification({ verificationId }),
      () => verifications.listVerifications({}),
      () => verifications.listVerifications({ sessionId: session.id, states: [VerificationState.FAILED] }),
      () => verifications.watchVerification({ verificationId, logOffset: 4n }),
    ]) {
      const refused = await refusal(call());
      expect(refused).toMatchObject({ code: PERMISSION_DENIED, reason: 'ROLE_INSUFFICIENT' });
      expect(refused.text).toContain('agent_may_verify');
    }
    expect(await refusal(verifications.cancelVerification({ verificationId }))).toMatchObject({
      code: PERMISSION_DENIED,
    });
  });

  test('that may verify is shown its own verifications as far as was said, and no others', async () => {
    await using session = await sessionOf(sample('add'), { agentMayVerify: true });
    await using other = await sessionOf(sample('add'), { agentMayVerify: true, agentFeedback: FULL });
    const { agent } = session;
    const { session: info } = await runner.sessions.getSession({ sessionId: session.id });
    expect(info).toMatchObject({ agentMayVerify: true, agentFeedback: VERDICT, feedback: FULL });

    const own = await start(agent, session.id, FULL);
    const shown = await seen(agent, own);
    expect(shown.verification).toMatchObject({ state: VerificationState.FAILED, feedback: VERDICT });
    expect(shown.log).toBe('');
    expect(shown.text).not.toMatch(/test_add|judged/);
    // The runner's own verification of the session is the agent's to see, as far.
    const theirs = await start(runner, session.id);
    expect((await seen(agent, theirs)).verification).toMatchObject({ feedback: VERDICT, message: '' });
    const full = await start(other.agent, other.id);
    expect((await seen(other.agent, full)).log).toContain('judged as');

    const { verifications } = agent;
    const all = await verifications.listVerifications({});
    expect(all.verifications.map((one) => one.verificationId)).toEqual([theirs, own]);
    for (const call of [
      () => verifications.getVerification({ verificationId: full }),
      () => verifications.watchVerification({ verificationId: full }),
      () => verifications.listVerifications({ sessionId: other.id }),
      () => verifications.startVerification({ subject: ofSession(other.id) }),
    ]) {
      expect(await refusal(call())).toMatchObject({ code: NOT_FOUND });
    }
    const { snapshot } = await runner.sessions.createSnapshot({ sessionId: session.id });
    const { snapshotId = '' } = snapshot ?? {};
    const patch = { sample: { sampleId: 'add' }, diff: Buffer.alloc(0) };
    for (const call of [
      () => verifications.startVerification({ subject: ofSnapshot(snapshotId) }),
      () => verifications.startVerification({ subject: { $case: 'patch', value: patch } }),
      () => verifications.cancelVerification({ verificationId: own }),
      () => agent.sessions.forkSession({ source: ofSession(session.id) }),
      () => agent.sessions.createSnapshot({ sessionId: session.id }),
      () => agent.sessions.createSession({ source: ofSnapshot(snapshotId), agentMayVerify: true }),
      () => agent.sessions.getSession({ sessionId: session.id }),
    ]) {
      expect(await refusal(call())).toMatchObject({ code: PERMISSION_DENIED, reason: 'ROLE_INSUFFICIENT' });
    }
    const scoped = verifications.startVerification({
      subject: ofSession(session.id),
      scope: VerificationScope.PATCH,
    });
    expect(await refusal(scoped)).toMatchObject({ reason: 'INVALID_FIELD', fields: ['scope'] });
    await runner.sessions.deleteSnapshot({ snapshotId });
  });

  test('with feedback NONE learns nothing from lists by state', async () => {
    await using session = await sessionOf(sample('add'), { agentMayVerify: true, agentFeedback: NONE });
    const id = await start(session.agent, session.id);
    const shown = await seen(session.agent, id);
    expect(shown.verification).toMatchObject({ state: VerificationState.ENDED, result: undefined });
    expect(shown.log).toBe('');
    expect(await found(session.agent, '', VerificationState.FAILED)).toEqual([]);
    expect(await found(session.agent, '', VerificationState.ENDED)).toEqual([id]);
    expect(await found(runner, session.id, VerificationState.FAILED)).toEqual([id]);
  });

  test('can take no request id from a runner', async () => {
    await using session = await sessionOf(sample('add'), { agentMayVerify: true });
    const ask = { subject: ofSession(session.id), requestId: `final-${session.id}` };
    const first = await session.agent.verifications.startVerification(ask);
    const again = await session.agent.verifications.startVerification(ask);
    await sh(session.agent, session.id, "sed -i 's/a - b/a + b/' m.py");
    const final = await runner.verifications.startVerification(ask);
    expect(again.verification?.verificationId).toBe(first.verification?.verificationId);
    expect(final.verification?.verificationId).not.toBe(first.verification?.verificationId);
    const { verification } = await seen(runner, final.verification?.verificationId ?? '');
    expect(verification.state).toBe(VerificationState.PASSED);
  });
});

describe('max_verifications', () => {
  test('holds for those started at once, and one that is cancelled gives its place back', async () => {
    await using session = await sessionOf(sample('strict'), { agentMayVerify: true });
    await sh(runner, session.id, NEVER_ENDING);
    const calls = Array.from({ length: 8 }, (_, i) =>
      start(i % 2 === 0 ? runner : session.agent, session.id),
    );
    const results = await Promise.allSettled(calls);
    const started = results.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    expect(started).toHaveLength(2);
    const refused = await refusal(start(session.agent, session.id));
    expect(refused).toMatchObject({
      code: RESOURCE_EXHAUSTED,
      reason: 'SESSION_VERIFICATION_LIMIT',
      retry: false,
    });
    expect(refused.text).toContain('2 verifications');
    await admin.verifications.cancelVerification({ verificationId: started[0] ?? '' });
    await sh(runner, session.id, 'echo "#" > m.py');
    started.push(await start(session.agent, session.id));
    expect(await refusal(start(runner, session.id))).toMatchObject({ code: RESOURCE_EXHAUSTED });
    await admin.verifications.cancelVerification({ verificationId: started[1] ?? '' });
    await seen(admin, started[2] ?? '');
  });

  test('is not escaped by a fork, a snapshot, or what is made from one', async () => {
    await using session = await sessionOf(sample('add'), { maxVerifications: 2, agentMayVerify: true });
    await seen(admin, await start(session.agent, session.id));
    const forks: string[] = [];
    const ask = { source: ofSession(session.id), count: 1 };
    for await (const { result } of runner.sessions.forkSession(ask)) {
      if (result?.$case !== 'forked') throw new Error('a fork failed');
      const { session: fork, agentToken } = result.value;
      expect(fork).toMatchObject({ maxVerifications: 2, verificationsBefore: 1, agentMayVerify: true });
      forks.push(fork?.sessionId ?? '');
      using agent = connect(service.address, agentToken);
      await seen(admin, await start(agent, fork?.sessionId ?? ''));
      expect(await refusal(start(agent, fork?.sessionId ?? ''))).toMatchObject({ code: RESOURCE_EXHAUSTED });
    }
    const { snapshot } = await runner.sessions.createSnapshot({ sessionId: session.id });
    const source = ofSnapshot(snapshot?.snapshotId ?? '');
    // The snapshot's verification is the session's last.
    const { verification } = await runner.verifications.startVerification({ subject: source });
    await seen(admin, verification?.verificationId ?? '');
    for (const subject of [source, ofSession(session.id)]) {
      const refused = await refusal(runner.verifications.startVerification({ subject }));
      expect(refused).toMatchObject({ code: RESOURCE_EXHAUSTED, reason: 'SESSION_VERIFICATION_LIMIT' });
    }
    // Taken when one was used; asking for more does not help.
    await using made = await sessionOf(source, { maxVerifications: 50 });
    const { session: info } = await runner.sessions.getSession({ sessionId: made.id });
    expect(info).toMatchObject({ maxVerifications: 2, verificationsBefore: 1, agentMayVerify: false });
    for (const sessionId of forks) await admin.sessions.closeSession({ sessionId });
    await runner.sessions.deleteSnapshot({ snapshotId: snapshot?.snapshotId ?? '' });
  });

  test('and what goes with it has to make sense', async () => {
    const negative = runner.sessions.createSession({ source: sample('add'), maxVerifications: -1 });
    expect(await refusal(negative)).toMatchObject({ fields: ['max_verifications'] });
    const alone = runner.sessions.createSession({ source: sample('add'), agentFeedback: FULL });
    expect(await refusal(alone)).toMatchObject({ fields: ['agent_feedback'] });
    const unknown = runner.sessions.createSession({ source: sample('add'), feedback: 99 as Feedback });
    expect(await refusal(unknown)).toMatchObject({ fields: ['feedback'] });
  });
});

describe('a snapshot', () => {
  test('is judged as its session was, when both are gone', async () => {
    const session = await sessionOf(sample('add'));
    await sh(runner, session.id, "sed -i 's/a - b/a + b/' m.py");
    const { snapshot } = await runner.sessions.createSnapshot({ sessionId: session.id });
    const { snapshotId = '' } = snapshot ?? {};
    const now = await seen(admin, await start(runner, session.id));
    await sh(runner, session.id, 'rm m.py');
    await session[Symbol.asyncDispose]();

    // One that never ends keeps the only place, so that what is asked for next waits.
    await using other = await sessionOf(sample('strict'));
    await sh(runner, other.id, NEVER_ENDING);
    const first = await start(admin, other.id);
    const { verification } = await runner.verifications.startVerification({
      subject: ofSnapshot(snapshotId),
    });
    expect(verification).toMatchObject({ snapshotId, sessionId: session.id });
    await runner.sessions.deleteSnapshot({ snapshotId });
    await admin.verifications.cancelVerification({ verificationId: first });
    const { verification: judged } = await seen(admin, verification?.verificationId ?? '');
    expect(judged).toMatchObject({ state: VerificationState.PASSED, snapshotId });
    expect(judged.subjectDigest).toBe(now.verification.subjectDigest);
    const { verifications } = await runner.verifications.listVerifications({ sessionId: session.id });
    expect(verifications.map((one) => one.snapshotId)).toEqual([snapshotId, '']);
  });

  test('of a session without a sample, or that is not there, is refused', async () => {
    const gone = runner.verifications.startVerification({ subject: ofSnapshot('snp_none') });
    expect(await refusal(gone)).toMatchObject({ code: NOT_FOUND, reason: 'SNAPSHOT_NOT_FOUND' });
    const { session } = await runner.sessions.createSession({
      source: { $case: 'environment', value: environmentHere('sh') },
    });
    const { sessionId = '' } = session ?? {};
    const { snapshot } = await runner.sessions.createSnapshot({ sessionId });
    const subject = ofSnapshot(snapshot?.snapshotId ?? '');
    expect(await refusal(runner.verifications.startVerification({ subject }))).toMatchObject({
      reason: 'SAMPLE_NOT_FOUND',
    });
    await admin.sessions.closeSession({ sessionId });
    await admin.sessions.deleteSnapshot({ snapshotId: snapshot?.snapshotId ?? '' });
  });
});
