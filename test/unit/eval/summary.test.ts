import { expect, test } from 'vitest';
import type { AttemptState } from '../../../src/eval/attempt.js';
import { summarize } from '../../../src/eval/summary.js';
import { aResult } from './results.js';

/** Attempts of each sample in order: `PF` is one that passed and one that failed, E is unscored. */
function run(...samples: readonly string[]) {
  const states: Readonly<Record<string, AttemptState>> = {
    P: 'PASSED',
    F: 'FAILED',
    T: 'TIMED_OUT',
    E: 'ERROR',
  };
  const results = samples.flatMap((attempts, s) =>
    [...attempts].map((letter, i) =>
      aResult({ sampleId: `s${s}`, attempt: i + 1, state: states[letter] ?? 'CANCELLED', fault: 'SERVICE' }),
    ),
  );
  const attempts = Math.max(0, ...samples.map(({ length }) => length));
  return summarize({ samples: samples.length, attempts, results });
}

test('counts, and the rate with and without what is unscored', () => {
  const summary = run('P', 'F', 'T', 'E', 'C', 'P');
  expect(summary).toMatchObject({ passed: 2, failed: 1, timedOut: 1, unscored: 2, ended: 6, planned: 6 });
  expect([summary.passRate, summary.passRateOfAll]).toEqual([0.5, 0.333333]);
  expect(summary.faults).toEqual({ SERVICE: 2 });
});

test('nothing scored is no rate', () => {
  expect(run('E')).toMatchObject({ passRate: null, passRateInterval95: null, passRateOfAll: 0, passAtK: {} });
  expect(summarize({ samples: 3, attempts: 1, results: [] })).toMatchObject({
    passRate: null,
    passRateOfAll: null,
    ended: 0,
    planned: 3,
  });
});

test('one attempt each has Wilson’s interval', () => {
  // Of 10 with 5: 0.2366 to 0.7634, as tables have it.
  expect(run(...'PPPPPFFFFF').passRateInterval95).toEqual([
    expect.closeTo(0.2366, 4) as number,
    expect.closeTo(0.7634, 4) as number,
  ]);
  expect(run(...'PPPPPP').passRateInterval95?.[0]).toBeCloseTo(0.6097, 4);
});

test('attempts at one sample are no independent trials: the interval is that of the samples', () => {
  const [low = 0, high = 0] = run('PPPP', 'PPPP', 'FFFF', 'FFFF').passRateInterval95 ?? [];
  const alone = run('P', 'P', 'F', 'F').passRateInterval95 ?? [0, 0];
  const asIfIndependent = run(...'PPPPPPPPFFFFFFFF').passRateInterval95 ?? [0, 0];
  expect(high - low).toBeGreaterThan(asIfIndependent[1] - asIfIndependent[0]);
  expect(low).toBeLessThanOrEqual(alone[0]);
  // All alike is not the same as certain.
  expect(run('PP', 'PP').passRateInterval95?.[0]).toBeLessThan(0.5);
});

test('pass@k is the chance that one of k drawn attempts passes, over samples that have k scored ones', () => {
  const { passAtK } = run('PFFF', 'FFFF');
  expect(passAtK).toEqual({ '1': 0.125, '2': 0.25, '3': 0.375, '4': 0.5 });
  expect(run('PPF', 'EEF').passAtK).toEqual({ '1': 0.333333, '2': 1, '3': 1 });
});
