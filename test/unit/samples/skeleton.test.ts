import { mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { lintSample } from '../../../src/samples/lint/lint-sample.js';
import { packFiles } from '../../../src/samples/pack.js';
import { FileSampleReader } from '../../../src/samples/sample-reader.js';
import { SKELETON_LANGUAGES } from '../../../src/samples/skeleton/languages.js';
import { skeleton, SKELETON_NAMES } from '../../../src/samples/skeleton/skeleton.js';
import { full } from '../../support/extent.js';
import { onPath } from '../../support/parts-missing.js';
import { judge, temporaryFolder } from './judge.js';

let root: string;

beforeAll(async () => {
  root = await temporaryFolder();
});
afterAll(() => rm(root, { recursive: true, force: true }));

describe.each(SKELETON_NAMES)('a new sample in %s', (name) => {
  const missing = (SKELETON_LANGUAGES[name]?.requires ?? []).filter((program) => !onPath(program));
  if (missing.length > 0)
    console.warn(`SKIPPED: a new sample in ${name}: this machine has no ${missing.join(', ')}.`);

  test('lints clean', async () => {
    const folder = path.join(root, name);
    for (const { path: file, content, executable } of skeleton(name, `new-${name}`, 'own')) {
      await mkdir(path.dirname(path.join(folder, file)), { recursive: true });
      await writeFile(path.join(folder, file), content, { mode: executable === true ? 0o755 : 0o644 });
    }
    expect(await lintSample(folder, root)).toEqual([]);
  });

  // Go compiles its standard library first, which takes half a minute.
  if (name === 'go' && !full) return;
  test.skipIf(missing.length > 0)(
    'fails untouched and passes with its solution',
    { timeout: 120_000 },
    async () => {
      const pack = (): ReturnType<typeof packFiles> => packFiles(skeleton(name, `new-${name}`, 'own'));
      const reader = new FileSampleReader(path.join(root, 'scratch'));
      await using upload = await reader.read(pack());
      await using codebase = await reader.codebaseFromFolder(pack(), 'past');
      const untouched = await judge(upload, codebase);
      expect(untouched.verdict, untouched.log).toMatchObject({
        passed: false,
        failToPass: { passed: 0, total: 3 },
        passToPass: { passed: 2, total: 2 },
      });
      const patch = await reader.solutionPatch(pack());
      const solved = await judge(upload, codebase, patch === undefined ? {} : { patch });
      expect(solved.verdict.passed, solved.log).toBe(true);
    },
  );
});
