import { expect, test } from 'vitest';
import { findings } from '../../../src/core/validation-findings.js';
import type { ValidationRun } from '../../../src/core/validation-run.js';
import type { Validation, ValidationSubject } from '../../../src/core/validation.js';
import type { TestResult, TestStatus, Verification } from '../../../src/core/verification.js';
import { aManifest, aSample, aVerification, NOON } from '../../support/entities.js';

type Status = readonly [name: string, list: TestResult['list'], status: TestStatus];

/** A run of a subject that ended so, with these tests in its report. */
function run(
  subject: ValidationSubject,
  change: Partial<Verification>,
  tests: readonly Status[] = [],
): ValidationRun {
  const results = tests.map(([name, list, status]) => ({
    name,
    list,
    status,
    durationMs: 0,
    message: '',
    bySubject: false,
  }));
  const none = { passed: 0, total: 0 };
  const verdict = {
    passed: change.state === 'PASSED',
    score: 0,
    scores: {},
    grading: 'ALL_LISTED',
    rule: '',
    reason: 'RULE',
    tests: results,
    failToPass: none,
    passToPass: none,
    failToFail: none,
  } as const;
  return { subject, run: 1, verification: aVerification({ verdict, ...change }) };
}

const FIX = ['fix', 'FAIL_TO_PASS'] as const;
const KEEP = ['keep', 'PASS_TO_PASS'] as const;
const untouched = (fix: TestStatus = 'FAILED', keep: TestStatus = 'PASSED'): ValidationRun =>
  run('UNTOUCHED', { state: 'FAILED' }, [
    [...FIX, fix],
    [...KEEP, keep],
  ]);
const solved = (
  fix: TestStatus = 'PASSED',
  keep: TestStatus = 'PASSED',
  more: Status[] = [],
): ValidationRun => run('REFERENCE', { state: 'PASSED' }, [[...FIX, fix], [...KEEP, keep], ...more]);

function found(runs: readonly ValidationRun[], sample = aSample(), unusable?: string): Validation {
  return findings({ sample, runs, unusable, asked: { runs: 2, concurrency: 1 }, endTime: NOON });
}

const kinds = ({ problems }: Validation): string[] => problems.map(({ kind, test }) => `${kind} ${test}`);

test('a sample is VALID when both subjects end as they have to each time', () => {
  expect(found([untouched(), solved(), untouched(), solved()])).toStrictEqual({
    verdict: 'VALID',
    summary: 'The reference solution PASSED 2 of 2 times; the untouched codebase was FAILED 2 of 2 times.',
    runs: 2,
    concurrency: 1,
    untouched: { judged: 2, asExpected: 2, errors: 0 },
    reference: { judged: 2, asExpected: 2, errors: 0 },
    problems: [],
    problemCount: 0,
    endTime: NOON,
  });
});

test('a test that passes at one time and not at another is flaky, with how often', () => {
  const { verdict, summary, problems } = found([
    untouched(),
    solved(),
    run('REFERENCE', { state: 'FAILED', message: 'keep failed.' }, [
      [...FIX, 'PASSED'],
      [...KEEP, 'FAILED'],
    ]),
    solved(),
  ]);
  expect([verdict, summary]).toEqual([
    'INVALID',
    'The reference solution PASSED 2 of 3 times; the untouched codebase was FAILED 1 of 1 times; 1 flaky test.',
  ]);
  expect(problems).toMatchObject([
    { kind: 'FLAKY_VERDICT', subject: 'REFERENCE', test: '', seen: { PASSED: 2, FAILED: 1 } },
    {
      kind: 'FLAKY_TEST',
      subject: 'REFERENCE',
      test: 'keep',
      seen: { PASSED: 2, FAILED: 1 },
      message:
        'keep (in pass_to_pass) is flaky: with the reference solution it was PASSED 2 times and FAILED once.',
    },
  ]);
  expect(problems[0]?.message).toMatch(/PASSED 2 times and FAILED once\. ver_\w+: keep failed\.$/);
});

test('also where no verdict was touched by it, and failing in two ways is no flakiness', () => {
  expect(kinds(found([untouched(), untouched('PASSED'), solved()]))).toEqual(['FLAKY_TEST fix']);
  expect(kinds(found([untouched('FAILED'), untouched('ERROR'), solved()]))).toEqual([]);
});

test('what is missing, passes already or is not as listed is named', () => {
  expect(kinds(found([untouched('PASSED'), solved()]))).toEqual(['ALREADY_PASSES fix']);
  expect(kinds(found([untouched('MISSING'), solved()]))).toEqual([]);
  const failed = { state: 'FAILED', message: 'Why.' } as const;
  const missing = run('REFERENCE', failed, [
    [...FIX, 'MISSING'],
    [...KEEP, 'SKIPPED'],
    ['known', 'FAIL_TO_FAIL', 'PASSED'],
  ]);
  expect(kinds(found([untouched(), missing]))).toEqual([
    'REFERENCE_NOT_PASSED ',
    'MISSING_TEST fix',
    'NOT_AS_LISTED keep',
    'NOT_AS_LISTED known',
  ]);
  expect(kinds(found([run('UNTOUCHED', { state: 'PASSED' }), solved()]))).toEqual(['UNTOUCHED_NOT_FAILED ']);
});

test('tests on no list count with ALL_LISTED alone, and an xfail passes with SWE_BENCH alone', () => {
  const stray: Status[] = [['stray', 'UNLISTED', 'FAILED']];
  const skipping: Status[] = [['stray', 'UNLISTED', 'SKIPPED']];
  expect(kinds(found([untouched(), solved('PASSED', 'PASSED', stray)]))).toEqual(['UNLISTED_FAILURE stray']);
  const both = [untouched(), solved('PASSED', 'PASSED', stray), solved('PASSED', 'PASSED', skipping)];
  expect(kinds(found(both))).toEqual(['FLAKY_TEST stray']);
  const { verification } = aManifest();
  const swe = aSample({ manifest: { verification: { ...verification, grading: 'SWE_BENCH' } } });
  expect(kinds(found(both, swe))).toEqual([]);
  expect(kinds(found([untouched(), solved('PASSED', 'XFAILED')], swe))).toEqual([]);
  expect(kinds(found([untouched(), solved('PASSED', 'XFAILED')]))).toEqual(['NOT_AS_LISTED keep']);
  const exit = aSample({
    manifest: { verification: { ...verification, grading: 'EXIT_CODE', report: undefined } },
  });
  expect(kinds(found([untouched(), solved('MISSING')], exit))).toEqual([]);
});

test('errors of the service are never against the sample, errors of its own are', () => {
  const ours = run('REFERENCE', { state: 'ERROR', fault: 'SERVICE' });
  const cancelled = run('UNTOUCHED', { state: 'CANCELLED' });
  const {
    verdict,
    reference,
    untouched: before,
    summary,
    problems,
  } = found([untouched(), cancelled, solved(), ours]);
  expect([verdict, problems]).toEqual(['INCONCLUSIVE', []]);
  expect([before, reference]).toEqual([
    { judged: 1, asExpected: 1, errors: 1 },
    { judged: 1, asExpected: 1, errors: 1 },
  ]);
  expect(summary).toMatch(
    /2 verifications ended in an error of the service or cancelled, which says nothing/,
  );
  const theirs = run('REFERENCE', { state: 'ERROR', fault: 'SAMPLE', message: 'No script.' });
  expect(found([untouched(), theirs])).toMatchObject({
    verdict: 'INVALID',
    problems: [{ kind: 'REFERENCE_NOT_PASSED', seen: { ERROR: 1 } }],
  });
});

test('without a reference solution, or with one that can not be applied, it says so', () => {
  const none = found([untouched()], aSample({ hasSolution: false }));
  expect(none).toMatchObject({ verdict: 'NO_REFERENCE', reference: undefined, problems: [] });
  expect(none.summary).toMatch(/^The sample has no reference solution, .* Add solution\/solution\.patch/);
  const broken = found([untouched()], aSample(), 'solution/apply failed (exit 3).');
  expect(broken).toMatchObject({
    verdict: 'INVALID',
    reference: { judged: 0 },
    problems: [{ kind: 'REFERENCE_NOT_PASSED', message: 'solution/apply failed (exit 3).' }],
  });
  expect(broken.summary).toMatch(/^The reference solution can not be applied; the untouched/);
});

test('what is told of a sample of which everything is wrong is bounded, and counted whole', () => {
  const long = 'x'.repeat(1000);
  const tests: Status[] = Array.from({ length: 3000 }, (_, i) => [`${long}${i}`, 'PASS_TO_PASS', 'MISSING']);
  const { problems, problemCount } = found([untouched(), run('REFERENCE', { state: 'FAILED' }, tests)]);
  expect(problemCount).toBe(3001);
  expect(problems.length).toBeLessThan(600);
  expect(problems[0]?.kind).toBe('REFERENCE_NOT_PASSED');
});
