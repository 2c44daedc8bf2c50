import { execFileSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TEST_IMAGE } from '../support/docker.js';
import { startApp, type RunningApp } from '../support/running-app.js';
import { tempFolder, type TempFolder } from '../support/temp-folder.js';
import { cli } from './run-cli.js';

let app: RunningApp;
let folder: TempFolder;

beforeAll(async () => {
  app = await startApp();
  folder = await tempFolder();
});

afterAll(async () => {
  await app?.[Symbol.asyncDispose]();
  await folder?.[Symbol.asyncDispose]();
});

const TEST = `import sys
well = open("value.txt").read() == "right\\n"
case = "" if well else "<failure message='value.txt is wrong'/>"
print(f"<testsuite><testcase classname='tests.test_value' name='test_right'>{case}</testcase></testsuite>")
sys.exit(0 if well else 1)
`;

/** A repository with one commit, and an instance on it. */
async function instance(name: string): Promise<{ repo: string; entry: Record<string, unknown> }> {
  const repo = join(folder.path, name);
  await mkdir(repo);
  const git = (...args: string[]): string =>
    execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@example.org', ...args], {
      cwd: repo,
      encoding: 'utf8',
    });
  git('init', '--quiet');
  await writeFile(join(repo, 'value.txt'), 'wrong\n');
  git('add', '.');
  git('commit', '--quiet', '-m', 'base');
  const baseCommit = git('rev-parse', 'HEAD').trim();
  await writeFile(join(repo, 'value.txt'), 'right\n');
  const patch = git('diff');
  git('checkout', '--quiet', '.');
  await mkdir(join(repo, 'tests'));
  await writeFile(join(repo, 'tests/test_value.py'), TEST);
  git('add', '.');
  const testPatch = git('diff', '--cached');
  return {
    repo,
    entry: {
      instance_id: 'Owner__Name-1',
      repo: 'owner/name',
      base_commit: baseCommit,
      problem_statement: 'The value is wrong.',
      patch,
      test_patch: testPatch,
      FAIL_TO_PASS: '["tests/test_value.py::test_right"]',
      PASS_TO_PASS: '[]',
    },
  };
}

test(
  'instances are imported and judged; bad ones are told with their line and do not stop the rest',
  { timeout: 240_000 },
  async () => {
    const { repo, entry } = await instance('repo');
    const file = join(folder.path, 'Some File.jsonl');
    const lost = { ...entry, instance_id: 'lost-2', base_commit: '0'.repeat(40) };
    await writeFile(file, [JSON.stringify(lost), '{oops', JSON.stringify(entry), ''].join('\n'));
    const environment = join(folder.path, 'environment.yaml');
    await writeFile(environment, `host: {requires: [python3]}\nimage: ${TEST_IMAGE}\n`);
    const common = ['--address', app.app.address, '--api-key', app.adminKey];
    const imported = await cli([
      ...common,
      ...['sample', 'import', 'swe-bench', file, '--repo', repo, '--environment', environment],
      ...['--test-command', 'python3 tests/test_value.py > "$CODESET_REPORT_DIR/report.xml"'],
    ]);
    expect(imported.status).toBe(1);
    expect(imported.stdout).toBe('owner__name-1@1  READY\n1 imported, 2 failed\n');
    expect(imported.stderr).toMatch(/^line 1 \(lost-2\): .*base_commit/m);
    expect(imported.stderr).toMatch(/^line 2: .*JSON/m);

    const shown = await cli([...common, 'sample', 'show', 'Owner__Name-1', '--json']);
    expect(JSON.parse(shown.stdout)).toMatchObject({ dataset: 'some-file', sourceId: 'Owner__Name-1' });
    const judged = ['verify', '--sample', 'owner__name-1', '--patch', '-'];
    expect((await cli([...common, ...judged], { stdin: '' })).status).toBe(1);
    expect((await cli([...common, ...judged], { stdin: String(entry['patch']) })).status).toBe(0);

    // What is exported and imported again is the same content, and so the same version.
    const out = join(folder.path, 'exported', 'again.jsonl');
    const exported = await cli([...common, 'sample', 'export', 'swe-bench', 'owner__name-1', '--out', out]);
    expect(exported).toMatchObject({ status: 0, stdout: '1 exported, 0 failed\n' });
    expect(exported.stderr).toMatch(/for which the other format has no place: environment \(in 1\)/);
    const again = await cli([
      ...common,
      ...['sample', 'import', 'swe-bench', out, '--repo', repo, '--environment', environment],
      ...['--dataset', 'some-file'],
      ...['--test-command', 'python3 tests/test_value.py > "$CODESET_REPORT_DIR/report.xml"'],
    ]);
    expect(again).toMatchObject({ status: 0, stdout: 'owner__name-1@1  READY\n1 imported, 0 failed\n' });
  },
);

test(
  "samples of Codeset's JSON are imported and judged; what has no place is told, a bad one has its place",
  { timeout: 240_000 },
  async () => {
    const { repo, entry } = await instance('codeset-repo');
    const { FAIL_TO_PASS: _failing, PASS_TO_PASS: _passing, ...fields } = entry;
    const sample = {
      ...fields,
      sample_id: 'Value',
      language: 'python',
      fail_to_pass: ['tests.test_value::test_right'],
      pass_to_pass: [],
      hints_text: 'Read the value.',
    };
    const file = join(folder.path, 'samples.json');
    await writeFile(file, JSON.stringify({ samples: [{ ...sample, verifier: 'linter' }, sample] }, null, 2));
    const environment = join(folder.path, 'environment-2.yaml');
    await writeFile(environment, `host: {requires: [python3]}\nimage: ${TEST_IMAGE}\n`);
    const common = ['--address', app.app.address, '--api-key', app.adminKey];
    const imported = await cli([
      ...common,
      ...['sample', 'import', 'codeset', file, '--repo', repo, '--environment', environment],
      ...['--test-command', 'python3 {files} > report.xml'],
    ]);
    expect(imported).toMatchObject({ status: 1, stdout: 'value@1  READY\n1 imported, 1 failed\n' });
    expect(imported.stderr).toMatch(/^entry 1 \(Owner__Name-1\): verifier is linter/m);
    expect(imported.stderr).toMatch(/^nothing was made of these fields.*: hints_text \(in 1\)$/m);
    const judged = ['verify', '--sample', 'value', '--patch', '-'];
    expect((await cli([...common, ...judged], { stdin: '' })).status).toBe(1);
    expect((await cli([...common, ...judged], { stdin: String(entry['patch']) })).status).toBe(0);
  },
);

test('a repository that is none is told before anything is sent', async () => {
  const { entry } = await instance('other');
  const file = join(folder.path, 'other.jsonl');
  await writeFile(file, JSON.stringify(entry));
  const template = ['--image-template', 'name/x.{instance_id}', '--repo', join(folder.path, 'none')];
  const run = await cli([
    ...['--address', '127.0.0.1:1', '--api-key', 'k'],
    ...['sample', 'import', 'swe-bench', file, ...template],
  ]);
  expect(run).toMatchObject({ status: 1, stdout: '' });
  expect(run.stderr).toContain('no git repository');
});
