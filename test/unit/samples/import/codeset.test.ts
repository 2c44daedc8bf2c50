import { mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { git, gitLine } from '../../../../src/samples/git.js';
import { importCodeset } from '../../../../src/samples/import/codeset.js';
import type { ImportOutcome } from '../../../../src/samples/import/instances.js';
import { parseManifest } from '../../../../src/samples/manifest.js';
import { bundleRepository, packFiles } from '../../../../src/samples/pack.js';
import { FileSampleReader } from '../../../../src/samples/sample-reader.js';
import { judge, temporaryFolder } from '../judge.js';

let root: string;
let repository: string;
let base: string;
let entry: Record<string, unknown>;

// A test suite of its own kind: one line of a file each, and its report where Maven leaves it.
const SUITE = `mkdir -p target/surefire-reports
case_of() { [ "$(sed -n "$2p" code.txt)" = "$3" ] && echo "<testcase classname='a.Suite' name='$1'/>" || echo "<testcase classname='a.Suite' name='$1'><failure/></testcase>"; }
{ echo '<testsuite>'; case_of one 1 right; case_of two 2 right; case_of known 3 right; echo '</testsuite>'; } > target/surefire-reports/TEST-a.xml
! grep -q failure target/surefire-reports/TEST-a.xml
`;

async function diffOf(change: () => Promise<void>): Promise<string> {
  const options = { cwd: repository };
  await change();
  await git(['add', '--all'], options);
  const diff = await git(['diff', '--cached'], options);
  await git(['reset', '--quiet', '--hard'], options);
  return diff.toString();
}

beforeAll(async () => {
  root = await temporaryFolder();
  repository = path.join(root, 'repository');
  await mkdir(repository);
  const options = { cwd: repository };
  await git(['init', '--quiet'], options);
  await writeFile(path.join(repository, 'code.txt'), 'wrong\nright\nwrong\n');
  await git(['add', '--all'], options);
  await git(['commit', '--quiet', '-m', 'base'], options);
  base = await gitLine(['rev-parse', 'HEAD'], options);
  const write = (name: string, text: string) => () => writeFile(path.join(repository, name), text);
  entry = {
    sample_id: 'Calc-1',
    instance_id: 'owner__calc-1',
    repo: 'owner/calc',
    language: 'Java',
    base_commit: base,
    environment_setup_commit: base,
    problem_statement: 'The first line is wrong.',
    hints_text: 'Look at the first line.',
    patch: (await diffOf(write('code.txt', 'right\nright\nwrong\n'))).trimEnd(),
    non_code_patch: await diffOf(write('CHANGES', 'mended\n')),
    test_patch: await diffOf(write('suite.sh', SUITE)),
    fail_to_pass: ['a.Suite::one'],
    pass_to_pass: ['a.Suite::two'],
    fail_to_fail: ['a.Suite::known'],
    verifier: 'test_suite',
    dataset: 'Own-Set',
    description: 'In a line.',
    version: 3,
    latest: true,
  };
});
afterAll(() => rm(root, { recursive: true, force: true }));

async function outcomes(entries: readonly unknown[], ownDatasets = true): Promise<ImportOutcome[]> {
  const found = [];
  const options = {
    dataset: 'file',
    repository,
    environment: undefined,
    imageTemplate: 'x/{repo}:{sample_id}',
    testCommand: 'sh suite.sh',
    scratch: root,
    ownDatasets,
  };
  const texts = entries.map((each) => JSON.stringify(each));
  for await (const outcome of importCodeset(texts, options, 'entry')) found.push(outcome);
  return found;
}

describe("a sample of Codeset's", () => {
  test('keeps its lists, and tells what has no place', async () => {
    const [outcome] = await outcomes([entry]);
    expect(outcome?.problem).toBeUndefined();
    const { sample, unmapped } = outcome as Extract<ImportOutcome, { problem?: undefined }>;
    expect(unmapped).toEqual(['environment_setup_commit', 'hints_text', 'version', 'latest']);
    const files = new Map(sample.files.map((file) => [file.path, String(file.content)]));
    expect(parseManifest(files.get('sample.yaml') ?? '')).toMatchObject({
      sampleId: 'calc-1',
      sourceId: 'Calc-1',
      dataset: 'own-set',
      description: 'In a line.',
      language: 'java',
      tags: ['codeset'],
      environment: { image: 'x/owner/calc:Calc-1' },
      verification: {
        scope: 'PATCH',
        grading: 'ALL_LISTED',
        failToPass: ['a.Suite::one'],
        passToPass: ['a.Suite::two'],
        failToFail: ['a.Suite::known'],
        canary: undefined,
        protectedPaths: ['suite.sh'],
      },
    });
    expect(files.get('solution/solution.patch')).toContain('b/CHANGES');
    const [other] = await outcomes([entry], false);
    expect(String(other?.sample?.files[0]?.content)).toContain('dataset: file\n');
  });

  test('FAILS untouched and passes with its patch, by reports where its runner leaves them', async () => {
    const [outcome] = await outcomes([entry]);
    const reader = new FileSampleReader(path.join(root, 'scratch'));
    const sample = outcome?.sample;
    if (sample === undefined) throw new Error(outcome?.problem);
    await using upload = await reader.read(packFiles(sample.files));
    await using bundle = await bundleRepository(repository, [base], root);
    await using codebase = await reader.codebaseFromBundle(bundle.content(), base, 'past');
    const untouched = await judge(upload, codebase);
    expect(untouched.verdict, untouched.log).toMatchObject({ passed: false, failToPass: { passed: 0 } });
    const patch = await reader.solutionPatch(packFiles(sample.files));
    const solved = await judge(upload, codebase, patch === undefined ? {} : { patch });
    expect(solved.verdict.rule, solved.log).toMatch(
      /^ALL_LISTED: all 2 listed tests passed, the 1 in fail_to_fail/,
    );
  });

  test('that is bad is reported, and the rest goes on', async () => {
    const found = await outcomes([
      { ...entry, verifier: 'linter' },
      { ...entry, fail_to_pass: [] },
      { ...entry, patch: '', non_code_patch: null },
      { ...entry, test_patch: 'garbage' },
      { ...entry, repo: undefined },
      { ...entry, test_patch: '' },
    ]);
    expect(found.map(({ line, problem }) => [line, problem?.split(/[:;]/)[0]])).toEqual([
      [1, 'verifier is linter'],
      [2, 'fail_to_pass is missing or empty'],
      [3, 'patch is missing or empty'],
      [4, `test_patch does not apply to ${base.slice(0, 12)}`],
      [5, 'repo is missing'],
      [6, undefined],
    ]);
  });
});
