/** What is judged: the codebase as agents find it, or with the reference solution applied. */
export type ValidationSubject = 'UNTOUCHED' | 'REFERENCE';

export type ValidationVerdict = 'VALID' | 'INVALID' | 'NO_REFERENCE' | 'INCONCLUSIVE';

export type ValidationProblemKind =
  | 'REFERENCE_NOT_PASSED'
  | 'UNTOUCHED_NOT_FAILED'
  | 'FLAKY_VERDICT'
  | 'FLAKY_TEST'
  | 'MISSING_TEST'
  | 'ALREADY_PASSES'
  | 'NOT_AS_LISTED'
  | 'UNLISTED_FAILURE';

/** One thing that is wrong with a sample. */
export interface ValidationProblem {
  readonly kind: ValidationProblemKind;
  readonly subject: ValidationSubject;
  /** Empty when it is about verdicts. */
  readonly test: string;
  /** How often each status was seen: of the test, or of the verifications. */
  readonly seen: Readonly<Record<string, number>>;
  readonly message: string;
}

/** What became of the verifications of one subject. */
export interface ValidationCount {
  /** Ended with an answer about the sample. */
  readonly judged: number;
  /** Of those, as they should. */
  readonly asExpected: number;
  /** Ended in an error of the service, or cancelled by somebody. */
  readonly errors: number;
}

/** What a validation found of one version; kept with it. */
export interface Validation {
  readonly verdict: ValidationVerdict;
  /** The verdict in words, without names of tests, which are hidden. */
  readonly summary: string;
  /** Asked for, of each subject. */
  readonly runs: number;
  /** Side by side, at most. */
  readonly concurrency: number;
  readonly untouched: ValidationCount;
  /** Undefined when the sample has no reference solution. */
  readonly reference: ValidationCount | undefined;
  /** Verdicts first, then tests; bounded. */
  readonly problems: readonly ValidationProblem[];
  /** How many there are in all. */
  readonly problemCount: number;
  readonly endTime: Date;
}

/** Two verifications of one subject by one version, of which one PASSED and the other did not. */
export interface Disagreement {
  readonly subjectDigest: string;
  readonly passedVerificationId: string;
  readonly failedVerificationId: string;
  readonly time: Date;
}
