import { readdirSync } from 'node:fs';
import { rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { packFolder, readManifest } from '../../../src/samples/pack.js';
import { FileSampleReader } from '../../../src/samples/sample-reader.js';
import { exampleLacks } from '../../support/parts-missing.js';
import { isRoot } from '../../support/root-only.js';
import { judge, run, temporaryFolder, untar } from './judge.js';

// The samples themselves, judged without a sandbox: what a sandbox adds is tried where sandboxes are.

const folder = path.join(import.meta.dirname, '../../../samples/examples');
const names = readdirSync(folder).sort();
let scratch: string;

beforeAll(async () => {
  scratch = await temporaryFolder();
});
afterAll(() => rm(scratch, { recursive: true, force: true }));

test('there are samples in Python, JavaScript, Go, C and shell, six at least', async () => {
  const languages = await Promise.all(
    names.map(async (name) => (await readManifest(path.join(folder, name))).language),
  );
  expect(new Set(languages)).toEqual(new Set(['python', 'javascript', 'go', 'c', 'shell']));
  expect(names.length).toBeGreaterThanOrEqual(6);
});

describe.each(names)('the example %s', (name) => {
  const missing = exampleLacks(name);
  if (missing.length > 0)
    console.warn(`SKIPPED: the example ${name}: this machine has no ${missing.join(', ')}.`);

  test('is named after its folder and set up without a network', async () => {
    const manifest = await readManifest(path.join(folder, name));
    expect(manifest).toMatchObject({ sampleId: name, dataset: 'examples' });
    expect(manifest.environment).toMatchObject({
      setup: [],
      prepare: [],
      setupNetwork: 'none',
      network: 'none',
    });
    expect(manifest.verification.network).toBe('none');
    expect(manifest.description).not.toBe('');
  });

  test.skipIf(missing.length > 0)(
    'fails untouched and passes with its solution, twice alike',
    { timeout: 240_000 },
    async () => {
      const reader = new FileSampleReader(scratch);
      await using upload = await reader.read(packFolder(path.join(folder, name)));
      await using codebase = await reader.codebaseFromFolder(packFolder(path.join(folder, name)), 'past');
      const { failToPass, passToPass } = upload.manifest.verification;
      const patch = await reader.solutionPatch(packFolder(path.join(folder, name)));
      if (patch === undefined) throw new Error('no solution.patch');
      for (let round = 0; round < 2; round += 1) {
        const untouched = await judge(upload, codebase);
        expect(untouched.verdict.passed).toBe(false);
        expect(untouched.verdict.failToPass, untouched.log).toEqual({ passed: 0, total: failToPass.length });
        expect(untouched.verdict.passToPass, untouched.log).toEqual({
          passed: passToPass.length,
          total: passToPass.length,
        });
        const solved = await judge(upload, codebase, { patch });
        expect(solved.verdict.rule, solved.log).toMatch(/^ALL_LISTED: all \d+ listed tests passed/);
        expect(solved.verdict.tests.filter(({ list }) => list === 'UNLISTED')).toEqual([]);
      }
    },
  );
});

test('a folder where the median sample expects its package is a failure, not a crash', async () => {
  const reader = new FileSampleReader(scratch);
  const sample = path.join(folder, 'median-of-even-lists');
  await using upload = await reader.read(packFolder(sample));
  await using codebase = await reader.codebaseFromFolder(packFolder(sample), 'past');
  const broken = await judge(upload, codebase, {
    before: async (workspace) => {
      await writeFile(path.join(workspace, 'tally/summary.py'), 'raise SystemExit(0)\n');
    },
  });
  expect(broken.verdict.passed).toBe(false);
  expect(broken.verdict.failToPass.passed).toBe(0);
});

test.runIf(isRoot)('hidden files are closed to the subject', async () => {
  const reader = new FileSampleReader(scratch);
  await using upload = await reader.read(packFolder(path.join(folder, 'vcard-line-folding')));
  const out = path.join(scratch, 'hidden');
  await untar(upload.hidden(), out);
  for (const [name, mode] of [
    ['.', 0o700],
    ['run', 0o700],
    ['cases/emoji.folded', 0o600],
  ] as const) {
    const info = await stat(path.join(out, name));
    expect([info.mode & 0o777, info.uid]).toEqual([mode, 0]);
  }
  expect((await run(['ls', out], { cwd: '/' })).output).toBe('cases\nrun\n');
});
