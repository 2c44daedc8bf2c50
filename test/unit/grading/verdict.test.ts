import { describe, expect, test } from 'vitest';
import type { Grading, ReportFormat, VerificationSpec } from '../../../src/core/sample.js';
import { ReportGrader } from '../../../src/grading/verdict.js';

interface Given {
  readonly grading: Grading;
  readonly exitCode?: number | undefined;
  readonly failToPass?: readonly string[];
  readonly passToPass?: readonly string[];
  readonly failToFail?: readonly string[];
  readonly paths?: readonly string[];
  /** Beside `paths`; JUnit unless it is said. */
  readonly format?: ReportFormat;
  /** Path → test cases, or a whole document when it starts with `<?xml` or is in another format. */
  readonly reports?: Readonly<Record<string, string>>;
}

function grade(given: Given) {
  const spec: VerificationSpec = {
    command: ['verification/run'],
    timeoutMs: 60_000,
    scope: 'WORKSPACE',
    grading: given.grading,
    network: 'none',
    report: given.paths === undefined ? undefined : { format: given.format ?? 'junit', paths: given.paths },
    remove: [],
    failToPass: given.failToPass ?? [],
    passToPass: given.passToPass ?? [],
    failToFail: given.failToFail ?? [],
    protectedPaths: [],
    keep: [],
    canary: undefined,
    feedback: 'FULL',
    maxVerifications: 0,
  };
  const reports = Object.entries(given.reports ?? {}).map(([path, text]) => ({
    path,
    bySubject: path.startsWith('subject-'),
    content: Buffer.from(
      text.startsWith('<?xml') || given.format !== undefined ? text : `<testsuite>${text}</testsuite>`,
    ),
  }));
  const exitCode = 'exitCode' in given ? given.exitCode : 0;
  return new ReportGrader().grade({ spec, grading: given.grading, exitCode, reports });
}

const PASS_A = '<testcase classname="c" name="a" time="0.25"/>';
const PASS_B = '<testcase classname="c" name="b"/>';
const FAIL_A = '<testcase classname="c" name="a"><failure message="no"/></testcase>';
const FAIL_X = '<testcase classname="c" name="x"><failure message="stray"/></testcase>';
const XFAIL_A = '<testcase classname="c" name="a"><skipped type="pytest.xfail" message="known"/></testcase>';
const SKIP_A = '<testcase classname="c" name="a"><skipped message="no time"/></testcase>';

describe('EXIT_CODE', () => {
  test('passes on 0 alone, whatever a report says', () => {
    expect(grade({ grading: 'EXIT_CODE', reports: { 'r.xml': FAIL_A } })).toMatchObject({
      passed: true,
      score: 1,
    });
    expect(grade({ grading: 'EXIT_CODE', exitCode: 1, reports: { 'r.xml': PASS_A } })).toMatchObject({
      passed: false,
      score: 0,
      rule: 'EXIT_CODE: exit status 1, and only 0 passes.',
    });
  });

  test('a script that a signal ended did not pass', () => {
    const verdict = grade({ grading: 'EXIT_CODE', exitCode: undefined } as never);
    expect(verdict.passed).toBe(false);
    expect(verdict.rule).toMatch(/ended by a signal/);
  });
});

describe('ALL_LISTED', () => {
  const listed = { grading: 'ALL_LISTED', failToPass: ['a'], passToPass: ['b'] } as const;

  test('passes when each listed test passed, nothing else failed and the exit is 0', () => {
    const verdict = grade({ ...listed, reports: { 'r.xml': PASS_A + PASS_B + '<testcase name="other"/>' } });
    expect(verdict).toMatchObject({
      passed: true,
      score: 1,
      failToPass: { passed: 1, total: 1 },
      passToPass: { passed: 1, total: 1 },
    });
    expect(verdict.tests.map(({ name, status, list }) => [name, status, list])).toEqual([
      ['a', 'PASSED', 'FAIL_TO_PASS'],
      ['b', 'PASSED', 'PASS_TO_PASS'],
      ['other', 'PASSED', 'UNLISTED'],
    ]);
    expect(verdict.tests[0]?.durationMs).toBe(250);
    expect(verdict.rule).toBe(
      'ALL_LISTED: all 2 listed tests passed, no other test failed, and the exit status is 0; of the tests that were reported 1 are on no list.',
    );
  });

  test('takes missing, skipped and xfailed for not passed', () => {
    for (const [report, status] of [
      [PASS_B, 'MISSING'],
      [SKIP_A + PASS_B, 'SKIPPED'],
      [XFAIL_A + PASS_B, 'XFAILED'],
      [FAIL_A + PASS_B, 'FAILED'],
    ] as const) {
      const verdict = grade({ ...listed, reports: { 'r.xml': report } });
      expect(verdict.passed).toBe(false);
      expect(verdict.score).toBeCloseTo(2 / 3);
      expect(verdict.rule).toBe(`ALL_LISTED: 1 of 2 listed tests did not pass (a ${status}).`);
    }
  });

  test('fails for an unlisted failure and for the exit status, each named', () => {
    const verdict = grade({ ...listed, exitCode: 2, reports: { 'r.xml': PASS_A + PASS_B + FAIL_X } });
    expect(verdict.passed).toBe(false);
    expect(verdict.score).toBe(0.5);
    expect(verdict.rule).toBe('ALL_LISTED: 1 tests that are not listed failed (c::x FAILED); exit status 2.');
  });

  test('with no report has every test missing', () => {
    const verdict = grade(listed);
    expect(verdict).toMatchObject({ passed: false, tests: [{ status: 'MISSING' }, { status: 'MISSING' }] });
  });

  test('counts the worst of a test that is reported twice, in either order and over files', () => {
    for (const reports of [
      { 'r.xml': FAIL_A + PASS_A + PASS_B },
      { 'r.xml': PASS_A + FAIL_A + PASS_B },
      { 'r.xml': PASS_A + PASS_B, 'subject-1/more.xml': FAIL_A },
    ])
      expect(grade({ ...listed, reports })).toMatchObject({
        passed: false,
        failToPass: { passed: 0, total: 1 },
      });
  });

  test('counts the worst of the cases that an ambiguous name finds', () => {
    const verdict = grade({
      ...listed,
      reports: { 'r.xml': PASS_A + PASS_B + '<testcase classname="d" name="a"><error/></testcase>' },
    });
    expect(verdict.tests[0]).toMatchObject({ name: 'a', status: 'ERROR' });
    expect(verdict.passed).toBe(false);
  });

  test('with nothing listed can not pass', () => {
    expect(grade({ grading: 'ALL_LISTED', reports: { 'r.xml': PASS_A } })).toMatchObject({
      passed: false,
      score: 0,
    });
  });
});

describe('fail_to_fail', () => {
  const listed = { grading: 'ALL_LISTED', failToPass: ['b'], failToFail: ['a'], exitCode: 1 } as const;

  test('has to fail, and the runner to say so, each by its own status', () => {
    for (const exitCode of [1, 8, 100, 101]) {
      const verdict = grade({ ...listed, exitCode, reports: { 'r.xml': FAIL_A + PASS_B } });
      expect(verdict).toMatchObject({ passed: true, score: 1, failToFail: { passed: 1, total: 1 } });
      expect(verdict.rule).toBe(
        `ALL_LISTED: all 1 listed tests passed, the 1 in fail_to_fail and no others failed, and the exit status is ${exitCode}.`,
      );
    }
    for (const exitCode of [0, 2, 3, 5, 127, 137, undefined])
      expect(grade({ ...listed, exitCode, reports: { 'r.xml': FAIL_A + PASS_B } })).toMatchObject({
        passed: false,
        score: 2 / 3,
      });
  });

  test('that passes, is skipped, announced or missing is not failed', () => {
    for (const [report, status] of [
      [PASS_A, 'PASSED'],
      [SKIP_A, 'SKIPPED'],
      [XFAIL_A, 'XFAILED'],
      ['', 'MISSING'],
    ] as const) {
      const verdict = grade({ ...listed, reports: { 'r.xml': PASS_B + report } });
      expect(verdict).toMatchObject({ passed: false, failToFail: { passed: 0, total: 1 } });
      expect(verdict.rule).toBe(`ALL_LISTED: 1 of 1 tests in fail_to_fail did not fail (a ${status}).`);
    }
  });

  test('excuses no failure of another test, not by a name that both share either', () => {
    const stray = grade({ ...listed, reports: { 'r.xml': FAIL_A + PASS_B + FAIL_X } });
    expect(stray.rule).toBe('ALL_LISTED: 1 tests that are not listed failed (c::x FAILED).');
    const shared = '<testcase classname="d" name="a"/>';
    expect(grade({ ...listed, reports: { 'r.xml': FAIL_A + shared + PASS_B } })).toMatchObject({
      passed: false,
      tests: [{}, { name: 'a', status: 'PASSED', list: 'FAIL_TO_FAIL' }],
    });
  });

  test('alone is nothing that can pass, and does not count for SWE_BENCH', () => {
    expect(grade({ ...listed, failToPass: [], reports: { 'r.xml': FAIL_A } }).passed).toBe(false);
    const bench = { ...listed, grading: 'SWE_BENCH', reports: { 'r.xml': PASS_A + PASS_B } } as const;
    expect(grade(bench)).toMatchObject({ passed: true, failToFail: { passed: 0, total: 1 } });
  });
});

describe('SWE_BENCH', () => {
  const listed = { grading: 'SWE_BENCH', failToPass: ['a'], passToPass: ['b'] } as const;

  test('takes passed and xfailed, and neither exit status nor unlisted failures', () => {
    const verdict = grade({ ...listed, exitCode: 1, reports: { 'r.xml': XFAIL_A + PASS_B + FAIL_X } });
    expect(verdict).toMatchObject({ passed: true, score: 1, failToPass: { passed: 1, total: 1 } });
    expect(verdict.rule).toMatch(/the exit status does not count/);
  });

  test('takes skipped, failed and missing for not passed', () => {
    for (const report of [SKIP_A + PASS_B, FAIL_A + PASS_B, PASS_B])
      expect(grade({ ...listed, reports: { 'r.xml': report } })).toMatchObject({ passed: false, score: 0.5 });
  });
});

describe('reports', () => {
  const listed = { grading: 'ALL_LISTED', failToPass: ['a'] } as const;

  test("by the subject's process are marked so, and match globs relative to their own folder", () => {
    const verdict = grade({ ...listed, paths: ['report.xml'], reports: { 'subject-7/report.xml': PASS_A } });
    expect(verdict).toMatchObject({ passed: true, tests: [{ bySubject: true }] });
    const own = grade({ ...listed, paths: ['report.xml'], reports: { 'report.xml': PASS_A } });
    expect(own).toMatchObject({ passed: true, tests: [{ bySubject: false }] });
  });

  test('that no glob names are not read', () => {
    const verdict = grade({ ...listed, paths: ['report.xml'], reports: { 'other.xml': PASS_A } });
    expect(verdict.tests).toMatchObject([{ status: 'MISSING' }]);
  });

  test('in TAP and of go test are graded by the same rules, several files together', () => {
    const tap = { ...listed, format: 'tap', paths: ['*.tap', 'more/*.tap'] } as const;
    const passing = {
      'one.tap': 'ok 1 - b\n1..1\n',
      'more/two.tap': '    ok 1 - a\n    1..1\nok 1 - s\n1..1\n',
    };
    expect(grade({ ...tap, reports: passing })).toMatchObject({
      passed: true,
      tests: [{ name: 'a' }, {}, {}],
    });
    const broken = grade({ ...tap, reports: { ...passing, 'one.tap': 'ok 1 - b\n' } });
    expect(broken.passed).toBe(false);
    expect(broken.rule).toMatch(/one\.tap could not be read \(line 1: the report has no plan/);

    const go = { ...listed, failToPass: ['TestA'], format: 'go-json', paths: ['**/*.jsonl'] } as const;
    const event = (action: string, test?: string) =>
      `${JSON.stringify({ Action: action, Package: 'p', ...(test === undefined ? {} : { Test: test }) })}\n`;
    const ran = event('run', 'TestA') + event('pass', 'TestA');
    expect(grade({ ...go, reports: { 'go.jsonl': ran + event('pass') } })).toMatchObject({ passed: true });
    const exited = grade({ ...go, reports: { 'go.jsonl': ran + event('fail') } });
    expect(exited.rule).toBe('ALL_LISTED: 1 tests that are not listed failed (p ERROR).');
    expect(grade({ ...go, reports: { 'go.jsonl': ran } }).passed).toBe(false);
  });

  test('that can not be read fail what they report on, and are named in the rule', () => {
    const verdict = grade({
      ...listed,
      reports: { 'good.xml': PASS_B, 'bad.xml': '<?xml version="1.0"?>\n<x>' },
    });
    expect(verdict.passed).toBe(false);
    expect(verdict.rule).toMatch(/bad\.xml could not be read \(line 2, column \d+: expected <testsuites>/);
  });

  test('with a flood of tests give a verdict that still fits an answer, failures kept', () => {
    const flood = Array.from(
      { length: 50_000 },
      (_, i) => `<testcase classname="flood" name="${'n'.repeat(40)}${i}"/>`,
    );
    const loud = Array.from(
      { length: 1000 },
      (_, i) => `<testcase name="loud${i}"><failure message="${'m'.repeat(4000)}"/></testcase>`,
    );
    const verdict = grade({ ...listed, reports: { 'r.xml': flood.join('') + PASS_A + loud.join('') } });
    expect(Buffer.byteLength(JSON.stringify(verdict))).toBeLessThan(2.5 * 1024 * 1024);
    expect(verdict.tests.filter(({ status }) => status === 'FAILED')).toHaveLength(1000);
    expect(verdict.rule).toMatch(/more unlisted tests are not named here/);
    expect(verdict.rule).toMatch(/1000 tests that are not listed failed \(.*, and 997 more\)/);
  });

  test('that can not be read fail also where another report says that all passed', () => {
    for (const grading of ['ALL_LISTED', 'SWE_BENCH'] as const) {
      const reports = { 'report.xml': '<?xml version="1.0"?><testsuite>', 'subject-1/report.xml': PASS_A };
      const verdict = grade({ ...listed, grading, reports });
      expect(verdict).toMatchObject({ passed: false, failToPass: { passed: 1, total: 1 } });
      expect(verdict.score).toBeLessThan(1);
    }
  });

  test('of too many bytes together fail, so that none can crowd out another', () => {
    const padded = (cases: string) => cases + ' '.repeat(13 * 1024 * 1024);
    const reports = { 'a.xml': padded(PASS_A), 'b.xml': padded(FAIL_A), 'c.xml': FAIL_X };
    const verdict = grade({ ...listed, reports });
    expect(verdict.passed).toBe(false);
    expect(verdict.rule).toMatch(/b\.xml was not read: the reports have more than \d+ bytes together/);
  });
});
