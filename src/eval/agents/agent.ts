import type { CodesetClient } from '../../client/client.js';
import type { Verdict } from '../../client/verdict.js';
import type { AgentEnd, Attempt } from '../attempt.js';

/** What an attempt does at the moment. */
export type AttemptStage = 'creating' | 'agent' | 'verifying' | 'waiting';

/** What an agent is given to make one attempt. */
export interface AttemptContext {
  readonly client: CodesetClient;
  readonly attempt: Attempt;
  /** Of every session that is made for the run. */
  readonly labels: Readonly<Record<string, string>>;
  /** The attempt's own folder, which is there; absolute. */
  readonly folder: string;
  readonly signal: AbortSignal;
  readonly onStage: (stage: AttemptStage) => void;
}

/** What an attempt came to. */
export interface Outcome {
  readonly verdict: Verdict;
  readonly sessionId: string | null;
  readonly end: AgentEnd | null;
  readonly verifySeconds: number;
}

/** Who makes attempts. */
export interface Agent {
  /**
   * Makes an attempt and has it judged. Nothing of it is left in the service when it resolves or throws.
   * @throws CodesetClientError; the reason of `signal`; AttemptImpossible
   */
  attempt(context: AttemptContext): Promise<Outcome>;
}

/** The sample can't be attempted this way, however often; the sentence says why. */
export class AttemptImpossible extends Error {
  override readonly name = 'AttemptImpossible';
}
