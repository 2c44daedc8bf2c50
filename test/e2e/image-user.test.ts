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
