import { isScored, type AttemptResult } from './attempt.js';

/** `summary.json`: what a run came to. Rates are 0 to 1, null where nothing was scored. */
export interface Summary {
  /** Of the scored attempts. */
  readonly passRate: number | null;
  /** Where the true rate lies with 95 % confidence: Wilson's for one attempt each, clustered by sample for several. */
  readonly passRateInterval95: readonly [low: number, high: number] | null;
  /** Of all attempts, the unscored counted as not passed. */
  readonly passRateOfAll: number | null;
  readonly meanScore: number | null;
  readonly samples: number;
  /** Of each sample. */
  readonly attempts: number;
  /** Attempts that have ended; less than `planned` where the run was stopped. */
  readonly ended: number;
  readonly planned: number;
  readonly passed: number;
  readonly failed: number;
  readonly timedOut: number;
  /** Ended in an error of the service or the sample, or cancelled. */
  readonly unscored: number;
  /** Of the failed, those whose canary says that the run of the tests was tampered with. */
  readonly tampered: number;
  /** Agents that were ended because they took too long; what they had done was judged. */
  readonly agentsTimedOut: number;
  /** Agents whose process failed. */
  readonly agentsFailed: number;
  /** Tries that the service spoilt and that were made again. */
  readonly retried: number;
  /** By k from 1: the chance that one of k attempts passes, estimated without bias from the scored attempts. */
  readonly passAtK: Readonly<Record<string, number>>;
  readonly seconds: {
    /** From the first attempt's begin to the last one's end, pauses between starts of the run included. */
    readonly wall: number;
    readonly meanAttempt: number | null;
    readonly meanAgent: number | null;
    readonly meanVerification: number | null;
  };
  /** Unscored attempts by fault. */
  readonly faults: Readonly<Record<string, number>>;
}

export interface SummarizedRun {
  readonly samples: number;
  readonly attempts: number;
  readonly results: readonly AttemptResult[];
}

/** Pure; the order of the results does not matter. */
export function summarize({ samples, attempts, results }: SummarizedRun): Summary {
  const scored = results.filter(isScored);
  const count = (test: (result: AttemptResult) => boolean): number => results.filter(test).length;
  const passed = count(({ state }) => state === 'PASSED');
  const unscored = results.filter((result) => !isScored(result));
  const bySample = groups(scored);
  const starts = results.map(({ startTime }) => Date.parse(startTime));
  const ends = results.map(({ endTime }) => Date.parse(endTime));
  return {
    passRate: ratio(passed, scored.length),
    passRateInterval95: interval(bySample),
    passRateOfAll: ratio(passed, results.length),
    meanScore: mean(scored.flatMap(({ score }) => score ?? [])),
    samples,
    attempts,
    ended: results.length,
    planned: samples * attempts,
    passed,
    failed: count(({ state }) => state === 'FAILED'),
    timedOut: count(({ state }) => state === 'TIMED_OUT'),
    unscored: unscored.length,
    tampered: count(({ reason }) => reason === 'TAMPERED'),
    agentsTimedOut: count(({ agent }) => agent?.timedOut === true),
    agentsFailed: count(({ agent }) => agent !== null && !agent.timedOut && agent.exitCode !== 0),
    retried: results.reduce((sum, { tries }) => sum + tries - 1, 0),
    passAtK: passAtK(bySample, attempts),
    seconds: {
      wall: results.length === 0 ? 0 : rounded((Math.max(...ends) - Math.min(...starts)) / 1000),
      meanAttempt: mean(results.map(({ seconds }) => seconds)),
      meanAgent: mean(results.flatMap(({ agent }) => agent?.seconds ?? [])),
      meanVerification: mean(results.flatMap(({ verifySeconds }) => verifySeconds ?? [])),
    },
    faults: tally(unscored.map(({ fault }) => fault)),
  };
}

/** How many attempts of a sample were scored, and how many of them passed. */
interface Group {
  readonly scored: number;
  readonly passed: number;
}

function groups(scored: readonly AttemptResult[]): readonly Group[] {
  const found = new Map<string, Group>();
  for (const { sampleId, state } of scored) {
    const before = found.get(sampleId) ?? { scored: 0, passed: 0 };
    found.set(sampleId, {
      scored: before.scored + 1,
      passed: before.passed + (state === 'PASSED' ? 1 : 0),
    });
  }
  return [...found.values()];
}

const Z95 = 1.959964;

/**
 * Attempts at one sample resemble each other, so that several of them are no independent trials: their spread is
 * taken between samples.
 */
function interval(bySample: readonly Group[]): readonly [number, number] | null {
  const scored = bySample.reduce((sum, group) => sum + group.scored, 0);
  if (scored === 0) return null;
  const rate = bySample.reduce((sum, group) => sum + group.passed, 0) / scored;
  if (bySample.every((group) => group.scored === 1) || bySample.length < 2) return wilson(rate, scored);
  const squares = bySample.reduce((sum, group) => sum + (group.passed - rate * group.scored) ** 2, 0);
  const correction = bySample.length / (bySample.length - 1);
  const half = (Z95 * Math.sqrt(correction * squares)) / scored;
  // All alike: nothing is known of the spread, which is not the same as that there is none.
  if (half === 0) return wilson(rate, bySample.length);
  return [rounded(Math.max(0, rate - half)), rounded(Math.min(1, rate + half))];
}

function wilson(rate: number, n: number): readonly [number, number] {
  const z2 = Z95 ** 2;
  const centre = (rate + z2 / (2 * n)) / (1 + z2 / n);
  const half = (Z95 / (1 + z2 / n)) * Math.sqrt((rate * (1 - rate)) / n + z2 / (4 * n * n));
  return [rounded(Math.max(0, centre - half)), rounded(Math.min(1, centre + half))];
}

/** The share of draws of k attempts that have one which passed, averaged over samples that have k of them. */
function passAtK(bySample: readonly Group[], attempts: number): Readonly<Record<string, number>> {
  const found: Record<string, number> = {};
  for (let k = 1; k <= attempts; k++) {
    const enough = bySample.filter(({ scored }) => scored >= k);
    if (enough.length === 0) break;
    const sum = enough.reduce((total, group) => total + 1 - noneOf(group, k), 0);
    found[String(k)] = rounded(sum / enough.length);
  }
  return found;
}

/** The chance that k of a sample's attempts, drawn without putting back, are all failures. */
function noneOf({ scored, passed }: Group, k: number): number {
  let chance = 1;
  for (let i = 0; i < k; i++) chance *= Math.max(0, scored - passed - i) / (scored - i);
  return chance;
}

const ratio = (part: number, whole: number): number | null => (whole === 0 ? null : rounded(part / whole));

const mean = (values: readonly number[]): number | null =>
  values.length === 0 ? null : rounded(values.reduce((sum, value) => sum + value, 0) / values.length);

function tally(words: readonly string[]): Readonly<Record<string, number>> {
  const found: Record<string, number> = {};
  for (const word of words) found[word] = (found[word] ?? 0) + 1;
  return found;
}

const rounded = (value: number): number => Math.round(value * 1e6) / 1e6;
