import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { InvalidArgumentError, type CodesetClient, type Session } from '../../src/client/index.js';
import { addSample } from '../support/service.js';
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
    expect(await client.getVerification(judged.verificationId)).toMatchObject({ passed: true });
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
