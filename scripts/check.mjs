// `npm run check`: everything that must hold. With `--after-test`, what `npm test` has not just done: the tests
// that have a long form are run in it, the others are not run again. `--only NAME…` runs some steps.
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Failure, capture, main, root, run } from './lib/process.mjs';
import { setUp } from './lib/setup.mjs';
import { clearCounts, countProgram, keepCounts, runVitest } from './lib/tests.mjs';

const bin = (name) => join(root, 'node_modules', '.bin', name);

const afterTest = process.argv.includes('--after-test');
const only = process.argv.includes('--only') ? process.argv.slice(process.argv.indexOf('--only') + 1) : [];

const steps = [
  ['format', () => run(bin('prettier'), ['--check', '--log-level=warn', '.'])],
  ['lint', () => run(bin('oxlint'), ['--type-aware', '--deny-warnings'])],
  ['types', () => run(bin('tsc'), ['-p', 'tsconfig.test.json'])],
  ['proto', () => run('sh', ['scripts/gen.sh', '--check'])],
  ['init', () => program('init', ['-C', 'init', 'test'])],
  ['fuzz', () => program('fuzz', ['-C', 'init', 'fuzz'])],
  ['tests', longTests],
];

await main(async () => {
  const unknown = only.filter((name) => !steps.some(([step]) => step === name));
  if (unknown.length > 0) {
    const names = steps.map(([name]) => name).join(', ');
    throw new Failure(`check: there is no step ${unknown.join(', ')}; there are ${names}.`);
  }
  if (!afterTest) clearCounts();
  await setUp({ tests: true, check: true });
  const failed = [];
  for (const [name, step] of steps) {
    if (only.length > 0 && !only.includes(name)) continue;
    const start = Date.now();
    const status = await step();
    const seconds = ((Date.now() - start) / 1000).toFixed(1);
    console.log(`check: ${name} ${status === 0 ? 'ok' : 'FAILED'} (${seconds} s)`);
    if (status !== 0) failed.push(name);
  }
  console.log(failed.length === 0 ? 'check: all ok' : `check: FAILED: ${failed.join(', ')}`);
  return failed.length === 0 ? 0 : 1;
});

/** A make target that tests; its words are shown when it fails. */
async function program(name, args) {
  const { status, output } = await capture('make', ['-s', ...args]);
  keepCounts(name, countProgram(output, status));
  if (status !== 0) console.log(output);
  return status;
}

function longTests() {
  const files = afterTest ? testsWithLongForm() : [];
  if (afterTest && files.length === 0) return 0;
  return runVitest('full', files, { CODESET_TEST_FULL: '1' });
}

/**
 * Those that ask test/support/extent.ts how much to do, those that it leaves to this command, and the cheats, which are
 * then tried on Docker too.
 */
function testsWithLongForm() {
  const asks = (path) => /\/extent\.js'/.test(readFileSync(join(root, path), 'utf8'));
  const left = readFileSync(join(root, 'test/support/extent.ts'), 'utf8');
  return readdirSync(join(root, 'test'), { recursive: true })
    .filter((path) => path.endsWith('.test.ts'))
    .map((path) => join('test', path))
    .filter(
      (path) => path.startsWith(join('test', 'adversarial')) || left.includes(`'${path}'`) || asks(path),
    );
}
