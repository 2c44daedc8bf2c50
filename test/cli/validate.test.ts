import { afterAll, beforeAll, expect, test } from 'vitest';
import { startApp, type RunningApp } from '../support/running-app.js';
import { addSample, register } from '../support/service.js';
import { cli, type CliRun } from './run-cli.js';

let app: RunningApp;

beforeAll(async () => {
  app = await startApp();
  const client = app.client();
  await register(client, addSample());
  const lists = '  fail_to_fail: ["tests::nowhere"]';
  await register(client, addSample([], lists, undefined, 'unsolved'));
}, 120_000);

afterAll(async () => {
  await app?.[Symbol.asyncDispose]();
});

function sample(...args: readonly string[]): Promise<CliRun> {
  return cli(['--address', app.app.address, '--data-dir', app.dataDir, 'sample', ...args]);
}

test('a table with a row for each sample, what is wrong by name, and status 0 only when all are VALID', async () => {
  const good = await sample('validate', 'add', '--runs', '2');
  expect(good).toMatchObject({ status: 0, stderr: '' });
  expect(good.stdout).toBe(
    `SAMPLE  REFERENCE PASSED  UNTOUCHED FAILED  VERDICT\nadd@1   2/2               2/2               VALID\n`,
  );
  const all = await sample('validate', '--dataset', 'try', '--runs', '1', '--concurrency', '2');
  expect(all).toMatchObject({ status: 1, stderr: '' });
  expect(all.stdout.split('\n').slice(1, 4)).toEqual([
    'add@1       1/1               1/1               VALID',
    'unsolved@1  0/1               1/1               INVALID',
    '',
  ]);
  expect(all.stdout).toMatch(/^unsolved@1: The reference solution PASSED 0 of 1 times; /m);
  expect(all.stdout).toMatch(/^ {2}MISSING_TEST {2}tests::nowhere \(in fail_to_fail\) is in no report/m);
  expect((await sample('list')).stdout).toMatch(/^unsolved +1 +try +READY +INVALID +- +python/m);
  expect((await sample('show', 'add')).stdout).toMatch(/^validated +VALID \(\S+\): The reference solution/m);
  expect((await sample('show', 'unsolved')).stdout).not.toContain('tests::nowhere');
  expect((await sample('show', 'unsolved', '--full')).stdout).toMatch(/^ {2}MISSING_TEST {2}tests::nowhere/m);
});

interface Line {
  readonly sample: { readonly sampleId: string };
  readonly run?: { readonly subject: string; readonly asExpected?: boolean };
  readonly validation?: { readonly verdict: string };
}

test('--json is a line for each verification, then what was found', async () => {
  const run = await sample('validate', 'add', 'unsolved', '--runs', '1', '--json');
  expect(run).toMatchObject({ status: 1, stderr: '' });
  const lines = run.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Line);
  expect(
    lines.map(({ sample: { sampleId }, run: one, validation }) => [
      sampleId,
      one?.subject ?? validation?.verdict,
      one?.asExpected,
    ]),
  ).toEqual([
    ['add', 'VALIDATION_SUBJECT_UNTOUCHED', true],
    ['add', 'VALIDATION_SUBJECT_REFERENCE', true],
    ['add', 'VALIDATION_VERDICT_VALID', undefined],
    ['unsolved', 'VALIDATION_SUBJECT_UNTOUCHED', true],
    ['unsolved', 'VALIDATION_SUBJECT_REFERENCE', undefined],
    ['unsolved', 'VALIDATION_VERDICT_INVALID', undefined],
  ]);
});

test('one that is not there does not stop the rest, and no sample at all is no success', async () => {
  const run = await sample('validate', 'nothing', 'add', '--runs', '1');
  expect(run.status).toBe(1);
  expect(run.stderr).toContain('nothing: There is no sample "nothing"');
  expect(run.stdout).toMatch(/^nothing +- +- +REFUSED\nadd@1 .*VALID\n$/m);
  expect(await sample('validate', '--dataset', 'empty')).toMatchObject({ status: 1, stdout: '' });
  expect(await sample('validate', 'add', '--dataset', 'try')).toMatchObject({ status: 2 });
  expect(await sample('validate', 'add', '--runs', '101')).toMatchObject({ status: 2 });
});
