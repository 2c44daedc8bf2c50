import { expect, test } from 'vitest';
import type { CanarySpec, Grading, ReportFormat } from '../../../src/core/sample.js';
import { ReportGrader } from '../../../src/grading/verdict.js';
import { aManifest } from '../../support/entities.js';

const CANARY: CanarySpec = {
  path: 'test_{{nonce}}.py',
  content: 'def test_{{nonce}}(): assert 0',
  tests: ['test_{{nonce}}_a', 'test_{{nonce}}_b'],
};

interface Run {
  readonly cases: string;
  readonly passToPass?: readonly string[];
  readonly canary?: CanarySpec;
  readonly grading?: Grading;
  readonly exitCode?: number;
  readonly format?: ReportFormat;
}

function grade({
  cases,
  canary = CANARY,
  grading = 'ALL_LISTED',
  exitCode = 1,
  format = 'junit',
  passToPass = [],
}: Run) {
  const { verification } = aManifest();
  const spec = {
    ...verification,
    grading,
    canary,
    report: { format, paths: ['report'] },
    failToPass: ['t'],
    passToPass,
    failToFail: [],
  };
  const content = Buffer.from(format === 'junit' ? `<testsuite>${cases}</testsuite>` : cases);
  const reports = [{ path: 'report', bySubject: false, content }];
  return new ReportGrader().grade({ spec, grading, exitCode, reports, nonce: 'c01' });
}

const T = '<testcase name="t"/>';
const failing = (name: string): string => `<testcase name="${name}"><failure message="no"/></testcase>`;
const BOTH = failing('test_c01_a') + failing('test_c01_b');

test('a run whose canaries failed passes by its rule, and no test of theirs is told', () => {
  const verdict = grade({ cases: T + BOTH });
  expect(verdict).toMatchObject({ passed: true, score: 1, reason: 'RULE' });
  expect(verdict.tests.map(({ name }) => name)).toEqual(['t']);
  expect(verdict.rule).toBe(
    'ALL_LISTED: all 1 listed tests passed, no other test failed, and the exit status is 1.',
  );
});

test('the runner has to end as one whose tests failed', () => {
  const verdict = grade({ cases: T + BOTH, exitCode: 0 });
  expect(verdict).toMatchObject({ passed: false, reason: 'RULE' });
  expect(verdict.rule).toContain(
    'exit status 0, where the canary expects that of a runner whose tests failed',
  );
  expect(grade({ cases: T + BOTH, exitCode: 0, grading: 'SWE_BENCH' }).passed).toBe(true);
});

test.each(['<testcase name="test_c01_a"/>', '<testcase name="test_c01_a"><skipped/></testcase>'])(
  'a canary that did not fail says that the run was tampered with: %s',
  (one) => {
    for (const others of [T, failing('t')]) {
      const verdict = grade({ cases: others + one + failing('test_c01_b') });
      expect(verdict).toMatchObject({ passed: false, score: 0, reason: 'TAMPERED' });
      expect(verdict.rule).toMatch(/the canary, which has to fail, did not \(test_c01_a (passed|skipped)\)/);
    }
  },
);

test('a canary that is missing from a run which would have passed says the same', () => {
  for (const grading of ['ALL_LISTED', 'SWE_BENCH'] as const) {
    const verdict = grade({ cases: T + failing('test_c01_b'), grading });
    expect(verdict).toMatchObject({ passed: false, score: 0, reason: 'TAMPERED' });
    expect(verdict.rule).toContain('no report has the canary failed (test_c01_a)');
  }
});

test('a canary that is missing from a run which reported every listed test says the same, whatever failed', () => {
  const verdict = grade({ cases: failing('t') });
  expect(verdict).toMatchObject({ passed: false, score: 0, reason: 'TAMPERED' });
  expect(verdict.rule).toContain('no report has the canary failed');
});

test('a run that breaks off before its canary fails by its rule, and what it reported counts for nothing', () => {
  const verdict = grade({ cases: T, passToPass: ['late'] });
  expect(verdict).toMatchObject({ passed: false, score: 0, reason: 'RULE' });
  expect(verdict.rule).toContain('1 of 2 listed tests did not pass (late MISSING)');
  expect(verdict.rule).toContain('no report has the canary failed (test_c01_a), so the score is 0');
});

test('an error of the canary is not its failure', () => {
  const error = '<testcase name="test_c01_a"><error message="set-up"/></testcase>';
  expect(grade({ cases: T + error + failing('test_c01_b') }).reason).toBe('TAMPERED');
});

test('the same canary twice with different ends did not fail', () => {
  expect(grade({ cases: `${T}${BOTH}<testcase name="test_c01_b"/>` }).reason).toBe('TAMPERED');
});

test('a sample that does not name its canaries wants one at least', () => {
  const canary = { ...CANARY, tests: [] };
  expect(grade({ cases: T + failing('whatever c01'), canary }).passed).toBe(true);
  expect(grade({ cases: T, canary }).reason).toBe('TAMPERED');
  expect(grade({ cases: T + failing('whatever c02'), canary }).reason).toBe('TAMPERED');
});

test('a package of Go fails with its canary and is no failure of its own', () => {
  const events = [
    { Action: 'start', Package: 'm' },
    ...['t', 'test_c01_a', 'test_c01_b'].flatMap((Test) => [
      { Action: 'run', Package: 'm', Test },
      { Action: Test === 't' ? 'pass' : 'fail', Package: 'm', Test },
    ]),
    { Action: 'fail', Package: 'm' },
  ];
  const cases = events.map((event) => `${JSON.stringify(event)}\n`).join('');
  expect(grade({ cases, format: 'go-json' })).toMatchObject({ passed: true, reason: 'RULE' });
});
