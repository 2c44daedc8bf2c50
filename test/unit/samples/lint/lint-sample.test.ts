import { chmod, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { lintSample } from '../../../../src/samples/lint/lint-sample.js';
import { skeleton } from '../../../../src/samples/skeleton/skeleton.js';
import { temporaryFolder } from '../judge.js';

let root: string;
let count = 0;

beforeAll(async () => {
  root = await temporaryFolder();
});
afterAll(() => rm(root, { recursive: true, force: true }));

/** What is said of a sample that is right but for this. @param change is given its folder */
async function saidOf(change: (folder: string) => Promise<unknown>): Promise<string[]> {
  const folder = path.join(root, String(count++));
  for (const { path: file, content, executable } of skeleton('python', 'words', 'own')) {
    await mkdir(path.dirname(path.join(folder, file)), { recursive: true });
    await writeFile(path.join(folder, file), content, { mode: executable === true ? 0o755 : 0o644 });
  }
  await change(folder);
  const found = await lintSample(folder, root);
  return found.map(
    ({ file, line, level, field, message }) => `${file}:${line}: ${level}: ${field} ${message}`,
  );
}

const edited = (file: string, from: string | RegExp, to: string) => async (folder: string) => {
  const place = path.join(folder, file);
  const before = await readFile(place, 'utf8');
  const after = before.replace(from, to);
  if (after === before) throw new Error(`${file} has no ${String(from)}`);
  await writeFile(place, after);
};
const added = (file: string, text: string) => async (folder: string) => {
  await mkdir(path.dirname(path.join(folder, file)), { recursive: true });
  await writeFile(path.join(folder, file), text);
};
const removed = (file: string) => (folder: string) => rm(path.join(folder, file), { recursive: true });

describe('what the server would refuse is an error with its place', () => {
  test.each([
    ['no manifest', removed('sample.yaml'), /^sample\.yaml:1: error: {2}is missing/],
    [
      'a misspelled field',
      edited('sample.yaml', 'timeout: 2m', 'timeuot: 2m'),
      /^sample\.yaml:\d\d: error: verification\.timeuot is not a known field; did you mean timeout/,
    ],
    [
      'no script',
      removed('verification/run'),
      /^sample\.yaml:\d\d: error: verification\.command names verification\/run/,
    ],
    [
      'a script without its bit',
      (folder: string) => chmod(path.join(folder, 'verification/run'), 0o644),
      /^sample\.yaml:\d\d: error: verification\.command .*chmod \+x/,
    ],
    ['an empty task', added('task.md', ' \n'), /^task\.md:1: error: {2}is empty/],
    ['no task', removed('task.md'), /^task\.md:1: error: .*has no task\.md/],
    ['no codebase', removed('codebase'), /^codebase:1: error: {2}is missing/],
    [
      'a repository that is none',
      async (folder: string) => {
        await rm(path.join(folder, 'codebase'), { recursive: true });
        await edited(
          'sample.yaml',
          'environment:',
          `codebase: {git: ../none, commit: ${'a'.repeat(40)}}\nenvironment:`,
        )(folder);
      },
      /^sample\.yaml:7: error: codebase .*no git repository/,
    ],
  ])('%s', async (_name, change, line) => {
    expect(await saidOf(change)).toContainEqual(expect.stringMatching(line));
  });
});

describe('what judges wrong is an error', () => {
  test.each([
    [
      'a solution that does not apply',
      edited('codebase/words.py', 'split(" ")', 'split("-")'),
      /^solution\/solution\.patch:1: error: {2}solution\.patch does not apply to/,
    ],
    [
      'a hidden file in the codebase',
      async (folder: string) => {
        await added(
          'codebase/tests/run',
          await readFile(path.join(folder, 'verification/run'), 'utf8'),
        )(folder);
      },
      /^verification\/run:1: error: {2}is hidden, and lies in codebase\/tests\/run too/,
    ],
    [
      'a script without #!',
      edited('verification/run', '#!/bin/sh\n', ''),
      /^verification\/run:1: error: {2}does not begin with #!/,
    ],
    [
      'a script of Windows',
      edited('verification/run', '#!/bin/sh\n', '#!/bin/sh\r\n'),
      /error: {2}has lines that end as in Windows/,
    ],
    [
      'an apply without its bit',
      async (folder: string) => {
        await removed('solution/solution.patch')(folder);
        await added('solution/apply', '#!/bin/sh\n')(folder);
      },
      /^solution\/apply:1: error: {2}is not executable/,
    ],
  ])('%s', async (_name, change, line) => {
    expect(await saidOf(change)).toEqual([expect.stringMatching(line)]);
  });
});

describe('what is doubtful is a warning', () => {
  test.each([
    ['no solution', removed('solution'), /^solution:1: warning: {2}is missing/],
    [
      'a test that nothing has',
      edited('sample.yaml', 'two-spaces', 'tow-spaces'),
      /fail_to_pass lists a test .*: tow-spaces;/,
    ],
    [
      'a public verification',
      edited('sample.yaml', 'scope: workspace', 'network: public'),
      /warning: verification\.network is public/,
    ],
    [
      'a short time',
      edited('sample.yaml', 'timeout: 2m', 'timeout: 2s'),
      /warning: verification\.timeout is 2 s/,
    ],
    [
      'a long time',
      edited('sample.yaml', 'timeout: 2m', 'timeout: 3h'),
      /warning: verification\.timeout is 180 minutes/,
    ],
    [
      'an image of any version',
      edited('sample.yaml', 'python:3.13-slim', 'python:latest'),
      /warning: environment\.image names python:latest/,
    ],
    [
      'a test runner without a canary',
      edited('verification/run', 'set -u\n', 'set -u\npython3 -m pytest\n'),
      /^verification\/run:\d+: warning: .*canary/,
    ],
    [
      'code under test as root',
      edited('verification/run', /as-subject/g, 'env'),
      /warning: {2}never says as-subject/,
    ],
    [
      'no report folder',
      edited('verification/run', 'CODESET_REPORT_DIR', 'ELSEWHERE'),
      /warning: {2}never names CODESET_REPORT_DIR/,
    ],
    [
      'no report',
      edited('sample.yaml', / {2}report:\n.*\n.*\n.*\n/, ''),
      /warning: verification\.report is missing/,
    ],
    ['a task of a few words', added('task.md', 'Fix it.\n'), /^task\.md:1: warning/],
    [
      'a protected path that is not there',
      edited('sample.yaml', 'scope: workspace', 'protected_paths: [tests/]'),
      /protected_paths names tests\//,
    ],
    [
      'a solution that is put back',
      edited('sample.yaml', 'scope: workspace', 'protected_paths: [words.py]'),
      /protected_paths has words\.py put back/,
    ],
  ])('%s', async (_name, change, line) => {
    expect(await saidOf(change)).toEqual([expect.stringMatching(line)]);
  });
});

test("the project's own samples are clean", async () => {
  const examples = path.join(import.meta.dirname, '../../../../samples/examples');
  for (const name of await readdir(examples))
    expect(await lintSample(path.join(examples, name), root), name).toEqual([]);
});
