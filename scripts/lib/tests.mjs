// Runs the suites and keeps their counts in .setup/results/, where .ci/run adds them up.
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root, run } from './process.mjs';

const folder = join(root, '.setup', 'results');

/** A run's counts. @typedef {{passed: number, failed: number, skipped: number}} Counts */

/** Forgets the counts of earlier runs. */
export function clearCounts() {
  rmSync(folder, { recursive: true, force: true });
}

/** @param name of the suite; a second run of it replaces the first. @param {Counts} counts */
export function keepCounts(name, counts) {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `${name}.json`), JSON.stringify(counts));
}

/** The sum over all suites since clearCounts. @returns {Counts} */
export function sumCounts() {
  const sum = { passed: 0, failed: 0, skipped: 0 };
  let names = [];
  try {
    names = readdirSync(folder);
  } catch {
    return sum;
  }
  for (const name of names) {
    const counts = JSON.parse(readFileSync(join(folder, name), 'utf8'));
    for (const key of Object.keys(sum)) sum[key] += counts[key];
  }
  return sum;
}

/**
 * Runs vitest and keeps its counts under `name`.
 * @returns vitest's exit status.
 */
export async function runVitest(name, args, env = {}) {
  const report = join(root, '.setup', `vitest-${name}-${process.pid}.json`);
  mkdirSync(join(root, '.setup'), { recursive: true });
  const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  const status = await run(process.execPath, [vitest, 'run', ...reporters, ...args], {
    env: { ...process.env, ...env },
  });
  keepCounts(name, countVitest(report, status));
  rmSync(report, { force: true });
  return status;
}

/**
 * @param report the file that vitest's JSON reporter wrote.
 * @returns {Counts} A file that fell over before its first test, and a run that failed with no failed test, count as one failure.
 */
export function countVitest(report, status) {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  let files = [];
  try {
    files = JSON.parse(readFileSync(report, 'utf8')).testResults;
  } catch {
    // Nothing was written: vitest itself fell over.
  }
  for (const file of files) {
    let failed = 0;
    for (const test of file.assertionResults) {
      if (test.status === 'passed') counts.passed += 1;
      else if (test.status === 'failed') failed += 1;
      else counts.skipped += 1;
    }
    counts.failed += file.status === 'failed' ? Math.max(failed, 1) : failed;
  }
  if (status !== 0 && counts.failed === 0) counts.failed = 1;
  return counts;
}

/**
 * Counts of a C test program, from its lines `ok …`, `not ok …` (with `# skip`) or its sum `N passed, N failed`.
 * @returns {Counts}
 */
export function countProgram(output, status) {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  const sums = [...output.matchAll(/(\d+) passed(?:, (\d+) failed)?(?:, (\d+) skipped)?/g)];
  for (const [, passed, failed = 0, skipped = 0] of sums) {
    counts.passed += Number(passed);
    counts.failed += Number(failed);
    counts.skipped += Number(skipped);
  }
  if (sums.length === 0) {
    for (const line of output.split('\n')) {
      if (/^ok\b.*# skip/i.test(line)) counts.skipped += 1;
      else if (/^ok\b/.test(line)) counts.passed += 1;
      else if (/^not ok\b/.test(line)) counts.failed += 1;
    }
  }
  if (status !== 0 && counts.failed === 0) counts.failed = 1;
  if (status === 0 && counts.passed === 0) counts.passed = 1;
  return counts;
}
