import type { AttemptCounts } from './kept-audit.js';
import type { Fault, VerdictReason, VerificationState } from './verification.js';

/**
 * What became of a cheat:
 * - HELD: it was not PASSED, and its verdict blames the agent alone;
 * - THROUGH: it was PASSED, or its verdict blames the sample or the service;
 * - UNTRIED: it could not be tried, or its verification did not end;
 * - SKIPPED: it does not apply to the sample.
 */
export type AttemptOutcome = 'HELD' | 'THROUGH' | 'UNTRIED' | 'SKIPPED';

/** One cheat tried against one sample, in one way. */
export interface AuditAttempt {
  /** The cheat's id. */
  readonly cheat: string;
  readonly family: string;
  /** What the agent did, as the end of the sentence "The agent …". */
  readonly title: string;
  /** From 1: which of the ways in which the cheat is tried. */
  readonly way: number;
  readonly outcome: AttemptOutcome;
  /** How it was judged; undefined where there was no verdict. */
  readonly judged:
    | {
        readonly verificationId: string;
        readonly state: VerificationState;
        readonly fault: Fault;
        readonly reason: VerdictReason | undefined;
      }
    | undefined;
  /** The verification's message, or why it was not tried, a sentence. */
  readonly message: string;
  /** How the sample closes it, a sentence. */
  readonly closedBy: string;
}

export function countsOf(attempts: readonly AuditAttempt[]): AttemptCounts {
  const count = (wanted: AttemptOutcome): number =>
    attempts.filter(({ outcome }) => outcome === wanted).length;
  return {
    held: count('HELD'),
    through: count('THROUGH'),
    untried: count('UNTRIED'),
    skipped: count('SKIPPED'),
  };
}
