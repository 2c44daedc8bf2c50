import type { SampleVersion, VerificationSpec } from './sample.js';
import { EXPECTED, tellsOfSample, type ValidationRun } from './validation-run.js';
import type {
  Validation,
  ValidationCount,
  ValidationProblem,
  ValidationProblemKind,
  ValidationSubject,
  ValidationVerdict,
} from './validation.js';
import type { TestResult } from './verification.js';

/** Bounds on what is kept of a sample of which everything is wrong. */
const MAX_PROBLEMS = 1000;
const MAX_PROBLEM_CHARACTERS = 512 * 1024;

export interface ValidatedRuns {
  readonly sample: SampleVersion;
  readonly runs: readonly ValidationRun[];
  /** Why the reference solution could not be had from the sample. */
  readonly unusable: string | undefined;
  readonly asked: { readonly runs: number; readonly concurrency: number };
  /** The only subject that was judged; undefined: both were. */
  readonly only?: ValidationSubject | undefined;
  readonly endTime: Date;
}

/** What verifications of the untouched codebase and of the reference solution say of their sample. Pure. */
export function findings({ sample, runs, unusable, asked, only, endTime }: ValidatedRuns): Validation {
  const of = (subject: ValidationSubject): ValidationRun[] => runs.filter((run) => run.subject === subject);
  const untouched = of('UNTOUCHED');
  const reference = sample.hasSolution ? of('REFERENCE') : undefined;
  const spec = sample.manifest.verification;
  const all: ValidationProblem[] = [
    ...(unusable === undefined
      ? verdictProblems('REFERENCE', reference ?? [])
      : [unusableReference(unusable)]),
    ...verdictProblems('UNTOUCHED', untouched),
    ...testProblems('REFERENCE', reference ?? [], spec),
    ...testProblems('UNTOUCHED', untouched, spec),
  ];
  const counts = {
    untouched: countOf('UNTOUCHED', untouched),
    reference: reference && countOf('REFERENCE', reference),
  };
  const errors = counts.untouched.errors + (counts.reference?.errors ?? 0);
  const verdict = verdictOf(all.length, counts.reference !== undefined, errors, only !== undefined);
  return {
    verdict,
    summary: summaryOf(verdict, counts, errors, all, only),
    ...asked,
    ...counts,
    problems: bounded(all),
    problemCount: all.length,
    endTime,
  };
}

function countOf(subject: ValidationSubject, runs: readonly ValidationRun[]): ValidationCount {
  const judged = runs.filter(({ verification }) => tellsOfSample(verification));
  const asExpected = judged.filter(({ verification }) => verification.state === EXPECTED[subject]);
  return { judged: judged.length, asExpected: asExpected.length, errors: runs.length - judged.length };
}

function verdictOf(
  problems: number,
  hasReference: boolean,
  errors: number,
  partial: boolean,
): ValidationVerdict {
  if (problems > 0) return 'INVALID';
  if (errors > 0 || partial) return 'INCONCLUSIVE';
  return hasReference ? 'VALID' : 'NO_REFERENCE';
}

function unusableReference(why: string): ValidationProblem {
  return { kind: 'REFERENCE_NOT_PASSED', subject: 'REFERENCE', test: '', seen: {}, message: why };
}

const NAMED: Readonly<Record<ValidationSubject, string>> = {
  UNTOUCHED: 'The untouched codebase',
  REFERENCE: 'The reference solution',
};

function verdictProblems(subject: ValidationSubject, runs: readonly ValidationRun[]): ValidationProblem[] {
  const judged = runs.map(({ verification }) => verification).filter(tellsOfSample);
  const wrong = judged.find(({ state }) => state !== EXPECTED[subject]);
  if (wrong === undefined) return [];
  const seen = tally(judged.map(({ state }) => state));
  const isFlaky = Object.keys(seen).includes(EXPECTED[subject]);
  const kind = subject === 'REFERENCE' ? 'REFERENCE_NOT_PASSED' : 'UNTOUCHED_NOT_FAILED';
  const message = `${NAMED[subject]} has to be ${EXPECTED[subject]}, and was ${inWords(seen)}. ${wrong.verificationId}: ${wrong.message}`;
  return [{ kind: isFlaky ? 'FLAKY_VERDICT' : kind, subject, test: '', seen, message }];
}

/** What a status comes down to for a rule. */
type Outcome = 'passed' | 'failed' | 'neither';

function outcomeOf({ status }: TestResult, { grading }: VerificationSpec): Outcome {
  if (status === 'PASSED' || (status === 'XFAILED' && grading === 'SWE_BENCH')) return 'passed';
  return status === 'FAILED' || status === 'ERROR' ? 'failed' : 'neither';
}

function testProblems(
  subject: ValidationSubject,
  runs: readonly ValidationRun[],
  spec: VerificationSpec,
): ValidationProblem[] {
  // Without a report every listed test is missing, and nobody minds.
  if (spec.report === undefined) return [];
  const results = new Map<string, TestResult[]>();
  for (const { verification } of runs) {
    for (const test of verification.verdict?.tests ?? []) {
      if (test.list === 'UNLISTED' && spec.grading !== 'ALL_LISTED') continue;
      const key = `${test.list}/${test.name}`;
      results.set(key, [...(results.get(key) ?? []), test]);
    }
  }
  return [...results.values()].flatMap((seen) => testProblem(subject, seen, spec) ?? []);
}

/** @param results of one test, at least one. */
function testProblem(
  subject: ValidationSubject,
  results: readonly TestResult[],
  spec: VerificationSpec,
): ValidationProblem | undefined {
  const first = results[0];
  if (first === undefined) return undefined;
  const seen = tally(results.map(({ status }) => status));
  const found = kindOf(subject, first, new Set(results.map((result) => outcomeOf(result, spec))), seen, spec);
  if (found === undefined) return undefined;
  const where = subject === 'REFERENCE' ? 'with the reference solution' : 'on the untouched codebase';
  const list = first.list === 'UNLISTED' ? 'on no list' : `in ${first.list.toLowerCase()}`;
  const message = `${first.name} (${list}) ${found.words}: ${where} it was ${inWords(seen)}.`;
  return { kind: found.kind, subject, test: first.name, seen, message };
}

interface Found {
  readonly kind: ValidationProblemKind;
  readonly words: string;
}

function kindOf(
  subject: ValidationSubject,
  { list }: TestResult,
  outcomes: ReadonlySet<Outcome>,
  seen: Readonly<Record<string, number>>,
  { grading }: VerificationSpec,
): Found | undefined {
  // Of an unlisted test only its failure counts.
  const differ = list === 'UNLISTED' ? outcomes.size > 1 && outcomes.has('failed') : outcomes.size > 1;
  if (differ) return { kind: 'FLAKY_TEST', words: 'is flaky' };
  const [outcome] = outcomes;
  if (subject === 'UNTOUCHED') {
    const already = list === 'FAIL_TO_PASS' && outcome === 'passed';
    return already ? { kind: 'ALREADY_PASSES', words: 'passes already' } : undefined;
  }
  if (list === 'UNLISTED')
    return outcome === 'failed' ? { kind: 'UNLISTED_FAILURE', words: 'fails' } : undefined;
  // SWE-bench has that list in its entries and does not look at it.
  if (list === 'FAIL_TO_FAIL' && grading === 'SWE_BENCH') return undefined;
  if (seen['MISSING'] !== undefined) return { kind: 'MISSING_TEST', words: 'is in no report' };
  if (list === 'FAIL_TO_FAIL')
    return outcome === 'failed' ? undefined : { kind: 'NOT_AS_LISTED', words: 'does not fail' };
  return outcome === 'passed' ? undefined : { kind: 'NOT_AS_LISTED', words: 'does not pass' };
}

function tally(words: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const word of words) counts[word] = (counts[word] ?? 0) + 1;
  return counts;
}

/** `PASSED 4 times and FAILED once`. */
function inWords(seen: Readonly<Record<string, number>>): string {
  return Object.entries(seen)
    .map(([word, count]) => `${word} ${count === 1 ? 'once' : `${count} times`}`)
    .join(' and ');
}

const KINDS: readonly (readonly [ValidationProblemKind, string, string])[] = [
  ['FLAKY_TEST', 'flaky test', 'flaky tests'],
  ['MISSING_TEST', 'listed test is missing from the reports', 'listed tests are missing from the reports'],
  ['ALREADY_PASSES', 'test of fail_to_pass passes already', 'tests of fail_to_pass pass already'],
  ['NOT_AS_LISTED', 'test is not as listed', 'tests are not as listed'],
  ['UNLISTED_FAILURE', 'test that is not listed fails', 'tests that are not listed fail'],
];

function summaryOf(
  verdict: ValidationVerdict,
  counts: Pick<Validation, 'untouched' | 'reference'>,
  errors: number,
  problems: readonly ValidationProblem[],
  only: ValidationSubject | undefined,
): string {
  const { untouched, reference } = counts;
  const of = ({ asExpected, judged }: ValidationCount): string => `${asExpected} of ${judged} times`;
  const solved =
    reference === undefined
      ? 'The sample has no reference solution, so that nothing shows that it can be solved'
      : problems.some(({ subject, test, seen }) => subject === 'REFERENCE' && test === '' && isEmpty(seen))
        ? 'The reference solution can not be applied'
        : `The reference solution PASSED ${of(reference)}`;
  const failed = `the untouched codebase was FAILED ${of(untouched)}`;
  const parts = [
    only === 'UNTOUCHED'
      ? `Only this was judged: ${failed}`
      : only === 'REFERENCE'
        ? `Only the reference solution was judged: ${solved}`
        : `${solved}; ${failed}`,
  ];
  for (const [kind, one, more] of KINDS) {
    const count = new Set(problems.filter((problem) => problem.kind === kind).map(({ test }) => test)).size;
    if (count > 0) parts.push(`${count} ${count === 1 ? one : more}`);
  }
  const sentences = [`${parts.join('; ')}.`];
  if (errors > 0) {
    const many = errors === 1 ? '1 verification' : `${errors} verifications`;
    sentences.push(
      `${many} ended in an error of the service or cancelled, which says nothing of the sample.`,
    );
  }
  if (verdict === 'NO_REFERENCE') sentences.push('Add solution/solution.patch and register it again.');
  return sentences.join(' ');
}

const isEmpty = (seen: Readonly<Record<string, number>>): boolean => Object.keys(seen).length === 0;

function bounded(problems: readonly ValidationProblem[]): readonly ValidationProblem[] {
  let characters = MAX_PROBLEM_CHARACTERS;
  const kept: ValidationProblem[] = [];
  for (const problem of problems.slice(0, MAX_PROBLEMS)) {
    characters -= problem.test.length + problem.message.length + 64;
    if (characters < 0) break;
    kept.push(problem);
  }
  return kept;
}
