import { afterAll, beforeAll, expect, test } from 'vitest';
import { VerificationState } from '../../gen/codeset/v1/verification.js';
import { DOCKER_START_MS, TEST_IMAGE } from '../support/docker.js';
import { engineFlags } from '../support/engine-here.js';
import { judge } from '../support/judging.js';
import { addSample, register, session, sh, startService, type TestService } from '../support/service.js';

// A sample whose user is one of its image's own, of whatever id: Debian's www-data, 33.

let service: TestService;

beforeAll(async () => {
  service = await startService(await engineFlags('docker'));
}, DOCKER_START_MS);

afterAll(async () => {
  await service?.[Symbol.asyncDispose]();
});

test("an image's own user has the workspace, and is who a verification judges as", async () => {
  const { admin } = service;
  const environment = `{image: "${TEST_IMAGE}", user: www-data, prepare: ["mkdir made && echo x > made/x"]}`;
  await register(admin, addSample([], '', environment));
  const { id } = await session(admin);
  const seen = await sh(
    admin,
    id,
    'id -u; echo $HOME; stat -c %U . m.py made made/x; echo y >> made/x; touch new',
  );
  expect(seen).toMatchObject({ code: 0, stdout: `33\n/var/www\n${'www-data\n'.repeat(4)}` });
  const diff = Buffer.from(
    '--- a/m.py\n+++ b/m.py\n@@ -1,2 +1,2 @@\n def add(a, b):\n-    return a - b\n+    return a + b\n',
  );
  await admin.sessions.applyPatch({ sessionId: id, diff });
  expect((await sh(admin, id, 'stat -c %U m.py')).stdout).toBe('www-data\n');
  const { verification, log } = await judge(admin, { sessionId: id });
  expect(log).toContain('judged as www-data');
  expect(verification.state).toBe(VerificationState.PASSED);
  await admin.sessions.closeSession({ sessionId: id });
}, 180_000);

test('a Dockerfile is built of what agents may see of the sample, and of nothing else', async () => {
  const { admin } = service;
  const text = (path: string, content: string): { path: string; content: string } => ({ path, content });
  const dockerfile = [
    `FROM ${TEST_IMAGE}`,
    'COPY . /context/',
    'RUN cd /context && find . -type f | LC_ALL=C sort > /listing && ! grep -rl "a [+] b\\|add(1, 2) =[=] 3" .',
    '',
  ].join('\n');
  const files = [
    text('docker/Dockerfile', dockerfile),
    // In force where the context begins, as Docker has it: not beside the Dockerfile.
    text('.dockerignore', 'notes\n!verification\n!solution\n!sample.yaml\n**/*.tmp\n'),
    text('docker/.dockerignore', 'docker\n'),
    text('notes/a', 'left out'),
    text('data/b.tmp', 'left out'),
    text('data/b', 'comes along'),
    // A folder of that name elsewhere hides nothing.
    text('data/solution/c', 'comes along'),
  ];
  await register(admin, addSample(files, '', '{dockerfile: docker/Dockerfile}', 'built'));
  const { id } = await session(admin, 'built');
  expect((await sh(admin, id, 'cat /listing')).stdout.split('\n')).toEqual([
    './.codeset-dockerfile',
    './.dockerignore',
    './codebase/.gitignore',
    './codebase/m.py',
    './codebase/tests/visible.py',
    './data/b',
    './data/solution/c',
    './docker/.dockerignore',
    './docker/Dockerfile',
    './task.md',
    '',
  ]);
  await admin.sessions.closeSession({ sessionId: id });
}, 180_000);
