import { mkdir, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { importHarbor, type HarborSample } from '../../../../src/samples/import/harbor.js';
import { parseManifest } from '../../../../src/samples/manifest.js';
import { packFiles } from '../../../../src/samples/pack.js';
import { FileSampleReader } from '../../../../src/samples/sample-reader.js';
import { tempFolder, type TempFolder } from '../../../support/temp-folder.js';
import { run } from '../judge.js';

let folder: TempFolder;
let count = 0;

beforeAll(async () => {
  folder = await tempFolder();
});
afterAll(() => folder?.[Symbol.asyncDispose]());

const WHOLE = {
  'task.toml': '',
  'instruction.md': 'Do it.\n\nWell.\n',
  'environment/Dockerfile': 'FROM debian:12\n',
  'tests/test.sh': '#!/bin/bash\n',
};

/** @param files undefined: without that one */
async function task(files: Readonly<Record<string, string | undefined>>): Promise<string> {
  const place = path.join(folder.path, String(count++), 'A-Task');
  for (const [name, text] of Object.entries({ ...WHOLE, ...files })) {
    if (text === undefined) continue;
    await mkdir(path.dirname(path.join(place, name)), { recursive: true });
    await writeFile(path.join(place, name), text, { mode: name.endsWith('.sh') ? 0o755 : 0o644 });
  }
  return place;
}

async function imported(
  toml: string,
  files: Readonly<Record<string, string | undefined>> = {},
): Promise<HarborSample> {
  return importHarbor(await task({ ...files, 'task.toml': toml }), { dataset: 'try' });
}

function manifestOf(sample: HarborSample): ReturnType<typeof parseManifest> {
  return parseManifest(String(sample.files.find((file) => file.path === 'sample.yaml')?.content));
}

describe('a Harbor task', () => {
  test('that says nothing gets what Harbor gives it, in the folder and as the user of its image', async () => {
    const sample = await imported('');
    expect(sample.unmapped).toEqual([]);
    expect(manifestOf(sample)).toMatchObject({
      sampleId: 'a-task',
      dataset: 'try',
      description: 'Do it.',
      tags: ['harbor'],
      environment: {
        dockerfile: 'environment/Dockerfile',
        context: 'environment',
        setupNetwork: 'none',
        network: 'public',
        workdir: 'image',
        user: 'root',
      },
      resources: { cpus: 1, memoryBytes: 2 * 1024 ** 3, diskBytes: 10 * 1024 ** 3 },
      verification: { timeoutMs: 600_000, scope: 'FILESYSTEM', grading: 'REWARD_FILE', network: 'public' },
    });
    const reader = new FileSampleReader(path.join(folder.path, 'scratch'));
    await using upload = await reader.read(packFiles(sample.files));
    expect(upload).toMatchObject({ hasCodebase: true, hasSolution: false, task: 'Do it.\n\nWell.\n' });
  });

  test('has its limits, networks, variables, user and folder taken over', async () => {
    const sample = await imported(
      `[environment]
docker_image = "acme/task:1"
cpus = 0.5
memory = "1.5G"
storage_mb = 512
network_mode = "public"
workdir = "/srv"
env = { A = "it's $HOME", B = "\${X:-there}", C = "\${X}" }
gpus = 0
[agent]
user = "worker"
[verifier]
timeout_sec = 1.5
network_mode = "no-network"
env = { KEY = "a b" }
[solution]
env = { SOLVE = "yes" }
`,
      { 'solution/solve.sh': 'true\n', 'environment/Dockerfile': undefined, 'notes.txt': 'n' },
    );
    expect(sample.unmapped).toEqual(['environment.env.C', 'notes.txt']);
    expect(manifestOf(sample)).toMatchObject({
      environment: {
        image: 'acme/task:1',
        network: 'public',
        env: { A: "it's $HOME", B: 'there' },
        workdir: '/srv',
        user: 'worker',
      },
      resources: { cpus: 0.5, memoryBytes: 1.5 * 1024 ** 3, diskBytes: 512 * 1024 ** 2 },
      verification: { timeoutMs: 2000, network: 'none' },
    });
    const text = (name: string): string => String(sample.files.find((file) => file.path === name)?.content);
    expect(text('verification/run')).toContain("export KEY='a b'\n");
    expect(text('solution/apply')).toContain('export SOLVE=yes\n');
    for (const script of ['verification/run', 'solution/apply'])
      expect((await run(['sh', '-n'], { cwd: '/', stdin: text(script) })).exitCode).toBe(0);
  });

  test.each([
    ['steps = [{name = "one"}]', /has steps/],
    ['[environment]\nos = "windows"', /environment\.os is windows/],
    ['[environment]\ngpus = 1', /asks for a GPU/],
    [
      '[environment]\nnetwork_mode = "allowlist"\nallowed_hosts = ["a.example"]',
      /say --network none or public/,
    ],
    ['[environment]\nmemory = "much"', /environment\.memory is no size/],
    ['[environment]\ncpus = "two"', /environment\.cpus is no number/],
    ['[verifier]\nenvironment_mode = "separate"', /environment_mode is separate/],
    ['[task]\nname = "acme/über"', /characters that a sample id can not have/],
    ['[verifier', /task\.toml is no TOML/],
  ])('with %j is refused in words', async (toml, words) => {
    await expect(imported(toml)).rejects.toThrow(words);
  });

  test("of agent.user 0 is root's, whoever its Dockerfile ends as", async () => {
    const sample = await imported('[agent]\nuser = 0\n', {
      'environment/Dockerfile': 'FROM debian:12\nUSER app\n',
    });
    expect(manifestOf(sample).environment).toMatchObject({ user: 'root', setup: [] });
  });

  test('has no place where its tests take a reward that is open to others than root', async () => {
    const { files } = await imported('[agent]\nuser = "app"\n');
    const script = String(files.find((file) => file.path === 'verification/run')?.content);
    expect(script).toMatch(/chown 0:0 \/logs \/logs\/verifier\nchmod 755 \/logs \/logs\/verifier\n/);
  });

  test('that lacks a file, has a link or several services is refused by name', async () => {
    await expect(imported('', { 'tests/test.sh': undefined })).rejects.toThrow('has no tests/test.sh');
    await expect(imported('', { 'instruction.md': undefined })).rejects.toThrow('has no instruction.md');
    await expect(imported('', { 'environment/Dockerfile': undefined })).rejects.toThrow(
      /neither a Dockerfile nor/,
    );
    const compose = 'services: {main: {}, db: {}}\n';
    await expect(imported('', { 'environment/docker-compose.yaml': compose })).rejects.toThrow(
      /the services main, db/,
    );
    const place = await task({});
    await symlink('/etc/passwd', path.join(place, 'environment/passwd'));
    await expect(importHarbor(place, { dataset: 'try' })).rejects.toThrow('environment/passwd is a link');
    await expect(importHarbor(path.join(place, 'tests'), { dataset: 'try' })).rejects.toThrow(
      /neither task\.toml/,
    );
  });
});

test("Terminal-Bench's folders before Harbor are read, with everything beside the tests as the image's", async () => {
  const place = await task({
    'task.toml': undefined,
    'instruction.md': undefined,
    'environment/Dockerfile': undefined,
    'tests/test.sh': undefined,
    'task.yaml':
      'instruction: Do it.\ndifficulty: hard\ncategory: sysadmin\nmax_test_timeout_sec: 30\nparser_name: pytest\n',
    Dockerfile: 'FROM debian:12\nUSER worker\nRUN true\n',
    'data/input.txt': 'x\n',
    'docker-compose.yaml': 'services: {client: {build: {}, ports: ["80:80"]}}\n',
    'run-tests.sh': 'exit 0\n',
    'tests/test_outputs.py': 'pass\n',
    'solution.sh': 'true\n',
  });
  const sample = await importHarbor(place, { dataset: 'try', network: 'none' });
  expect(sample.unmapped).toEqual(['parser_name', 'docker-compose.yaml: client.ports']);
  expect(manifestOf(sample)).toMatchObject({
    tags: ['harbor', 'hard', 'sysadmin'],
    environment: { setupNetwork: 'public', network: 'none', user: 'worker' },
    verification: { timeoutMs: 30_000, network: 'none' },
  });
  expect(sample.files.map((file) => file.path)).toEqual([
    'sample.yaml',
    'task.md',
    'codebase/',
    'environment/Dockerfile',
    'environment/data/input.txt',
    'verification/task.yaml',
    'verification/run',
    'verification/tests/test_outputs.py',
    'verification/tests/run-tests.sh',
    'solution/apply',
    'solution/files/solution.sh',
  ]);
});
