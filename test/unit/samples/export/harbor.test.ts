import { mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { exportHarbor, type ExportedTask } from '../../../../src/samples/export/harbor.js';
import { SampleFolder } from '../../../../src/samples/export/sample-folder.js';
import { exportSweBench } from '../../../../src/samples/export/swe-bench.js';
import { packFiles, type MemoryFile } from '../../../../src/samples/pack.js';
import { skeleton } from '../../../../src/samples/skeleton/skeleton.js';
import { tempFolder } from '../../../support/temp-folder.js';
import { run } from '../judge.js';

function changed(file: string, from: string, to: string): MemoryFile[] {
  return skeleton('python', 'words', 'own').map((each) =>
    each.path === file ? { ...each, content: String(each.content).replace(from, to) } : each,
  );
}

async function exported(files: readonly MemoryFile[]): Promise<ExportedTask> {
  return exportHarbor(await SampleFolder.read(packFiles(files)));
}

describe('a sample as a Harbor task', () => {
  test('has its settings, its image with the codebase, and scripts that a shell reads', async () => {
    const { files, unmapped } = await exported(
      changed('sample.yaml', 'scope: workspace', 'scope: workspace\n  protected_paths: [README.md]'),
    );
    const text = (name: string): string => String(files.find((file) => file.path === name)?.content);
    expect(text('task.toml')).toContain('name = "own/words"');
    expect(text('environment/Dockerfile')).toMatch(
      /^FROM python:3\.13-slim\nUSER root\nENV PYTHONDONTWRITEBYTECODE="1"\n/,
    );
    expect(text('tests/test.sh')).toContain('put_back README.md\n');
    for (const script of ['tests/test.sh', 'tests/bin/as-subject', 'solution/solve.sh'])
      expect((await run(['sh', '-n'], { cwd: '/', stdin: text(script) })).exitCode, script).toBe(0);
    expect(files.map((file) => file.path)).toEqual(
      expect.arrayContaining([
        'instruction.md',
        'environment/codebase/words.py',
        'tests/verification/run',
        'tests/protected/README.md',
        'solution/solution.patch',
      ]),
    );
    expect(unmapped).toContain('verification.report');
    expect(unmapped.join()).toContain('verification.hardening');
    expect(unmapped).not.toContain('environment.workdir');
  });

  test('closes the folder of rewards before code under test runs, and puts back behind no link', async () => {
    const { files } = await exported(
      changed('sample.yaml', 'scope: workspace', 'scope: workspace\n  protected_paths: [a/README.md]'),
    );
    const script = String(files.find((file) => file.path === 'tests/test.sh')?.content);
    expect(script).toMatch(
      /chown 0:0 \/logs\/verifier\nchmod 755 \/logs\/verifier\nrm -rf \/logs\/verifier\/reward\.json \/logs\/verifier\/reward\.txt\n/,
    );
    expect(script).toMatch(/put_back\(\) \{\n {2}clear_way "\$1"\n/);
    await using folder = await tempFolder();
    await mkdir(join(folder.path, 'elsewhere'));
    await writeFile(join(folder.path, 'elsewhere', 'README.md'), 'stays');
    await mkdir(join(folder.path, 'app'));
    await symlink('../elsewhere', join(folder.path, 'app', 'a'));
    const functions = script.slice(
      script.indexOf('# Where a folder on the way'),
      script.indexOf('\nput_back a/README.md'),
    );
    await run(['sh', '-eu'], {
      cwd: join(folder.path, 'app'),
      stdin: `${functions}\nput_back a/README.md\n`,
    });
    expect(await readdir(join(folder.path, 'elsewhere'))).toEqual(['README.md']);
  });

  test.each([
    ['without an image', changed('sample.yaml', '  image: python:3.13-slim\n', ''), /names no image/],
    [
      'with a repository of this machine alone',
      changed(
        'sample.yaml',
        'environment:',
        `codebase: {git: ./there, commit: ${'a'.repeat(40)}}\nenvironment:`,
      ),
      /on no server that an image could be built from/,
    ],
    [
      'that protects paths of a repository',
      changed(
        'sample.yaml',
        'environment:',
        `codebase: {git: o/n, commit: ${'a'.repeat(40)}}\nenvironment:`,
      ).map((file) =>
        file.path === 'sample.yaml'
          ? {
              ...file,
              content: String(file.content).replace(
                'scope: workspace',
                'scope: workspace\n  protected_paths: [tests/]',
              ),
            }
          : file,
      ),
      /protects paths of a repository/,
    ],
    [
      'with a variable of several lines',
      changed('sample.yaml', 'PYTHONDONTWRITEBYTECODE: "1"', 'A: "1\\n2"'),
      /sets A to several lines/,
    ],
    [
      'that is graded by reports',
      changed('sample.yaml', 'grading: all_listed', 'grading: swe_bench'),
      /export it as swe-bench/,
    ],
  ])('%s is refused in words', async (_name, files, words) => {
    await expect(exported(files)).rejects.toThrow(words);
  });
});

test('a sample with a script or a folder of its own has no place in a SWE-bench file', async () => {
  const folder = async (files: readonly MemoryFile[]): Promise<SampleFolder> =>
    SampleFolder.read(packFiles(files));
  const own = await folder(skeleton('python', 'words', 'own'));
  expect(() => exportSweBench(own)).toThrow(/has a folder as its codebase/);
  const repository = `codebase: {git: o/n, commit: ${'a'.repeat(40)}}\nenvironment:`;
  const scripted = await folder(changed('sample.yaml', 'environment:', repository));
  expect(() => exportSweBench(scripted)).toThrow(/is judged by a script of its own/);
});
