import { afterAll, beforeAll, expect, test } from 'vitest';
import { AuditVerdict } from '../../gen/codeset/v1/sample.js';
import { KeyAdmin } from '../../src/key-admin.js';
import type { TestClient } from '../rpc/client.js';
import { keptLayers, keptSandboxes } from '../support/engine-parts.js';
import { audit, brief, hidingSample, prepare, SOLUTION } from '../support/hiding-sample.js';
import { startApp, type RunningApp } from '../support/running-app.js';
import { register } from '../support/service.js';

let running: RunningApp;
let admin: TestClient;

beforeAll(async () => {
  running = await startApp();
  admin = running.client();
}, 120_000);

afterAll(async () => {
  await running?.[Symbol.asyncDispose]();
});

test('a sample that hides what it should is CLEAN', async () => {
  await register(admin, hidingSample('clean'));
  const found = await audit(admin, 'clean');
  expect(found).toMatchObject({ verdict: AuditVerdict.CLEAN, findings: [], unsearched: [] });
  expect(found.pieces).toBeGreaterThanOrEqual(7);
  // The tree's files, the objects that they are, the variables, the task.
  expect(found.places).toBeGreaterThan(10n);
  expect(await keptSandboxes(running.dataDir)).toEqual([]);
});

test('the solution in a file of the codebase is told, and in what set-up and prepare left', async () => {
  const all = SOLUTION.join('\n');
  await register(
    admin,
    hidingSample('files', {
      files: [{ path: 'codebase/docs/notes.txt', content: `One could write\n${all}\n` }],
    }),
  );
  const found = await audit(admin, 'files');
  expect(found.verdict).toBe(AuditVerdict.LEAKS);
  expect(brief(found)).toEqual(['SOLUTION WORKSPACE /workspace/docs/notes.txt 3']);
  expect(found.findings[0]).toMatchObject({ source: 'fold.js', excerpt: SOLUTION[2] });
  expect(found.findings[0]?.closedBy).toMatch(/out of the codebase/);

  await register(
    admin,
    hidingSample('left', {
      environment: `  setup:\n    - ${JSON.stringify(`mkdir -p /opt/kept && printf '%s\\n' '${all}' > /opt/kept/fold.orig`)}\n${prepare(
        `printf '%s\\n' '${SOLUTION[1]}' folds_wide_octets > .cache`,
      )}`,
    }),
  );
  expect(brief(await audit(admin, 'left'))).toEqual([
    'SOLUTION OUTSIDE /opt/kept/fold.orig 3',
    'SOLUTION? WORKSPACE /workspace/.cache 1',
    'TEST_NAME? WORKSPACE /workspace/.cache 1',
  ]);
});

test('hidden lines and expected values in an environment variable are told', async () => {
  await register(
    admin,
    hidingSample('variable', {
      environment: '  env: {GREETING: "expected=\'Grüße aus dem Schwarzwald\' sum_of_all_octets=98712356"}',
    }),
  );
  const found = await audit(admin, 'variable');
  expect(found.verdict).toBe(AuditVerdict.LEAKS);
  expect(brief(found)).toEqual([
    'HIDDEN_FILE ENVIRONMENT GREETING 2',
    'EXPECTED_VALUE ENVIRONMENT GREETING 2',
  ]);
  expect(found.findings[0]).toMatchObject({ source: 'verification/run' });
});

test('what the workspace has no git for is searched as files, and it is said', async () => {
  await register(admin, hidingSample('bare', { environment: prepare('rm -rf .git') }));
  const found = await audit(admin, 'bare');
  expect(found.verdict).toBe(AuditVerdict.INCONCLUSIVE);
  expect(found.unsearched).toEqual([expect.stringMatching(/no git repository/)]);
});

test('a solution that may change all of the file system is searched for as the script that it is', async () => {
  const apply =
    '#!/bin/sh\necho "answered by the reference alone" > /opt/answers-of-the-reference\necho 42 > answer\n';
  const whole = { verification: '  scope: filesystem\n', apply };
  await register(admin, hidingSample('whole', whole));
  const found = await audit(admin, 'whole');
  expect(found).toMatchObject({ verdict: AuditVerdict.CLEAN, findings: [], unsearched: [] });
  const files = [{ path: 'codebase/notes.txt', content: apply }];
  await register(admin, hidingSample('told', { ...whole, files }));
  const leaking = await audit(admin, 'told');
  expect(brief(leaking)).toEqual([
    expect.stringMatching(/^SOLUTION\?? WORKSPACE \/workspace\/notes.txt \d$/),
  ]);
  expect(leaking.findings[0]).toMatchObject({ source: 'solution/apply' });
  const ask = { sample: { sampleId: 'whole' }, cheats: ['killed-by-itself'] };
  let outcome: AuditVerdict | undefined;
  for await (const { event } of admin.samples.auditSample(ask))
    if (event?.$case === 'audit') outcome = event.value.verdict;
  expect(outcome).toBe(AuditVerdict.CLEAN);
});

test('only an admin may, and what is not there can’t be audited', async () => {
  await using keys = await KeyAdmin.open(running.dataDir);
  const { secret } = await keys.create('RUNNER', 'audit');
  const reading = async (calls: AsyncIterable<unknown>): Promise<void> => {
    for await (const _ of calls);
  };
  const ask = { sample: { sampleId: 'clean' }, skipCheats: true };
  await expect(reading(running.client(secret).samples.auditSample(ask))).rejects.toThrow(/PERMISSION_DENIED/);
  await expect(reading(admin.samples.auditSample({ sample: { sampleId: 'none' } }))).rejects.toThrow(
    /NOT_FOUND/,
  );
});

test('a call that is cancelled leaves nothing', async () => {
  // A file that takes a while to look through.
  await register(
    admin,
    hidingSample('large', { environment: prepare('head -c 60000000 /dev/zero > zeros') }),
  );
  const layers = [...(await keptLayers(running.dataDir))].sort();
  const gone = new AbortController();
  const calling = (async () => {
    for await (const _ of admin.samples.auditSample(
      { sample: { sampleId: 'large' }, skipCheats: true },
      { signal: gone.signal },
    ));
  })();
  const ended = calling.catch((error: unknown) => error);
  await expect.poll(() => keptSandboxes(running.dataDir).then(({ length }) => length)).toBeGreaterThan(0);
  gone.abort();
  expect(String(await ended)).toMatch(/abort/i);
  await expect.poll(() => keptSandboxes(running.dataDir), { timeout: 10_000 }).toEqual([]);
  expect([...(await keptLayers(running.dataDir))].sort()).toEqual(layers);
});
