import { canaryTests } from '../core/canary.js';
import type { CanarySpec, Grading } from '../core/sample.js';
import type { VerdictReason } from '../core/verification.js';
import type { ReportedCase } from './report.js';
import type { Judgement } from './rules.js';

/** What became of the tests that had to fail. */
export interface Canaries {
  /** Why the run was tampered with; undefined: all that were reported failed. */
  readonly tampered: string | undefined;
  /** Of those that had to be there, which are not. */
  readonly missing: string | undefined;
}

/**
 * Takes out what the canary's file brought: every case that has the nonce of the run in a name.
 * @returns `canaries` undefined for a sample without a canary.
 */
export function withoutCanaries<T extends ReportedCase>(
  cases: readonly T[],
  spec: CanarySpec | undefined,
  nonce: string | undefined,
): { readonly cases: readonly T[]; readonly canaries: Canaries | undefined } {
  if (spec === undefined || nonce === undefined) return { cases, canaries: undefined };
  const isCanary = ({ name, classname, file, suites }: T): boolean =>
    [name, classname, file, ...suites].some((text) => text.includes(nonce));
  const found = cases.filter(isCanary);
  const expected = canaryTests(spec, nonce);
  // An error is no failure of a test's own: its file could not be loaded, or its set-up broke.
  const unfailed = found.find(({ status }) => status !== 'failed' && status !== 'error');
  const failed = found.filter(({ status }) => status === 'failed');
  const missing =
    expected.length === 0
      ? failed.length === 0
        ? 'any test with its nonce'
        : undefined
      : expected.find((name) => !failed.some((reported) => reported.name.includes(name)));
  return {
    cases: cases.filter((reported) => !isCanary(reported)),
    canaries: {
      tampered: unfailed === undefined ? undefined : `${unfailed.name.slice(0, 200)} ${unfailed.status}`,
      missing,
    },
  };
}

/**
 * What canaries make of a verdict. One that did not fail says that the run was tampered with; so does one that is
 * missing from a run which reported every listed test, or passed. A run that broke off before its canary is judged by
 * its rule; what it reported counts for nothing, since nobody knows who wrote it.
 *
 * @param complete whether every listed test was reported
 */
export function withCanaries(
  grading: Grading,
  judgement: Judgement,
  canaries: Canaries | undefined,
  complete: boolean,
): Judgement & { readonly reason: VerdictReason } {
  if (canaries === undefined) return { ...judgement, reason: 'RULE' };
  const { tampered, missing } = canaries;
  if (tampered !== undefined)
    return tamperedWith(`${grading}: the canary, which has to fail, did not (${tampered})`);
  if (missing === undefined) return { ...judgement, reason: 'RULE' };
  const without = `no report has the canary failed (${missing})`;
  if (judgement.passed || complete) return tamperedWith(`${grading}: ${without}`);
  return {
    ...judgement,
    score: 0,
    rule: `${judgement.rule}; ${without}, so the score is 0`,
    reason: 'RULE',
  };
}

function tamperedWith(what: string): Judgement & { readonly reason: VerdictReason } {
  const rule = `${what}, so what ran the tests was tampered with and its reports count for nothing`;
  return { passed: false, score: 0, rule, reason: 'TAMPERED' };
}
