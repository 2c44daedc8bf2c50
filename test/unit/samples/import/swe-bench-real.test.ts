import { createReadStream } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { importSweBench, type ImportedSample } from '../../../../src/samples/import/swe-bench.js';
import { packFiles } from '../../../../src/samples/pack.js';
import { FileSampleReader } from '../../../../src/samples/sample-reader.js';
import { sweBenchFolder } from '../../../support/parts-missing.js';
import { judge, run, temporaryFolder } from '../judge.js';

const data = sweBenchFolder();
if (data === undefined)
  console.warn(
    'SKIPPED: real SWE-bench instances. Set CODESET_TEST_SWE_BENCH to a folder with instances.jsonl and a .bundle.',
  );

describe.skipIf(data === undefined)('the real instances that CODESET_TEST_SWE_BENCH names', () => {
  let scratch: string;
  let samples: ImportedSample[];
  let bundle: string;
  let hasPytest: boolean;

  beforeAll(async () => {
    scratch = await temporaryFolder();
    const { readdir } = await import('node:fs/promises');
    const name = (await readdir(data ?? '')).find((file) => file.endsWith('.bundle'));
    bundle = path.join(data ?? '', name ?? 'no bundle');
    const lines = (await readFile(path.join(data ?? '', 'instances.jsonl'), 'utf8')).split('\n');
    samples = [];
    for await (const outcome of importSweBench(lines, {
      dataset: 'real',
      repository: bundle,
      environment: {
        host: { requires: ['python3'] },
        setup: [],
        prepare: [],
        setupNetwork: 'none',
        network: 'none',
        env: {},
        workdir: '/workspace',
        user: 'agent',
      },
      scratch,
    })) {
      expect(outcome.problem).toBeUndefined();
      if (outcome.sample !== undefined) samples.push(outcome.sample);
    }
    hasPytest = (await run(['python3', '-m', 'pytest', '--version'], { cwd: '/' })).exitCode === 0;
    if (!hasPytest) console.warn('SKIPPED: judging the real instances; this python3 has no pytest.');
  });

  afterAll(() => rm(scratch, { recursive: true, force: true }));

  test('all become samples', () => {
    expect(samples).toHaveLength(6);
  });

  test('fail untouched and pass with their reference patch', { timeout: 240_000 }, async ({ skip }) => {
    if (!hasPytest) skip();
    const reader = new FileSampleReader(scratch);
    for (const sample of samples) {
      await using upload = await reader.read(packFiles(sample.files));
      await using codebase = await reader.codebaseFromBundle(createReadStream(bundle), sample.commit, 'past');
      const untouched = await judge(upload, codebase, { keepUser: true });
      expect(untouched.verdict, untouched.log).toMatchObject({ passed: false, failToPass: { passed: 0 } });
      const { total } = untouched.verdict.passToPass;
      expect(untouched.verdict.passToPass).toEqual({ passed: total, total });
      const patch = await reader.solutionPatch(packFiles(sample.files));
      const solved = await judge(upload, codebase, {
        keepUser: true,
        ...(patch === undefined ? {} : { patch }),
      });
      expect(solved.verdict.rule, solved.log).toMatch(/^SWE_BENCH: all \d+ listed tests passed/);
      expect(solved.verdict.tests.every(({ bySubject }) => bySubject)).toBe(true);
    }
  });
});
