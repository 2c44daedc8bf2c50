import { mkdir, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { git, gitLine } from '../../../../src/samples/git.js';
import {
  importSweBench,
  type ImportOutcome,
  type SweBenchOptions,
} from '../../../../src/samples/import/swe-bench.js';
import { quote } from '../../../../src/samples/import/verification-script.js';
import { parseManifest } from '../../../../src/samples/manifest.js';
import { packFiles } from '../../../../src/samples/pack.js';
import { FileSampleReader } from '../../../../src/samples/sample-reader.js';
import { judge, run, temporaryFolder } from '../judge.js';

let root: string;
let repository: string;
let base: string;
let patch: string;
let testPatch: string;

const environment = {
  host: { requires: ['python3'] },
  setup: ['true'],
  prepare: [],
  setupNetwork: 'public',
  network: 'none',
  env: { PATH: '/opt/venv/bin:$PATH' },
  workdir: '/workspace',
  user: 'agent',
} as const;

async function diffOf(change: () => Promise<void>): Promise<string> {
  const options = { cwd: repository };
  await change();
  await git(['add', '--all'], options);
  const diff = await git(['diff', '--cached', '--binary', '--no-renames'], options);
  await git(['reset', '--quiet', '--hard'], options);
  return diff.toString();
}

beforeAll(async () => {
  root = await temporaryFolder();
  repository = path.join(root, 'repository');
  await mkdir(path.join(repository, 'tests'), { recursive: true });
  const options = { cwd: repository };
  await git(['init', '--quiet'], options);
  await writeFile(path.join(repository, 'calc.py'), 'def half(n):\n    return n // 2\n');
  await writeFile(path.join(repository, 'tests/test_calc.py'), 'old\n');
  await writeFile(path.join(repository, 'tests/test_gone.py'), 'gone\n');
  await git(['add', '--all'], options);
  await git(['commit', '--quiet', '-m', 'base'], options);
  base = await gitLine(['rev-parse', 'HEAD'], options);
  patch = await diffOf(() => writeFile(path.join(repository, 'calc.py'), 'def half(n):\n    return n / 2\n'));
  testPatch = await diffOf(async () => {
    await writeFile(path.join(repository, 'tests/test_calc.py'), 'new\n');
    await writeFile(path.join(repository, "tests/it's data.bin"), Buffer.from([0, 1, 255]));
    await writeFile(path.join(repository, 'tests/tool.sh'), '#!/bin/sh\n', { mode: 0o755 });
    await rm(path.join(repository, 'tests/test_gone.py'));
  });
});
afterAll(() => rm(root, { recursive: true, force: true }));

function entry(change: Record<string, unknown> = {}): string {
  return JSON.stringify({
    instance_id: 'Owner__calc-1',
    repo: 'owner/calc',
    base_commit: base,
    patch,
    test_patch: testPatch,
    problem_statement: 'Half of three is not one.\n\nMore words.',
    hints_text: '',
    FAIL_TO_PASS: ['tests/test_calc.py::test_half'],
    PASS_TO_PASS:
      '["tests/test_calc.py::test_half", "tests/test_calc.py::test_b", "tests/test_calc.py::test_b"]',
    ...change,
  });
}

async function outcomes(lines: string[], more: Partial<SweBenchOptions> = {}): Promise<ImportOutcome[]> {
  const found = [];
  const options = { dataset: 'calc', repository, environment, scratch: root, ...more };
  for await (const outcome of importSweBench(lines, options)) found.push(outcome);
  return found;
}

describe('an instance', () => {
  test('becomes a sample with hidden tests, the reference patch and the lists', async () => {
    const [outcome] = await outcomes([entry()]);
    const files = new Map(outcome?.sample?.files.map((file) => [file.path, file]));
    const manifest = parseManifest(String(files.get('sample.yaml')?.content));
    expect(manifest).toMatchObject({
      sampleId: 'owner__calc-1',
      sourceId: 'Owner__calc-1',
      dataset: 'calc',
      description: 'Half of three is not one.',
      environment,
      codebase: { git: 'owner/calc', commit: base },
      verification: {
        scope: 'PATCH',
        grading: 'SWE_BENCH',
        failToPass: ['tests/test_calc.py::test_half'],
        passToPass: ['tests/test_calc.py::test_b'],
        keep: [],
        canary: { path: 'tests/test_codeset_{{nonce}}.py' },
        protectedPaths: ["tests/it's data.bin", 'tests/test_calc.py', 'tests/test_gone.py', 'tests/tool.sh'],
      },
    });
    expect(files.get('task.md')?.content).toBe('Half of three is not one.\n\nMore words.\n');
    expect(files.get('solution/solution.patch')?.content).toBe(patch);
    expect(String(files.get('verification/files/tests/test_calc.py')?.content)).toBe('new\n');
    expect(files.get("verification/files/tests/it's data.bin")?.content).toEqual(Buffer.from([0, 1, 255]));
    expect(files.get('verification/files/tests/tool.sh')?.executable).toBe(true);
    expect(String(files.get('verification/test.sh')?.content)).toMatch(
      /-- tests\/test_calc\.py \$\{CODESET_CANARY:\+"\$CODESET_CANARY"\}\n$/,
    );
    expect(outcome?.sample?.commit).toBe(base);
    const script = String(files.get('verification/run')?.content);
    expect((await run(['sh', '-n'], { cwd: '/', stdin: script })).exitCode).toBe(0);
  });

  test('whose solution changes what runners pick up keeps that, and no more', async () => {
    const conftest = await diffOf(async () => {
      await writeFile(path.join(repository, 'calc.py'), 'half = None\n');
      await writeFile(path.join(repository, 'conftest.py'), 'new\n');
      await writeFile(path.join(repository, 'setup.cfg'), '[metadata]\n');
    });
    const [outcome] = await outcomes([entry({ patch: conftest })]);
    const manifest = outcome?.sample?.files.find((file) => file.path === 'sample.yaml');
    expect(parseManifest(String(manifest?.content)).verification.keep).toEqual(['conftest.py', 'setup.cfg']);
  });

  test('with lower-case lists, an image template and a test command of its own is taken', async () => {
    const [outcome] = await outcomes(
      [
        entry({
          FAIL_TO_PASS: undefined,
          fail_to_pass: '["tests/test_calc.py::test_half"]',
          PASS_TO_PASS: [],
        }),
      ],
      {
        environment: undefined,
        imageTemplate: 'bench/x86.{instance_id}:latest',
        testCommand: 'make check F="{files}"',
      },
    );
    const files = new Map(outcome?.sample?.files.map((file) => [file.path, file]));
    expect(parseManifest(String(files.get('sample.yaml')?.content)).environment.image).toBe(
      'bench/x86.owner__calc-1:latest',
    );
    expect(files.get('verification/test.sh')?.content).toBe('make check F="tests/test_calc.py"\n');
  });

  test('that is bad is reported, and the rest goes on', async () => {
    const found = await outcomes([
      '{not json',
      '',
      entry({ instance_id: 'a-1', base_commit: '0'.repeat(40) }),
      entry({ instance_id: 'a-2', FAIL_TO_PASS: '[]' }),
      entry({ instance_id: 'a-3', FAIL_TO_PASS: 'tests/x' }),
      entry({ instance_id: 'a-4', test_patch: 'garbage' }),
      entry({ instance_id: 'a-5', patch: patch.replace('n // 2', 'n // 3') }),
      entry({ instance_id: '../a-6' }),
      entry({ instance_id: 'a-7', base_commit: 'main' }),
      entry({ instance_id: 'a-8', problem_statement: undefined }),
      '[]',
      entry(),
      entry({ instance_id: 'OWNER__calc-1' }),
    ]);
    expect(found.map(({ line, instanceId, problem }) => [line, instanceId, problem?.split(':')[0]])).toEqual([
      [1, undefined, 'is not JSON'],
      [3, 'a-1', `the repository does not hold base_commit ${'0'.repeat(40)}`],
      [4, 'a-2', 'FAIL_TO_PASS is empty'],
      [5, 'a-3', 'FAIL_TO_PASS is a text, but no JSON list'],
      [6, 'a-4', `test_patch does not apply to ${base.slice(0, 12)}`],
      [7, 'a-5', `patch does not apply to ${base.slice(0, 12)}`],
      [8, '../a-6', 'instance_id has characters that a sample id can not have'],
      [9, 'a-7', 'base_commit is no whole commit id of 40 hex digits'],
      [10, 'a-8', 'problem_statement is missing'],
      [11, undefined, 'is no JSON object'],
      [12, 'Owner__calc-1', undefined],
      [13, 'OWNER__calc-1', 'has the same id as line 12'],
    ]);
    expect((await readdir(root)).filter((name) => name.startsWith('import-'))).toEqual([]);
  });

  test('needs a repository that can be read', async () => {
    await expect(outcomes([entry()], { repository: path.join(root, 'none') })).rejects.toMatchObject({
      reason: 'INVALID_REPOSITORY',
    });
  });
});

describe("an instance's script", () => {
  test('puts hidden tests in place whatever the subject left there, and writes nowhere else', async () => {
    const outside = path.join(root, 'outside');
    await mkdir(path.join(outside, 'dir'), { recursive: true });
    await writeFile(path.join(outside, 'file'), 'mine');
    const testCommand =
      'cat tests/test_calc.py; test ! -e tests/test_gone.py && test -x tests/tool.sh && test ! -L tests && echo in place';
    const [outcome] = await outcomes([entry()], { testCommand });
    const sample = outcome?.sample;
    if (sample === undefined) throw new Error(outcome?.problem);
    const reader = new FileSampleReader(path.join(root, 'scratch'));
    await using upload = await reader.read(packFiles(sample.files));
    const { bundleRepository } = await import('../../../../src/samples/pack.js');
    await using bundle = await bundleRepository(repository, [base], root);
    await using codebase = await reader.codebaseFromBundle(bundle.content(), base, 'past');
    for (const before of [
      async (): Promise<void> => undefined,
      async (workspace: string): Promise<void> => {
        await rm(path.join(workspace, 'tests'), { recursive: true });
        await symlink(path.join(outside, 'dir'), path.join(workspace, 'tests'));
      },
      async (workspace: string): Promise<void> => {
        await rm(path.join(workspace, 'tests/test_calc.py'));
        await symlink(path.join(outside, 'file'), path.join(workspace, 'tests/test_calc.py'));
        await mkdir(path.join(workspace, 'tests/tool.sh/full'), { recursive: true });
      },
      async (workspace: string): Promise<void> => {
        await rm(path.join(workspace, 'tests'), { recursive: true });
        await writeFile(path.join(workspace, 'tests'), 'a file');
      },
    ]) {
      const judged = await judge(upload, codebase, { before });
      expect(judged.log).toBe('new\nin place\n');
      expect(judged.verdict).toMatchObject({
        passed: false,
        tests: [{ status: 'MISSING' }, { status: 'MISSING' }],
      });
    }
    expect(await readFile(path.join(outside, 'file'), 'utf8')).toBe('mine');
    expect(await readdir(path.join(outside, 'dir'))).toEqual([]);
    expect((await stat(path.join(outside, 'file'))).size).toBe(4);
  });

  test('quotes words so that a shell gives them back', async () => {
    const words = ['a b', "it's", '$(touch x)', '`x`', '-n', 'a\nb', '*', '"', '\\'];
    const script = `printf '%s\\0' ${words.map(quote).join(' ')}`;
    const { output } = await run(['sh', '-c', script], { cwd: root });
    expect(output.split('\0').slice(0, -1)).toEqual(words);
  });
});
