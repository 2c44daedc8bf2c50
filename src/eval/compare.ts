import { attemptKey, isScored, keyOf, type AttemptResult } from './attempt.js';

/** Two runs side by side, attempt by attempt: only what both scored is compared. */
export interface Comparison {
  /** Attempts that both runs scored. */
  readonly paired: number;
  readonly bothPassed: number;
  readonly onlyFirst: number;
  readonly onlySecond: number;
  readonly neither: number;
  /** Of the paired, 0 to 1; null where there is none. */
  readonly firstRate: number | null;
  readonly secondRate: number | null;
  /**
   * How likely so uneven a split of those that differ is when the runs are equally good (McNemar's exact test, two
   * sides); 1 where none differs.
   */
  readonly pValue: number;
  /** Those that differ, by sample. */
  readonly differing: readonly {
    readonly sampleId: string;
    readonly attempt: number;
    readonly first: string;
    readonly second: string;
  }[];
  /** Attempts that only one run has, or scored. */
  readonly unpaired: { readonly first: number; readonly second: number };
  /** Samples whose version is not the same in both. */
  readonly otherVersions: readonly string[];
}

/** Pure; pairs by sample and attempt. */
export function compareRuns(first: readonly AttemptResult[], second: readonly AttemptResult[]): Comparison {
  const scored = (results: readonly AttemptResult[]): Map<string, AttemptResult> =>
    new Map(results.filter(isScored).map((result) => [keyOf(result), result]));
  const [one, two] = [scored(first), scored(second)];
  const pairs = [...one.values()].flatMap((a) => {
    const b = two.get(attemptKey(a.sampleId, a.attempt));
    return b === undefined ? [] : [[a, b] as const];
  });
  const count = (a: boolean, b: boolean): number =>
    pairs.filter(([x, y]) => passed(x) === a && passed(y) === b).length;
  const [bothPassed, onlyFirst, onlySecond, neither] = [
    count(true, true),
    count(true, false),
    count(false, true),
    count(false, false),
  ];
  return {
    paired: pairs.length,
    bothPassed,
    onlyFirst,
    onlySecond,
    neither,
    firstRate: pairs.length === 0 ? null : (bothPassed + onlyFirst) / pairs.length,
    secondRate: pairs.length === 0 ? null : (bothPassed + onlySecond) / pairs.length,
    pValue: mcNemar(onlyFirst, onlySecond),
    differing: pairs
      .filter(([a, b]) => passed(a) !== passed(b))
      .map(([a, b]) => ({ sampleId: a.sampleId, attempt: a.attempt, first: a.state, second: b.state }))
      .sort((a, b) => (a.sampleId === b.sampleId ? a.attempt - b.attempt : a.sampleId < b.sampleId ? -1 : 1)),
    unpaired: { first: first.length - pairs.length, second: second.length - pairs.length },
    otherVersions: [
      ...new Set(pairs.filter(([a, b]) => a.version !== b.version).map(([a]) => a.sampleId)),
    ].sort(),
  };
}

const passed = ({ state }: AttemptResult): boolean => state === 'PASSED';

/** The binomial's two tails at one half. */
function mcNemar(a: number, b: number): number {
  const n = a + b;
  let term = 2 ** -n;
  // Of so many the first term is too small for a number: the normal approximation is exact enough by then.
  if (term === 0 || n > 1000) return normalTail((Math.abs(a - b) - 1) / Math.sqrt(n));
  let tail = 0;
  for (let k = 0; k <= Math.min(a, b); k++) {
    tail += term;
    term *= (n - k) / (k + 1);
  }
  return Math.min(1, 2 * tail);
}

/** Both tails beyond z of the normal distribution; Abramowitz and Stegun 7.1.26, good to 1.5e-7. */
function normalTail(z: number): number {
  const x = Math.max(0, z) / Math.SQRT2;
  const t = 1 / (1 + 0.3275911 * x);
  const series =
    t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  return Math.min(1, series * Math.exp(-x * x));
}
