import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CodesetClient, InvalidArgumentError, type Session } from '../../src/client/index.js';
import { addSample } from '../support/service.js';
import { TEST_IMAGE } from '../support/test-image.js';
import { startClient, thrown, type ClientUnderTest } from './client-under-test.js';

let under: ClientUnderTest;
let client: CodesetClient;
let session: Session;

beforeAll(async () => {
  under = await startClient();
  ({ client, session } = under);
});

afterAll(async () => {
  await under?.[Symbol.asyncDispose]();
});

describe('samples and verdicts', () => {
  test('a sample is registered, found, worked on and judged', async () => {
    const registered = await client.samples.register(addSample());
    expect(registered).toMatchObject({ sampleId: 'add', version: 1, state: 'READY', dataset: 'try' });
    expect(await client.samples.get('try/add@1')).toMatchObject({ task: 'add(1, 2) should be 3.\n' });
    const found = [];
    for await (const { sampleId } of client.samples.list({ search: 'ADDS' })) found.push(sampleId);
    for await (const dataset of client.samples.datasets()) found.push(dataset);
    expect(found).toEqual(['add', { name: 'try', sampleCount: 1 }]);

    await using own = await client.createSession({ sample: 'add' });
    const log: Buffer[] = [];
    const failed = await own.verify({ onLog: (data) => void log.push(data) });
    expect(failed).toMatchObject({
      state: 'FAILED',
      passed: false,
      fault: 'SUBJECT',
      failToPass: { total: 1, passed: 0 },
    });
    expect(failed.tests).toContainEqual(
      expect.objectContaining({
        name: 'tests::test_add',
        status: 'FAILED',
        list: 'FAIL_TO_PASS',
        message: 'wrong',
      }),
    );
    expect(Buffer.concat(log).toString()).toMatch(/^judged as /);
    await own.replaceInFile('m.py', 'a - b', 'a + b');
    const diff = await own.diff();
    expect(diff.toString()).toContain('+    return a + b');
    expect(await own.verify()).toMatchObject({ state: 'PASSED', passed: true, sessionId: own.id, score: 1 });

    const judged = await client.verifyPatch('add', diff);
    expect(judged).toMatchObject({ passed: true, sessionId: '' });
    expect(await client.getVerification(judged.verificationId)).toMatchObject({
      passed: true,
      storedBytes: { subject: diff.length },
      logExpired: false,
      subjectExpired: false,
      timeoutMs: 60_000,
    });
    expect(judged.serviceVersion).toMatch(/^\d+\.\d+/);
    expect(judged.limits?.memoryBytes).toBeGreaterThan(0);
    const ids = async (): Promise<string[]> => {
      const found: string[] = [];
      for await (const one of client.listVerifications({ sampleId: 'add', states: ['PASSED'] }))
        found.push(one.verificationId);
      return found;
    };
    expect((await ids())[0]).toBe(judged.verificationId);
    await client.deleteVerification(judged.verificationId);
    expect(await ids()).not.toContain(judged.verificationId);
    expect(await thrown(client.deleteVerification(judged.verificationId))).toMatchObject({
      reason: 'VERIFICATION_NOT_FOUND',
    });
    await using fresh = await client.createSession({ sample: 'add@1' });
    expect(await fresh.applyPatch(diff)).toEqual(['m.py']);
    expect(await thrown(fresh.applyPatch(diff))).toMatchObject({ reason: 'PATCH_REJECTED' });
  });

  test('a sample is validated, each run is told, and what was found is kept', async () => {
    const runs: string[] = [];
    const found = await client.samples.validate('add', {
      runs: 1,
      onRun: ({ subject, run, asExpected, verification: { state } }) =>
        void runs.push(`${subject} ${run} ${state} ${asExpected}`),
    });
    expect(runs).toEqual(['UNTOUCHED 1 FAILED true', 'REFERENCE 1 PASSED true']);
    expect(found).toMatchObject({
      valid: true,
      verdict: 'VALID',
      problems: [],
      reference: { asExpected: 1 },
    });
    expect((await client.samples.get('add')).validation).toEqual(found);
    expect(await thrown(client.samples.validate('nothing'))).toMatchObject({ reason: 'SAMPLE_NOT_FOUND' });
    const late = await thrown(client.samples.validate('add', { runs: 100, timeoutMs: 300 }));
    expect(late).toMatchObject({ code: 'DEADLINE_EXCEEDED' });
  });

  test('an agent that may verify is shown so much of so many verifications, and a snapshot is judged', async () => {
    await using own = await client.createSession({
      sample: 'add',
      agentMayVerify: { feedback: 'none' },
      feedback: 'verdict',
      maxVerifications: 2,
    });
    expect(await own.info()).toMatchObject({
      feedback: 'VERDICT',
      agentFeedback: 'NONE',
      maxVerifications: 2,
      verificationsBefore: 0,
    });
    await using agent = await CodesetClient.connect({
      address: under.service.address,
      apiKey: own.agentToken,
    });
    const seen = await agent.session(own.id).verify();
    expect(seen).toMatchObject({ state: 'ENDED', feedback: 'NONE', passed: false, score: undefined });
    const { snapshotId } = await own.snapshot();
    const judged = await client.verifySnapshot(snapshotId, { feedback: 'none' });
    expect(judged).toMatchObject({ state: 'FAILED', feedback: 'FULL', snapshotId, sessionId: own.id });
    expect(await thrown(agent.session(own.id).verify())).toMatchObject({
      code: 'RESOURCE_EXHAUSTED',
      reason: 'SESSION_VERIFICATION_LIMIT',
    });
    await client.deleteSnapshot(snapshotId);
  });

  test('a sample is audited, each finding is told', async () => {
    const attempts: string[] = [];
    const cheats = ['searched-session', 'go-test-main'];
    const clean = await client.samples.audit('add', {
      cheats,
      onAttempt: ({ cheat, outcome, judged }) => void attempts.push(`${cheat} ${outcome} ${judged?.state}`),
    });
    expect(clean).toMatchObject({
      verdict: 'CLEAN',
      clean: true,
      findings: [],
      counts: { held: 1, skipped: 1 },
    });
    expect(attempts.sort()).toEqual(['go-test-main SKIPPED undefined', 'searched-session HELD FAILED']);
    const line = 'sys.path.insert(0, os.getcwd())';
    const environment = `{host: {requires: [python3]}, image: ${TEST_IMAGE}, env: {HINT: "${line}"}}`;
    await client.samples.register(addSample([], '', environment, 'hinting'));
    const told: string[] = [];
    const found = await client.samples.audit('hinting', {
      cheats: [],
      onFinding: ({ kind, hint, area, path, excerpt }) =>
        void told.push(`${kind} ${hint} ${area} ${path} ${excerpt}`),
    });
    expect(told).toEqual([`HIDDEN_FILE true ENVIRONMENT HINT ${line}`]);
    expect(found).toMatchObject({
      clean: true,
      findingCount: 1,
      findings: [{ source: 'verification/check.py' }],
    });
    expect(await thrown(client.samples.audit('nothing'))).toMatchObject({ reason: 'SAMPLE_NOT_FOUND' });
  });

  test('a session without a sample cannot be judged', async () => {
    expect(await thrown(session.verify())).toMatchObject({
      code: 'FAILED_PRECONDITION',
      reason: 'SAMPLE_NOT_FOUND',
    });
  });

  test('a bad sample tells where', async () => {
    const error = await thrown(client.samples.register(addSample([], 'what: 1')));
    expect(error).toBeInstanceOf(InvalidArgumentError);
    expect(error).toMatchObject({ reason: 'INVALID_MANIFEST' });
    expect((error as InvalidArgumentError).violations).not.toEqual([]);
  });
});
