import type { Grader } from '../core/ports/samples.js';
import { DEFAULT_REPORT_PATHS, type VerificationSpec } from '../core/sample.js';
import type { TestResult, TestStatus, Verdict } from '../core/verification.js';
import { withCanaries, withoutCanaries } from './canaries.js';
import { CaseIndex } from './names.js';
import { readReports, type SourcedCase } from './read-reports.js';
import type { ReportedCase, ReportedStatus } from './report.js';
import { isReward, judgeReward } from './reward.js';
import { count, failed, judge } from './rules.js';

type GradeInput = Parameters<Grader['grade']>[0];

/** Bounds on a verdict, so that a flood of tests or of messages can't make one that no answer can carry. */
const MAX_MESSAGE_CHARACTERS = 512 * 1024;
const MAX_UNLISTED_CHARACTERS = 512 * 1024;

/** Grades by the rules of each `Grading`, from test reports and reward files. Pure: no clock, no files. */
export class ReportGrader implements Grader {
  grade(input: GradeInput): Verdict {
    const { format, paths } = input.spec.report ?? { format: 'junit', paths: DEFAULT_REPORT_PATHS.junit };
    const tests =
      input.grading === 'REWARD_FILE' ? input.reports.filter(({ path }) => !isReward(path)) : input.reports;
    const reports = readReports(tests, format, paths);
    const { cases, canaries } = withoutCanaries(reports.cases, input.spec.canary, input.nonce);
    const { listed, unlisted } = resolve(input.spec, cases);
    const judgement =
      input.grading === 'REWARD_FILE'
        ? { ...judgeReward(input.reports), reason: 'RULE' as const }
        : {
            ...withCanaries(
              input.grading,
              judge(
                {
                  grading: input.grading,
                  exitCode: input.exitCode,
                  unread: reports.unread,
                  canary: canaries !== undefined,
                },
                listed,
                unlisted,
              ),
              canaries,
              listed.every(({ status }) => status !== 'MISSING'),
            ),
            scores: {},
          };
    const { tests: told, leftOut } = bounded(listed, unlisted);
    // Of a run that passed it is worth a look; one that failed has enough to say.
    const others =
      judgement.passed && input.grading !== 'EXIT_CODE' && unlisted.length > 0
        ? `; of the tests that were reported ${unlisted.length} are on no list`
        : '';
    const remark = leftOut > 0 ? `; ${leftOut} more unlisted tests are not named here` : '';
    return {
      passed: judgement.passed,
      score: judgement.score,
      scores: judgement.scores,
      grading: input.grading,
      rule: `${judgement.rule}${others}${remark}.`,
      reason: judgement.reason,
      tests: told,
      failToPass: count(listed, 'FAIL_TO_PASS', input.grading),
      passToPass: count(listed, 'PASS_TO_PASS', input.grading),
      failToFail: count(listed, 'FAIL_TO_FAIL', input.grading),
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

function best<T extends ReportedCase>(cases: readonly T[]): T | undefined {
  return cases.reduce<T | undefined>(
    (found, next) =>
      found === undefined || SEVERITY.indexOf(next.status) > SEVERITY.indexOf(found.status) ? next : found,
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
    // Of a test that has to fail every case has to, or its name would excuse another one's failure.
    const decisive = list === 'FAIL_TO_FAIL' ? best(found) : worst(found);
    if (decisive !== undefined) return resultOf(name, decisive, list);
    return { name, status: 'MISSING', durationMs: 0, message: 'No report names it.', list, bySubject: false };
  };
  const listed = [
    ...spec.failToPass.map((name) => find(name, 'FAIL_TO_PASS')),
    ...spec.passToPass.map((name) => find(name, 'PASS_TO_PASS')),
    ...spec.failToFail.map((name) => find(name, 'FAIL_TO_FAIL')),
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
