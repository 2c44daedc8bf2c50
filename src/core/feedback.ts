/** How much of a verification somebody is shown, least first: that it ended; its state and score; everything. */
export const FEEDBACKS = ['NONE', 'VERDICT', 'FULL'] as const;
export type Feedback = (typeof FEEDBACKS)[number];

/** What all of them allow. Who says nothing allows everything. */
export function narrowest(...said: readonly (Feedback | undefined)[]): Feedback {
  const shown = said.map((feedback) => FEEDBACKS.indexOf(feedback ?? 'FULL'));
  return FEEDBACKS[Math.min(...shown)] ?? 'FULL';
}

/** What is asked of a session's verifications when it is created. */
export interface VerifyingRequest {
  /** `inherit`: as of what it is made from, for forks. Undefined: it may not. */
  readonly agent?: { readonly feedback: Feedback } | 'inherit' | undefined;
  readonly feedback?: Feedback | undefined;
  readonly maxVerifications?: number | undefined;
}

/** What a session's verifications are held to: its sample's word, its creation's and its source's together. */
export interface VerifyingRules {
  /** What a RUNNER is shown of them at most. */
  readonly feedback: Feedback;
  /** What the session's agent is shown; undefined: it may neither start nor read any. */
  readonly agentFeedback: Feedback | undefined;
  /** How many there may be; 0: any number. */
  readonly maxVerifications: number;
  /** As many were had by the session that this one's files were copied from, when they were. */
  readonly before: number;
}

/** Of a session that nothing is said of. */
export const NO_RULES: VerifyingRules = Object.freeze({
  feedback: 'FULL',
  agentFeedback: undefined,
  maxVerifications: 0,
  before: 0,
});

/** @param sample of the session, if it has one @param source the rules of what its files are copied from */
export function rulesOf(
  request: VerifyingRequest,
  sample: Pick<VerifyingRules, 'feedback' | 'maxVerifications'> | undefined,
  source: VerifyingRules = NO_RULES,
): VerifyingRules {
  const feedback = narrowest(sample?.feedback, request.feedback, source.feedback);
  const limits = [sample?.maxVerifications, request.maxVerifications, source.maxVerifications];
  const { agent } = request;
  const agentFeedback =
    agent === 'inherit'
      ? source.agentFeedback
      : agent && narrowest(agent.feedback, feedback, source.agentFeedback);
  return {
    feedback,
    agentFeedback,
    maxVerifications: limits.reduce<number>(smaller, 0),
    before: source.before,
  };
}

/** Of two limits where 0 is none. */
function smaller(a: number, b: number | undefined): number {
  if (b === undefined || b === 0) return a;
  return a === 0 ? b : Math.min(a, b);
}
