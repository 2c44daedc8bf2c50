import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  SampleView,
  ValidationProblemKind,
  ValidationSubject,
  ValidationVerdict,
} from '../../gen/codeset/v1/sample.js';
import type { Validation } from '../../gen/codeset/v1/sample.js';
import type { ValidateSampleResponse } from '../../gen/codeset/v1/sample_service.js';
import { VerificationState } from '../../gen/codeset/v1/verification.js';
import { KeyAdmin } from '../../src/key-admin.js';
import { packFiles, type MemoryFile } from '../../src/samples/pack.js';
import type { TestClient } from '../rpc/client.js';
import { keptLayers, keptSandboxes } from '../support/engine-parts.js';
import { extent } from '../support/extent.js';
import { startApp, type RunningApp } from '../support/running-app.js';
import { register } from '../support/service.js';
import { TEST_IMAGE } from '../support/test-image.js';

let running: RunningApp;
let admin: TestClient;

const PATCH = `--- a/answer
+++ b/answer
@@ -1 +1 @@
-41
+42
`;
const SOLVED: MemoryFile = { path: 'solution/solution.patch', content: PATCH };
const LISTS = '  fail_to_pass: [answers]\n  pass_to_pass: [keeps]';
const OPEN = [VerificationState.PENDING, VerificationState.RUNNING];

/** A sample whose `answer` has to become 42. @param report shell lines that print further lines of its TAP report */
function sample(
  sampleId: string,
  { report = 'echo "ok - keeps"', lists = LISTS, solution = [SOLVED] as readonly MemoryFile[] } = {},
): AsyncIterable<Buffer> {
  const manifest = `sample_id: ${sampleId}
dataset: validation
environment: {host: {requires: []}, image: ${TEST_IMAGE}}
verification:
  timeout: 60s
  report: {format: tap, paths: ["*.tap"]}
${lists}
`;
  const script = `#!/bin/sh
exec > "$CODESET_REPORT_DIR/report.tap"
if [ "$(cat answer)" = 42 ]; then echo 'ok - answers'; else echo 'not ok - answers'; fi
{ ${report}
} > /tmp/more
cat /tmp/more
echo 1..$(($(wc -l < /tmp/more) + 1))
! grep -q '^not ok' "$CODESET_REPORT_DIR/report.tap"
`;
  return packFiles([
    { path: 'sample.yaml', content: manifest },
    { path: 'task.md', content: 'The answer is 42.\n' },
    { path: 'codebase/answer', content: '41\n' },
    { path: 'verification/run', content: script, executable: true },
    ...solution,
  ]) as AsyncIterable<Buffer>;
}

beforeAll(async () => {
  running = await startApp({ flags: { maxVerifications: '4', diskReserve: '64MiB' } });
  admin = running.client();
}, 120_000);

afterAll(async () => {
  await running?.[Symbol.asyncDispose]();
});

/** All that a validation told, and what it found. */
async function validate(
  sampleId: string,
  runs: number,
  concurrency = 4,
): Promise<{ told: readonly ValidateSampleResponse[]; found: Validation }> {
  const told: ValidateSampleResponse[] = [];
  const ask = { sample: { sampleId }, runs, concurrency };
  for await (const message of admin.samples.validateSample(ask)) told.push(message);
  const last = told.at(-1)?.event;
  if (last?.$case !== 'validation') throw new Error('A validation ended without its outcome.');
  return { told, found: last.value };
}

const problemsOf = ({ problems }: Validation): string[] =>
  problems.map(({ kind, test: name }) => `${ValidationProblemKind[kind]} ${name}`.trim()).sort();

async function openVerifications(): Promise<number> {
  return (await admin.verifications.listVerifications({ states: OPEN })).verifications.length;
}

test('a good sample is VALID, each run is told, and the version keeps what was found over a restart', async () => {
  await register(admin, sample('good'));
  expect(
    (await admin.samples.getSample({ sample: { sampleId: 'good' } })).sample?.validation,
  ).toBeUndefined();
  const { told, found } = await validate('good', extent(2, 5), 1000);
  const runs = extent(2, 5);
  expect(found).toMatchObject({
    verdict: ValidationVerdict.VALID,
    runs,
    // No more than the service runs at once.
    concurrency: 4,
    untouched: { judged: runs, asExpected: runs, errors: 0 },
    reference: { judged: runs, asExpected: runs, errors: 0 },
    problems: [],
  });
  const ended = told.flatMap(({ event }) => (event?.$case === 'run' ? [event.value] : []));
  expect(ended.length).toBe(2 * runs);
  expect(ended.every(({ asExpected }) => asExpected)).toBe(true);
  expect(new Set(ended.map(({ subject, run }) => `${subject} ${run}`)).size).toBe(2 * runs);
  const { verification } = await admin.verifications.getVerification({
    verificationId: ended[0]?.verification?.verificationId ?? '',
  });
  expect([verification?.sessionId, verification?.result?.tests.length]).toEqual(['', 2]);

  await running.restart();
  admin = running.client();
  const kept = { ...found, problems: [] };
  const list = await admin.samples.listSamples({ search: 'good' });
  expect(list.samples[0]?.validation).toEqual(kept);
  await register(admin, sample('good', { report: 'echo "ok - keeps"; :' }));
  const { sample: next } = await admin.samples.getSample({ sample: { sampleId: 'good' } });
  expect([next?.version, next?.validation]).toEqual([2, undefined]);
  const first = await admin.samples.getSample({ sample: { sampleId: 'good', version: 1 } });
  expect(first.sample?.validation).toEqual(kept);
});

test('one subject alone is judged, says nothing of the other, and is not kept', async () => {
  await register(admin, sample('half'));
  for (const [subject, name] of [
    [ValidationSubject.REFERENCE, 'The reference solution'],
    [ValidationSubject.UNTOUCHED, 'the untouched codebase'],
  ] as const) {
    const told: ValidateSampleResponse[] = [];
    const ask = { sample: { sampleId: 'half' }, runs: 1, subject };
    for await (const message of admin.samples.validateSample(ask)) told.push(message);
    expect(told.map(({ event }) => (event?.$case === 'run' ? event.value.subject : event?.$case))).toEqual([
      subject,
      'validation',
    ]);
    const last = told.at(-1)?.event;
    expect(last?.value).toMatchObject({ verdict: ValidationVerdict.INCONCLUSIVE, problems: [] });
    expect(last?.value).toMatchObject({ summary: expect.stringMatching(`^Only .*${name}`) as string });
  }
  const { sample: kept } = await admin.samples.getSample({ sample: { sampleId: 'half' } });
  expect(kept?.validation).toBeUndefined();
  const wrong = admin.samples.validateSample({
    sample: { sampleId: 'half' },
    subject: 9 as ValidationSubject,
  });
  await expect(wrong[Symbol.asyncIterator]().next()).rejects.toThrow('subject: is not a subject');
});

test('flaky tests are named, with how often; the sample says that verdicts disagreed', async () => {
  const coin =
    'if [ $(($(od -An -N1 -tu1 /dev/urandom) % 2)) = 0 ]; then echo "ok - keeps"; else echo "not ok - keeps"; fi';
  await register(admin, sample('flaky', { report: coin }));
  let { found } = await validate('flaky', 4);
  // All four heads: once in eight times.
  for (let more = 0; more < 8 && !problemsOf(found).includes('FLAKY_VERDICT'); more++)
    ({ found } = await validate('flaky', 4));
  expect(found.verdict).toBe(ValidationVerdict.INVALID);
  expect(problemsOf(found)).toContain('FLAKY_TEST keeps');
  const flaky = found.problems.find(({ test: name }) => name === 'keeps');
  expect((flaky?.seen['PASSED'] ?? 0) + (flaky?.seen['FAILED'] ?? 0)).toBe(4);

  const { sample: shown } = await admin.samples.getSample({ sample: { sampleId: 'flaky' } });
  // Names of hidden tests are for admins who ask for them.
  expect(shown?.validation).toEqual({ ...found, problems: [] });
  expect(found.summary).not.toContain('keeps');
  const full = await admin.samples.getSample({ sample: { sampleId: 'flaky' }, view: SampleView.FULL });
  expect(full.sample?.validation).toEqual(found);
  const { passedVerificationId = '', failedVerificationId = '', subjectDigest } = shown?.disagreement ?? {};
  for (const [verificationId, state] of [
    [passedVerificationId, VerificationState.PASSED],
    [failedVerificationId, VerificationState.FAILED],
  ] as const) {
    const { verification } = await admin.verifications.getVerification({ verificationId });
    expect([verification?.state, verification?.subjectDigest]).toEqual([state, subjectDigest]);
  }
});

test('tests that pass already, are missing, or fail with the reference are named', async () => {
  const lists = '  fail_to_pass: [answers, already]\n  pass_to_pass: [breaks, nowhere]';
  const report =
    'echo "ok - already"; [ "$(cat answer)" = 42 ] && echo "not ok - breaks" || echo "ok - breaks"';
  await register(admin, sample('wrong', { report, lists }));
  const { found } = await validate('wrong', 1);
  expect(problemsOf(found)).toEqual([
    'ALREADY_PASSES already',
    'MISSING_TEST nowhere',
    'NOT_AS_LISTED breaks',
    'REFERENCE_NOT_PASSED',
  ]);
  await register(admin, sample('idle', { solution: [] }));
  const none = await validate('idle', 1);
  expect(none.found).toMatchObject({ verdict: ValidationVerdict.NO_REFERENCE, reference: undefined });
  expect(none.found.summary).toMatch(/no reference solution/);
});

test('a runner sees what was found, and neither validates nor finds the verifications of it', async () => {
  await using keys = await KeyAdmin.open(running.dataDir);
  const { secret } = await keys.create('RUNNER', 'validation');
  const runner = running.client(secret);
  const { sample: shown } = await runner.samples.getSample({ sample: { sampleId: 'wrong' } });
  expect(shown?.validation).toMatchObject({ verdict: ValidationVerdict.INVALID, problems: [] });
  const { verifications } = await admin.verifications.listVerifications({ sampleId: 'wrong' });
  const verificationId = verifications[0]?.verificationId ?? '';
  const { sample: flaky } = await runner.samples.getSample({ sample: { sampleId: 'flaky' } });
  // That verdicts disagreed, but not whose passed.
  expect(flaky?.disagreement).toMatchObject({ passedVerificationId: '', failedVerificationId: '' });
  expect((await runner.verifications.listVerifications({ sampleId: 'wrong' })).verifications).toEqual([]);
  const refused = { message: expect.stringContaining(verificationId) as string };
  await expect(runner.verifications.getVerification({ verificationId })).rejects.toMatchObject(refused);
  await expect(runner.verifications.cancelVerification({ verificationId })).rejects.toMatchObject(refused);
  const reading = async (calls: AsyncIterable<unknown>): Promise<void> => {
    for await (const _ of calls);
  };
  await expect(reading(runner.verifications.watchVerification({ verificationId }))).rejects.toMatchObject(
    refused,
  );
  await expect(reading(runner.samples.validateSample({ sample: { sampleId: 'wrong' } }))).rejects.toThrow(
    /PERMISSION_DENIED/,
  );
});

test('a solution that is a program is applied, and one that fails is the sample’s fault', async () => {
  const apply = (content: string): readonly MemoryFile[] => [
    { path: 'solution/apply', content: `#!/bin/sh\nset -e\n${content}\n`, executable: true },
    { path: 'solution/answer', content: '42\n' },
  ];
  await register(admin, sample('applied', { solution: apply('cp "$CODESET_SOLUTION_DIR/answer" answer') }));
  expect((await validate('applied', 1)).found.verdict).toBe(ValidationVerdict.VALID);
  await register(admin, sample('broken', { solution: apply('echo no such thing >&2; exit 3') }));
  const { found } = await validate('broken', 1);
  expect(found).toMatchObject({ verdict: ValidationVerdict.INVALID, reference: { judged: 0 } });
  expect(found.problems[0]?.message).toBe('solution/apply failed (exit 3): no such thing');
  expect((await keptLayers(running.dataDir)).filter((layer) => /solution|solved/.test(layer))).toEqual([]);
});

test('a call that is cancelled cancels what it started and leaves nothing', async () => {
  await register(admin, sample('slow', { report: 'sleep 60' }));
  const layers = [...(await keptLayers(running.dataDir))].sort();
  const gone = new AbortController();
  const calling = (async () => {
    const ask = { sample: { sampleId: 'slow' }, concurrency: 2 };
    for await (const _ of admin.samples.validateSample(ask, { signal: gone.signal }));
  })();
  const ended = calling.catch((error: unknown) => error);
  await expect.poll(() => openVerifications()).toBe(2);
  await expect.poll(() => keptSandboxes(running.dataDir).then(({ length }) => length)).toBeGreaterThan(0);
  gone.abort();
  expect(String(await ended)).toMatch(/abort/i);
  await expect.poll(() => openVerifications()).toBe(0);
  await expect.poll(() => keptSandboxes(running.dataDir)).toEqual([]);
  await expect.poll(async () => [...(await keptLayers(running.dataDir))].sort()).toEqual(layers);
  const { verifications } = await admin.verifications.listVerifications({ sampleId: 'slow' });
  expect(verifications.map(({ state, message }) => [VerificationState[state], message])).toEqual([
    ['CANCELLED', 'The validation that started it was ended.'],
    ['CANCELLED', 'The validation that started it was ended.'],
  ]);
  const { sample: shown } = await admin.samples.getSample({ sample: { sampleId: 'slow' } });
  expect(shown?.validation).toBeUndefined();
});

test('a stop of the service ends a validation, and the next life runs nothing of it', async () => {
  const calling = (async () => {
    for await (const _ of admin.samples.validateSample({ sample: { sampleId: 'slow' } }));
  })();
  const ended = calling.catch((error: unknown) => error);
  await expect.poll(() => openVerifications()).toBe(1);
  await running.restart();
  expect(await ended).toBeInstanceOf(Error);
  admin = running.client();
  expect(await openVerifications()).toBe(0);
  expect(await keptSandboxes(running.dataDir)).toEqual([]);
});
