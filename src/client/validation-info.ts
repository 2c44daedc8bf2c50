import type {
  Validation as WireValidation,
  ValidationCount as WireCount,
} from '../../gen/codeset/v1/sample.js';
import type { ValidationRun as WireRun } from '../../gen/codeset/v1/sample_service.js';
import { present } from './present.js';
import { verdict, type Verdict } from './verdict.js';
import { validationProblemKind, validationSubject, validationVerdict } from './words.js';

/** What is judged: the codebase as agents find it, or with the reference solution applied. */
export type ValidationSubject = 'UNTOUCHED' | 'REFERENCE' | 'UNRECOGNIZED';

/** One thing that is wrong with a sample. */
export interface ValidationProblem {
  readonly kind:
    | 'REFERENCE_NOT_PASSED'
    | 'UNTOUCHED_NOT_FAILED'
    | 'FLAKY_VERDICT'
    | 'FLAKY_TEST'
    | 'MISSING_TEST'
    | 'ALREADY_PASSES'
    | 'NOT_AS_LISTED'
    | 'UNLISTED_FAILURE'
    | 'UNRECOGNIZED';
  /** Where it was seen. */
  readonly subject: ValidationSubject;
  /** The test; empty when it is about verdicts. */
  readonly test: string;
  /** How often each status was seen: of the test, or of the verifications. */
  readonly seen: Readonly<Record<string, number>>;
  readonly message: string;
}

/** What became of the verifications of one subject. */
export interface ValidationCount {
  /** Ended with an answer about the sample. */
  readonly judged: number;
  /** Of those, as they should: FAILED untouched, PASSED with the reference solution. */
  readonly asExpected: number;
  /** Ended in an error of the service, or cancelled by somebody. */
  readonly errors: number;
}

/** What a validation found of one version of a sample. */
export interface ValidationInfo {
  readonly verdict: 'VALID' | 'INVALID' | 'NO_REFERENCE' | 'INCONCLUSIVE' | 'UNRECOGNIZED';
  /** Whether `verdict` is VALID. */
  readonly valid: boolean;
  /** The verdict in words, without names of tests. */
  readonly summary: string;
  readonly runs: number;
  readonly concurrency: number;
  readonly untouched: ValidationCount;
  /** Undefined when the sample has no reference solution. */
  readonly reference: ValidationCount | undefined;
  /** At most 1000, and only where the validation itself tells them. */
  readonly problems: readonly ValidationProblem[];
  /** How many there are in all. */
  readonly problemCount: number;
  readonly endTime: Date | undefined;
}

/** One verification of a validation, ended; without its tests. */
export interface ValidationRun {
  readonly subject: ValidationSubject;
  /** Of this subject, from 1. */
  readonly run: number;
  readonly asExpected: boolean;
  readonly verification: Verdict;
}

export function validationInfo(validation: WireValidation): ValidationInfo {
  const word = validationVerdict(validation.verdict) as ValidationInfo['verdict'];
  return {
    verdict: word,
    valid: word === 'VALID',
    summary: validation.summary,
    runs: validation.runs,
    concurrency: validation.concurrency,
    untouched: count(validation.untouched),
    reference: validation.reference && count(validation.reference),
    problems: validation.problems.map(({ kind, subject, test, seen, message }) => ({
      kind: validationProblemKind(kind) as ValidationProblem['kind'],
      subject: validationSubject(subject) as ValidationSubject,
      test,
      seen,
      message,
    })),
    problemCount: validation.problemCount,
    endTime: validation.endTime,
  };
}

export function validationRun({ subject, run, asExpected, verification }: WireRun): ValidationRun {
  return {
    subject: validationSubject(subject) as ValidationSubject,
    run,
    asExpected,
    verification: verdict(present(verification, 'verification')),
  };
}

const count = (found: WireCount | undefined): ValidationCount => ({
  judged: found?.judged ?? 0,
  asExpected: found?.asExpected ?? 0,
  errors: found?.errors ?? 0,
});
