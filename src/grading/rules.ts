import type { Grading } from '../core/sample.js';
import type { ListCount, TestResult } from '../core/verification.js';

/** Failing tests that the rule's sentence names before it only counts them. */
const NAMED_IN_RULE = 3;

/**
 * How test runners end when tests failed, and nothing else went wrong: most with 1, CTest with 8, cargo-nextest
 * with 100, `cargo test` with 101. Mocha ends with the number of failed tests: its script has to say 1 instead.
 */
const FAILED_TESTS_STATUSES: readonly number[] = [1, 8, 100, 101];

/** What a rule says, before it is put into words for the caller. */
export interface Judgement {
  readonly passed: boolean;
  /** 0–1. */
  readonly score: number;
  /** Without a full stop. */
  readonly rule: string;
}

export function failed(test: TestResult): boolean {
  return test.status === 'FAILED' || test.status === 'ERROR';
}

/** Whether a listed test did what its list expects. */
function holds(test: TestResult, grading: Grading): boolean {
  if (test.list === 'FAIL_TO_FAIL') return failed(test);
  return test.status === 'PASSED' || (grading === 'SWE_BENCH' && test.status === 'XFAILED');
}

export function count(tests: readonly TestResult[], list: TestResult['list'], grading: Grading): ListCount {
  const mine = tests.filter((test) => test.list === list);
  return { passed: mine.filter((test) => holds(test, grading)).length, total: mine.length };
}

/**
 * Applies EXIT_CODE, ALL_LISTED or SWE_BENCH. The score is the share of conditions that hold, so that 1 means
 * exactly: passed.
 *
 * @param run.exitCode undefined after a signal.
 * @param run.unread why reports could not be read, each of which is a condition that does not hold.
 * @param run.canary whether a canary had to fail, so that the runner ends as one whose tests failed.
 */
export function judge(
  run: {
    readonly grading: Exclude<Grading, 'REWARD_FILE'>;
    readonly exitCode: number | undefined;
    readonly unread: readonly string[];
    readonly canary: boolean;
  },
  listed: readonly TestResult[],
  unlisted: readonly TestResult[],
): Judgement {
  const { grading, exitCode, unread, canary } = run;
  if (grading === 'EXIT_CODE') {
    const passed = exitCode === 0;
    return { passed, score: passed ? 1 : 0, rule: `EXIT_CODE: ${exited(exitCode)}, and only 0 passes` };
  }
  const toPass = listed.filter(({ list }) => list !== 'FAIL_TO_FAIL');
  // SWE-bench has the list in its entries and does not look at it.
  const toFail = grading === 'ALL_LISTED' ? listed.filter(({ list }) => list === 'FAIL_TO_FAIL') : [];
  if (toPass.length === 0)
    return { passed: false, score: 0, rule: `${grading}: the sample lists no tests, so nothing can pass` };

  const unmet = toPass.filter((test) => !holds(test, grading));
  const unfailed = toFail.filter((test) => !holds(test, grading));
  const problems: string[] = [];
  if (unmet.length > 0)
    problems.push(`${unmet.length} of ${toPass.length} listed tests did not pass (${named(unmet)})`);
  if (unfailed.length > 0)
    problems.push(
      `${unfailed.length} of ${toFail.length} tests in fail_to_fail did not fail (${named(unfailed)})`,
    );
  problems.push(...unread);
  let conditions = toPass.length + toFail.length + unread.length;
  let met = toPass.length - unmet.length + toFail.length - unfailed.length;
  if (grading === 'ALL_LISTED') {
    const stray = unlisted.filter(failed);
    if (stray.length > 0) problems.push(`${stray.length} tests that are not listed failed (${named(stray)})`);
    const ended = endedAs(exitCode, toFail.length > 0 ? 'fail_to_fail' : canary ? 'the canary' : undefined);
    if (!ended.right) problems.push(ended.words);
    conditions += 1 + stray.length;
    if (ended.right) met += 1;
  }
  const score = met / conditions;
  if (problems.length > 0) return { passed: false, score, rule: `${grading}: ${problems.join('; ')}` };
  const rule =
    grading === 'SWE_BENCH'
      ? `SWE_BENCH: all ${toPass.length} listed tests passed or failed as announced (xfail); the exit status does not count`
      : toFail.length > 0
        ? `ALL_LISTED: all ${toPass.length} listed tests passed, the ${toFail.length} in fail_to_fail and no others failed, and the exit status is ${exitCode}`
        : `ALL_LISTED: all ${toPass.length} listed tests passed, no other test failed, and the exit status is ${exitCode}`;
  return { passed: true, score, rule };
}

function exited(exitCode: number | undefined): string {
  return exitCode === undefined ? 'the script was ended by a signal' : `exit status ${exitCode}`;
}

/** Whether the script's end fits: 0, or the status for failed tests where `failing` had to fail. */
function endedAs(
  exitCode: number | undefined,
  failing: string | undefined,
): { readonly right: boolean; readonly words: string } {
  if (failing === undefined) return { right: exitCode === 0, words: exited(exitCode) };
  const right = exitCode !== undefined && FAILED_TESTS_STATUSES.includes(exitCode);
  const expected = FAILED_TESTS_STATUSES.join(', ');
  return {
    right,
    words: `${exited(exitCode)}, where ${failing} expects that of a runner whose tests failed (${expected})`,
  };
}

function named(tests: readonly TestResult[]): string {
  const names = tests
    .slice(0, NAMED_IN_RULE)
    .map((test) => `${test.name.length > 200 ? `${test.name.slice(0, 200)}…` : test.name} ${test.status}`);
  const more = tests.length - names.length;
  return names.join(', ') + (more > 0 ? `, and ${more} more` : '');
}
