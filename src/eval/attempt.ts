import type { Counts, Pressure } from '../client/verdict.js';

/** The version of a sample that a run takes, pinned when the run begins. */
export interface EvalSample {
  readonly sampleId: string;
  readonly version: number;
  readonly dataset: string;
  /** The id as its origin spells it; empty: the same. */
  readonly sourceId: string;
}

/** One try of an agent at a sample that is to be made. */
export interface Attempt {
  readonly sample: EvalSample;
  /** From 1. */
  readonly number: number;
}

/**
 * How an attempt ended: as its verification did. ERROR and CANCELLED are unscored: nobody knows what the agent is
 * worth there.
 */
export type AttemptState = 'PASSED' | 'FAILED' | 'TIMED_OUT' | 'ERROR' | 'CANCELLED';

/** How the agent's own process ended. */
export interface AgentEnd {
  readonly exitCode: number | null;
  /** `SIGKILL`; null: none ended it. */
  readonly signal: string | null;
  /** Whether it took longer than it may, and was ended. What it had done by then is judged. */
  readonly timedOut: boolean;
  readonly seconds: number;
}

/** One line of `results.jsonl`; what is null is not known. */
export interface AttemptResult {
  readonly sampleId: string;
  readonly version: number;
  readonly dataset: string;
  readonly attempt: number;
  readonly state: AttemptState;
  /** 0 to 1, or the reward; null without a verdict. */
  readonly score: number | null;
  readonly scores: Readonly<Record<string, number>>;
  /** `SUBJECT`, `SAMPLE`, `SERVICE` or `NONE`. */
  readonly fault: string;
  /** `RULE` or `TAMPERED`; null without a verdict. */
  readonly reason: string | null;
  readonly message: string;
  readonly failToPass: Counts | null;
  readonly passToPass: Counts | null;
  readonly failToFail: Counts | null;
  readonly verificationId: string | null;
  readonly subjectDigest: string | null;
  readonly pressure: Pressure | null;
  readonly sessionId: string | null;
  readonly agent: AgentEnd | null;
  /** How often it was tried, with those that the service spoilt. */
  readonly tries: number;
  readonly startTime: string;
  readonly endTime: string;
  readonly seconds: number;
  /** The verification alone, from its beginning to its verdict. */
  readonly verifySeconds: number | null;
  /** The folder of its files, from the run's own. */
  readonly files: string;
}

/** `median-of-even-lists#2`: unique within a run, which has one version of each sample. */
export function attemptKey(sampleId: string, number: number): string {
  return `${sampleId}#${number}`;
}

export function keyOf(result: Pick<AttemptResult, 'sampleId' | 'attempt'>): string {
  return attemptKey(result.sampleId, result.attempt);
}

/** Whether it says something about the agent. */
export function isScored({ state }: Pick<AttemptResult, 'state'>): boolean {
  return state === 'PASSED' || state === 'FAILED' || state === 'TIMED_OUT';
}
