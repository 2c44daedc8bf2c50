import type { Grader } from '../core/ports/samples.js';
import { DEFAULT_REPORT_PATHS, type Grading, type VerificationSpec } from '../core/sample.js';
import type { ListCount, TestResult, TestStatus, Verdict } from '../core/verification.js';
import { CaseIndex } from './names.js';
import { readReports, type SourcedCase } from './read-reports.js';
import type { ReportedCase, ReportedStatus } from './report.js';

type GradeInput = Parameters<Grader['grade']>[0];

/** Bounds on a verdict, so that a flood of tests or of messages can't make one that no answer can carry. */
const MAX_MESSAGE_CHARACTERS = 512 * 1024;
const MAX_UNLISTED_CHARACTERS = 512 * 1024;

/** Failing tests that the rule's sentence names before it only counts them. */
const NAMED_IN_RULE = 3;

/** Grades by the rules of each `Grading`, from test reports. Pure: no clock, no files. */
export class ReportGrader implements Grader {
  grade(input: GradeInput): Verdict {
    const { format, paths } = input.spec.report ?? { format: 'junit', paths: DEFAULT_REPORT_PATHS.junit };
    const reports = readReports(input.reports, format, paths);
    const { listed, unlisted } = resolve(input.spec, reports.cases);
    const judgement = judge(input.grading, input.exitCode, listed, unlisted, reports.unread);
    const { tests, leftOut } = bounded(listed, unlisted);
    const remark = leftOut > 0 ? `; ${leftOut} more unlisted tests are not named here` : '';
    return {
      passed: judgement.passed,
      score: judgement.score,
      grading: input.grading,
      rule: `${judgement.rule}${remark}.`,
      tests,
      failToPass: count(listed, 'FAIL_TO_PASS', input.grading),
      passToPass: count(listed, 'PASS_TO_PASS', input.grading),
    };
  }
}

/** Worst first. */
const SEVERITY: readonly ReportedStatus[] = ['error', 'failed', 'skipped', 'xfailed', 'passed'];

function worst<T extends ReportedCase>(cases: readonly T[]): T | undefined {
  return cases.reduce<T | undefined>(
    (found, next) =>
      found === undefined || SEVERITY.indexOf(next.status) < SEVERITY.indexOf(found.status) ? next : found,
    undefined,
  );
}

function resolve(
  spec: VerificationSpec,
  cases: readonly SourcedCase[],
): { listed: TestResult[]; unlisted: TestResult[] } {
  const index = new CaseIndex(cases);
  const claimed = new Set<ReportedCase>();
  const find = (name: string, list: TestResult['list']): TestResult => {
    const found = index.find(name) as readonly SourcedCase[];
    for (const reported of found) claimed.add(reported);
    const decisive = worst(found);
    if (decisive !== undefined) return resultOf(name, decisive, list);
    return { name, status: 'MISSING', durationMs: 0, message: 'No report names it.', list, bySubject: false };
  };
  const listed = [
    ...spec.failToPass.map((name) => find(name, 'FAIL_TO_PASS')),
    ...spec.passToPass.map((name) => find(name, 'PASS_TO_PASS')),
  ];

  const others = new Map<string, SourcedCase[]>();
  for (const reported of cases) {
    if (claimed.has(reported)) continue;
    const name = displayName(reported);
    const known = others.get(name);
    if (known === undefined) others.set(name, [reported]);
    else known.push(reported);
  }
  const unlisted: TestResult[] = [];
  for (const [name, found] of others) {
    const decisive = worst(found);
    if (decisive !== undefined) unlisted.push(resultOf(name, decisive, 'UNLISTED'));
  }
  // Failures first: they decide, and they must not be what a cut leaves out.
  unlisted.sort((a, b) => Number(failed(b)) - Number(failed(a)));
  return { listed, unlisted };
}

function displayName({ classname, name, suites }: ReportedCase): string {
  const outer = classname === '' ? suites.at(-1) : classname;
  return outer === undefined ? name : `${outer}::${name}`;
}

const STATUS = {
  passed: 'PASSED',
  failed: 'FAILED',
  error: 'ERROR',
  skipped: 'SKIPPED',
  xfailed: 'XFAILED',
} as const satisfies Record<ReportedStatus, TestStatus>;

function resultOf(name: string, reported: SourcedCase, list: TestResult['list']): TestResult {
  return {
    name,
    status: STATUS[reported.status],
    durationMs: reported.durationMs ?? 0,
    message: reported.message,
    list,
    bySubject: reported.bySubject,
  };
}

function failed(test: TestResult): boolean {
  return test.status === 'FAILED' || test.status === 'ERROR';
}

/** Whether a listed test did what its list expects. */
function holds(test: TestResult, grading: Grading): boolean {
  return test.status === 'PASSED' || (grading === 'SWE_BENCH' && test.status === 'XFAILED');
}

interface Judgement {
  readonly passed: boolean;
  readonly score: number;
  readonly rule: string;
}

function judge(
  grading: Grading,
  exitCode: number | undefined,
  listed: readonly TestResult[],
  unlisted: readonly TestResult[],
  unread: readonly string[],
): Judgement {
  const exited = exitCode === undefined ? 'the script was ended by a signal' : `exit status ${exitCode}`;
  if (grading === 'EXIT_CODE') {
    const passed = exitCode === 0;
    return { passed, score: passed ? 1 : 0, rule: `EXIT_CODE: ${exited}, and only 0 passes` };
  }
  if (listed.length === 0)
    return { passed: false, score: 0, rule: `${grading}: the sample lists no tests, so nothing can pass` };

  const unmet = listed.filter((test) => !holds(test, grading));
  const problems: string[] = [];
  if (unmet.length > 0)
    problems.push(`${unmet.length} of ${listed.length} listed tests did not pass (${named(unmet)})`);
  problems.push(...unread);
  let conditions = listed.length + unread.length;
  let met = listed.length - unmet.length;
  if (grading === 'ALL_LISTED') {
    const stray = unlisted.filter(failed);
    if (stray.length > 0) problems.push(`${stray.length} tests that are not listed failed (${named(stray)})`);
    if (exitCode !== 0) problems.push(exited);
    conditions += 1 + stray.length;
    if (exitCode === 0) met += 1;
  }
  // The share of conditions that hold, so that 1 means exactly: passed.
  const score = met / conditions;
  if (problems.length > 0) return { passed: false, score, rule: `${grading}: ${problems.join('; ')}` };
  const rule =
    grading === 'SWE_BENCH'
      ? `SWE_BENCH: all ${listed.length} listed tests passed or failed as announced (xfail); the exit status does not count`
      : `ALL_LISTED: all ${listed.length} listed tests passed, no other test failed, and the exit status is 0`;
  return { passed: true, score, rule };
}

function named(tests: readonly TestResult[]): string {
  const names = tests
    .slice(0, NAMED_IN_RULE)
    .map((test) => `${test.name.length > 200 ? `${test.name.slice(0, 200)}…` : test.name} ${test.status}`);
  const more = tests.length - names.length;
  return names.join(', ') + (more > 0 ? `, and ${more} more` : '');
}

function count(tests: readonly TestResult[], list: TestResult['list'], grading: Grading): ListCount {
  const mine = tests.filter((test) => test.list === list);
  return { passed: mine.filter((test) => holds(test, grading)).length, total: mine.length };
}

function bounded(
  listed: readonly TestResult[],
  unlisted: readonly TestResult[],
): { tests: TestResult[]; leftOut: number } {
  let messages = MAX_MESSAGE_CHARACTERS;
  let names = MAX_UNLISTED_CHARACTERS;
  const tests: TestResult[] = [];
  let leftOut = 0;
  for (const test of [...listed, ...unlisted]) {
    if (test.list === 'UNLISTED') {
      names -= test.name.length + 64;
      if (names < 0) {
        leftOut += 1;
        continue;
      }
    }
    const message = test.message.slice(0, Math.max(0, messages));
    messages -= message.length;
    tests.push(message === test.message ? test : { ...test, message });
  }
  return { tests, leftOut };
}
