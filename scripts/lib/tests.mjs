// Runs the suites and keeps what came of them in .setup/results/, where .ci/run adds them up and tells, last of
// all, what failed and what was skipped.
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root, run } from './process.mjs';

const folder = join(root, '.setup', 'results');

/** A run's counts. @typedef {{passed: number, failed: number, skipped: number}} Counts */
/** And a line or more for each test that did not pass. @typedef {Counts & {told?: string[]}} Results */

/** Forgets the counts of earlier runs. */
export function clearCounts() {
  rmSync(folder, { recursive: true, force: true });
}

/** @param name of the suite; a second run of it replaces the first. @param {Results} results */
export function keepCounts(name, results) {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `${name}.json`), JSON.stringify(results));
}

/** The sum over all suites since clearCounts. @returns {Required<Results>} */
export function sumCounts() {
  const sum = { passed: 0, failed: 0, skipped: 0 };
  const told = [];
  let names = [];
  try {
    names = readdirSync(folder);
  } catch {
    return { ...sum, told };
  }
  for (const name of names) {
    const results = JSON.parse(readFileSync(join(folder, name), 'utf8'));
    for (const key of Object.keys(sum)) sum[key] += results[key];
    for (const line of results.told ?? []) told.push(`${name.replace(/\.json$/, '')}: ${line}`);
  }
  return { ...sum, told };
}

/**
 * Runs vitest and keeps its counts under `name`.
 * @returns vitest's exit status.
 */
export async function runVitest(name, args, env = {}) {
  const results = join(root, '.setup', `vitest-${name}-${process.pid}.json`);
  mkdirSync(join(root, '.setup'), { recursive: true });
  const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
  const reporters = ['--reporter=default', `--reporter=${join(root, 'scripts/lib/results-reporter.mjs')}`];
  const status = await run(process.execPath, [vitest, 'run', ...reporters, ...args], {
    env: { ...process.env, ...env, CODESET_TEST_RESULTS: results },
  });
  keepCounts(name, readResults(results, status));
  rmSync(results, { force: true });
  return status;
}

/** @returns {Results} A run that failed with no failed test counts as one failure. */
function readResults(path, status) {
  let results = { passed: 0, failed: 0, skipped: 0, told: [] };
  try {
    results = JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    // Nothing was written: vitest itself fell over.
  }
  if (status === 0 || results.failed > 0) return results;
  return { ...results, failed: 1, told: [...results.told, 'failed: not one of its tests, but the run'] };
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
