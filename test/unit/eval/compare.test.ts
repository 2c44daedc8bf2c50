import { expect, test } from 'vitest';
import { compareRuns } from '../../../src/eval/compare.js';
import { aResult } from './results.js';

const run = (letters: string, version = 1) =>
  [...letters].map((letter, i) =>
    aResult({
      sampleId: `s${i}`,
      version,
      state: letter === 'P' ? 'PASSED' : letter === 'F' ? 'FAILED' : 'ERROR',
    }),
  );

test('attempts are paired, and only what both scored counts', () => {
  const found = compareRuns(run('PPFFE'), run('PFPFPP', 2));
  expect(found).toMatchObject({
    paired: 4,
    bothPassed: 1,
    onlyFirst: 1,
    onlySecond: 1,
    neither: 1,
    firstRate: 0.5,
    secondRate: 0.5,
    pValue: 1,
    unpaired: { first: 1, second: 2 },
    otherVersions: ['s0', 's1', 's2', 's3'],
  });
  expect(found.differing).toEqual([
    { sampleId: 's1', attempt: 1, first: 'PASSED', second: 'FAILED' },
    { sampleId: 's2', attempt: 1, first: 'FAILED', second: 'PASSED' },
  ]);
});

test('the p value is that of the exact test', () => {
  expect(compareRuns(run('PPPPPP'), run('FFFFFF')).pValue).toBeCloseTo(2 / 64, 10);
  expect(compareRuns(run('PPPPPPPPF'), run('FFFFFFFFP')).pValue).toBeCloseTo(20 / 512, 10);
  expect(compareRuns([], []).pValue).toBe(1);
  expect(compareRuns([], []).firstRate).toBeNull();
  // Large ones by the normal approximation: 600 against 500 is z = 99 / sqrt(1100).
  const many = compareRuns(run('P'.repeat(600) + 'F'.repeat(500)), run('F'.repeat(600) + 'P'.repeat(500)));
  expect(many.pValue).toBeCloseTo(0.002837, 4);
});
