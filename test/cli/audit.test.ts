import { afterAll, beforeAll, expect, test } from 'vitest';
import { fooledSample } from '../support/fooled-sample.js';
import { startApp, type RunningApp } from '../support/running-app.js';
import { addSample, register } from '../support/service.js';
import { TEST_IMAGE } from '../support/test-image.js';
import { cli, type CliRun } from './run-cli.js';

let app: RunningApp;

beforeAll(async () => {
  app = await startApp();
  const client = app.client();
  await register(client, addSample());
  const told = 'sys.path.insert(0, os.getcwd())';
  const environment = `{host: {requires: [python3]}, image: ${TEST_IMAGE}, env: {HINT: "${told}"}}`;
  await register(client, addSample([], '', environment, 'hinting'));
  const copy = { path: 'codebase/kept.txt', content: `ok = m.add(1, 2) == 3\n${told}\n` };
  const solution = {
    path: 'codebase/CHANGES',
    content: 'We return the sum of all of its operands, by reduce(operator.add, operands)\n',
  };
  await register(client, addSample([copy, solution], '', undefined, 'open'));
}, 120_000);

afterAll(async () => {
  await app?.[Symbol.asyncDispose]();
});

function audit(...args: readonly string[]): Promise<CliRun> {
  return cli(['--address', app.app.address, '--data-dir', app.dataDir, 'sample', 'audit', ...args]);
}

test('a table with a row for each sample, what was found where and how to close it', async () => {
  const clean = await audit('add', 'open', '--no-cheats');
  expect(clean).toMatchObject({ status: 0, stderr: '' });
  expect(clean.stdout).toMatch(
    /^SAMPLE {2}PIECES {2}PLACES {2}FINDINGS {2}THROUGH {2}VERDICT\nadd@1 +\d+ +\d+ +0 +- +CLEAN\nopen@1 +\d+ +\d+ +0 +- +CLEAN\n$/,
  );
  const all = await audit('--dataset', 'try', '--no-cheats');
  expect(all).toMatchObject({ status: 0, stderr: '' });
  expect(all.stdout).toMatch(/^hinting@1 +\d+ +\d+ +1 +- +CLEAN$/m);
  expect(all.stdout).toMatch(/^hinting@1: Nothing .* 1 further place may be a hint, or chance\.$/m);
  expect(all.stdout).toContain(
    '  HIDDEN_FILE (hint)  ENVIRONMENT HINT: 1 piece of verification/check.py\n' +
      '    sys.path.insert(0, os.getcwd())\n' +
      '    Take the variable out of environment.env, or out of the image (ENV).\n',
  );
});

test('--json is a line for each finding, then what was found', async () => {
  const run = await audit('hinting', '--json', '--no-cheats');
  expect(run).toMatchObject({ status: 0, stderr: '' });
  const lines = run.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(lines).toEqual([
    {
      sample: { sampleId: 'hinting', version: 1 },
      finding: expect.objectContaining({
        kind: 'LEAK_KIND_HIDDEN_FILE',
        area: 'AUDIT_AREA_ENVIRONMENT',
      }) as unknown,
    },
    {
      sample: { sampleId: 'hinting', version: 1 },
      audit: expect.objectContaining({ verdict: 'AUDIT_VERDICT_CLEAN', findingCount: 1 }) as unknown,
    },
  ]);
});

test('a sample that leaks is no success, one that is not there neither, and it does not stop the rest', async () => {
  const told =
    "as-subject python3 /tmp/check.py # Hidden files are root's alone; what the runner has to read is handed out.";
  const environment = `{host: {requires: [python3]}, image: ${TEST_IMAGE}, env: {HINT: "${told}"}}`;
  await register(app.client(), addSample([], '', environment, 'telling'));
  const run = await audit('nothing', 'telling', 'add', '--no-cheats');
  expect(run.status).toBe(1);
  expect(run.stderr).toContain('nothing: There is no sample "nothing"');
  expect(run.stdout).toMatch(/^nothing +- +- +- +- +REFUSED\ntelling@1 .* LEAKS\nadd@1 .* CLEAN\n/m);
  expect(run.stdout).toMatch(/^ {2}HIDDEN_FILE {2}ENVIRONMENT HINT: 2 pieces of verification\/run$/m);
  expect(await audit('--dataset', 'empty')).toMatchObject({ status: 1, stdout: '' });
  expect(await audit('add', '--dataset', 'try')).toMatchObject({ status: 2 });
});

test('what gets through is told with how to close it, and kept with the version', async () => {
  await register(app.client(), fooledSample('fooled'));
  const run = await audit('fooled', '--cheat', 'exit-at-import', '--cheat', 'searched-session');
  expect(run).toMatchObject({ status: 1, stderr: '' });
  expect(run.stdout).toMatch(/^fooled@1 +\d+ +\d+ +0 +1\/2 +FOOLED$/m);
  expect(run.stdout).toMatch(
    /^ {2}exit-at-import {2}PASSED: an agent that ends the process well when its code is loaded \(tampering with the runner from inside\)\n {4}ver_\w+: .*exit status.*\n {4}Judge from outside: /m,
  );
  expect(run.stdout).not.toContain('searched-session');
  const sample = (...args: readonly string[]): Promise<CliRun> =>
    cli(['--address', app.app.address, '--data-dir', app.dataDir, 'sample', ...args]);
  expect((await sample('show', 'fooled')).stdout).toMatch(
    /^audited +FOOLED \(.*1 got through\. \(exit-at-import\)$/m,
  );
  expect((await sample('list')).stdout).toMatch(/^fooled .* FOOLED /m);
  const wrong = await audit('fooled', '--cheat', 'exit-at-imprt');
  expect(wrong).toMatchObject({ status: 2, stdout: '' });
  expect(wrong.stderr).toContain('did you mean "exit-at-import"?');
}, 60_000);
