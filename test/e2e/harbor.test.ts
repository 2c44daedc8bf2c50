import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { cli, type CliRun } from '../cli/run-cli.js';
import { DOCKER_START_MS } from '../support/docker.js';
import { engineFlags } from '../support/engine-here.js';
import { session, sh, startService, type TestService } from '../support/service.js';
import { tempFolder, type TempFolder } from '../support/temp-folder.js';
import { TEST_IMAGE } from '../support/test-image.js';

// Task folders as their authors write them, on images as they have them: the task is in /app, the tests come to /tests,
// and the reward to /logs/verifier.

const TASK_TOML = `schema_version = "1.1"

[task]
name = "acme/Count-Words"
description = "Counts words."
keywords = ["shell"]

[metadata]
author_name = "Somebody"
difficulty = "easy"

[verifier]
timeout_sec = 120.0
env = { MINIMUM = "3", FROM_HOST = "\${ONLY_THERE}" }

[agent]
timeout_sec = 900.0

[environment]
build_timeout_sec = 600.0
cpus = 1
memory_mb = 512
storage_mb = 1024
allow_internet = false
`;

const DOCKERFILE = `FROM ${TEST_IMAGE}
WORKDIR /app
COPY text.txt ./
RUN mkdir -p /opt/made && cp text.txt /opt/made/
`;

const TEST_SH = `#!/bin/sh
here=$(pwd)
if [ "$here" = /app ] && python3 /tests/check.py "$MINIMUM"; then echo 1; else echo 0; fi > /logs/verifier/reward.txt
`;

const CHECK = `import subprocess, sys
out = subprocess.run(["/usr/local/bin/words", "/app/text.txt"], capture_output=True, text=True).stdout
print("words says", repr(out), file=sys.stderr)
sys.exit(0 if out == "3\\n" and int(sys.argv[1]) == 3 else 1)
`;

// What it installs lies outside the workspace, and outside /app.
const SOLVE = `#!/bin/sh
set -e
printf '#!/bin/sh\\nwc -w < "$1" | tr -d " "\\n' > /usr/local/bin/words
chmod 755 /usr/local/bin/words
test "$(cat /solution/note)" = "not to stay"
`;

let folder: TempFolder;
let service: TestService;

async function write(files: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, text] of Object.entries(files)) {
    const file = join(folder.path, name);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, text);
    if (name.endsWith('.sh')) await chmod(file, 0o755);
  }
}

const codeset = (...args: string[]): Promise<CliRun> =>
  cli(['--address', service.address, '--api-key', service.adminKey, ...args]);

beforeAll(async () => {
  folder = await tempFolder();
  await write({
    'tasks/count/task.toml': TASK_TOML,
    'tasks/count/instruction.md': 'Write /usr/local/bin/words, which counts the words of a file.\n',
    'tasks/count/environment/Dockerfile': DOCKERFILE,
    'tasks/count/environment/text.txt': 'one two three\n',
    'tasks/count/tests/test.sh': TEST_SH,
    'tasks/count/tests/check.py': CHECK,
    'tasks/count/solution/solve.sh': SOLVE,
    'tasks/count/solution/note': 'not to stay\n',
    // The layout before Harbor.
    'tasks/older/task.yaml':
      'instruction: |-\n  Write hello into /app/greeting.\nauthor_name: Somebody\ndifficulty: easy\ntags: [files]\nmax_test_timeout_sec: 60.0\n',
    'tasks/older/Dockerfile': `FROM ${TEST_IMAGE}\nWORKDIR /app\n`,
    'tasks/older/docker-compose.yaml':
      'services:\n  client:\n    build: {dockerfile: Dockerfile}\n    command: ["sh", "-c", "sleep infinity"]\n',
    'tasks/older/run-tests.sh': '#!/bin/sh\nexec python3 "$TEST_DIR/test_outputs.py"\n',
    'tasks/older/tests/test_outputs.py': 'assert open("/app/greeting").read() == "hello\\n"\n',
    'tasks/older/solution.sh': '#!/bin/sh\necho hello > greeting\n',
    // Its image has the work where a sandbox has its workspace.
    'more/in-workspace/task.toml': '[environment]\nnetwork_mode = "no-network"\n',
    'more/in-workspace/instruction.md': 'Mend what is broken in value.txt.\n',
    'more/in-workspace/environment/Dockerfile': `FROM ${TEST_IMAGE}\nWORKDIR /workspace\nRUN echo broken > value.txt\n`,
    'more/in-workspace/tests/test.sh':
      '#!/bin/sh\ncd /workspace && grep -q mended value.txt && test -f pytest.ini && echo 1 > /logs/verifier/reward.txt\n',
    'more/in-workspace/solution/solve.sh': '#!/bin/sh\necho mended > value.txt; touch pytest.ini\n',
    'tasks/several/task.toml': '[metadata]\n',
    'tasks/several/instruction.md': 'Do it.\n',
    'tasks/several/environment/docker-compose.yaml': 'services: {main: {}, database: {}}\n',
  });
  service = await startService(await engineFlags('docker'));
}, DOCKER_START_MS);

afterAll(async () => {
  await service?.[Symbol.asyncDispose]();
  await folder?.[Symbol.asyncDispose]();
});

test('task folders become samples, of which the reference passes and the untouched image fails', async () => {
  const imported = await codeset(
    'sample',
    'import',
    'harbor',
    join(folder.path, 'tasks'),
    '--network',
    'none',
  );
  expect(imported.stdout).toBe('count-words@1  READY\nolder@1  READY\n2 imported, 1 failed\n');
  expect(imported.status).toBe(1);
  expect(imported.stderr).toMatch(/several: .*docker-compose\.yaml has the services main, database/);
  const told = /^nothing was made of these fields.*: (.*)$/m.exec(imported.stderr)?.[1] ?? '';
  expect(told.split(', ').sort()).toEqual([
    'agent.timeout_sec (in 1)',
    'author_name (in 1)',
    'environment.build_timeout_sec (in 1)',
    'metadata.author_name (in 1)',
    'verifier.env.FROM_HOST (in 1)',
  ]);

  for (const id of ['count-words', 'older']) {
    const validated = await codeset('sample', 'validate', id, '--runs', '1');
    expect(validated.stdout, validated.stderr).toMatch(/VALID/);
    expect(validated.status, `${validated.stdout}${validated.stderr}`).toBe(0);
  }
}, 300_000);

test("an agent works in the image's own folder as its root, and is judged by what it left anywhere", async () => {
  const { admin } = service;
  const { id } = await session(admin, 'count-words');
  const seen = await sh(
    admin,
    id,
    'pwd; id -u; ls /opt/made; ls -d /tests /solution /logs 2>/dev/null; ls -A /workspace',
  );
  expect(seen.stdout).toBe('/app\n0\ntext.txt\n.git\n');
  const shown = await codeset('session', 'show', id, '--json');
  expect(JSON.parse(shown.stdout)).toMatchObject({ workdir: '/app' });
  // Written beforehand, where the tests and the reward will come.
  await sh(
    admin,
    id,
    'mkdir -p /elsewhere/verifier /tests && ln -s /elsewhere /logs && echo 1 > /elsewhere/verifier/reward.txt && echo exit 0 > /tests/test.sh',
  );
  expect((await codeset('verify', id)).status).toBe(1);
  await sh(
    admin,
    id,
    `printf '#!/bin/sh\\necho 3\\n' > /usr/local/bin/words; chmod 755 /usr/local/bin/words`,
  );
  const verified = await codeset('verify', id, '--json');
  expect(verified.status, verified.stdout).toBe(0);
  await admin.sessions.closeSession({ sessionId: id });
}, 180_000);

test('a task whose image works in /workspace finds it there', async () => {
  const imported = await codeset('sample', 'import', 'harbor', join(folder.path, 'more/in-workspace'));
  expect(imported.stdout, imported.stderr).toBe('in-workspace@1  READY\n1 imported, 0 failed\n');
  const validated = await codeset('sample', 'validate', 'in-workspace', '--runs', '1');
  expect(validated.status, `${validated.stdout}${validated.stderr}`).toBe(0);
}, 180_000);

test('what is exported to Harbor and imported again is judged alike', async () => {
  const { admin } = service;
  const place = join(folder.path, 'own-words');
  expect((await cli(['sample', 'init', place, '--language', 'shell'])).status).toBe(0);
  const manifest = join(place, 'sample.yaml');
  const text = (await readFile(manifest, 'utf8')).replace('debian:12-slim', TEST_IMAGE);
  await writeFile(manifest, text);
  expect((await codeset('sample', 'add', place)).status).toBe(0);

  const out = join(folder.path, 'exported');
  const exported = await codeset(
    'sample',
    'export',
    'harbor',
    'own-words',
    'count-words',
    'older',
    '--out',
    out,
  );
  expect(exported).toMatchObject({ status: 1, stdout: '2 exported, 1 failed\n' });
  expect(exported.stderr).toMatch(/^older: came from Terminal-Bench/m);
  expect(exported.stderr).toMatch(/fail_to_pass \(the exit status decides\) \(in 1\)/);
  // One that came from Harbor is as it was.
  for (const name of [
    'task.toml',
    'environment/Dockerfile',
    'environment/text.txt',
    'tests/test.sh',
    'solution/solve.sh',
  ])
    expect(await readFile(join(out, 'count-words', name), 'utf8'), name).toBe(
      await readFile(join(folder.path, 'tasks/count', name), 'utf8'),
    );

  await admin.samples.deleteSample({ sample: { sampleId: 'own-words' } });
  const again = await codeset('sample', 'import', 'harbor', join(out, 'own-words'), '--dataset', 'again');
  expect(again.stdout, again.stderr).toBe('own-words@2  READY\n1 imported, 0 failed\n');
  const validated = await codeset('sample', 'validate', 'own-words', '--runs', '1');
  expect(validated.status, `${validated.stdout}${validated.stderr}`).toBe(0);
}, 180_000);
