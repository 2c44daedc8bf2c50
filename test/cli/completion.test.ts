import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startApp, type RunningApp } from '../support/running-app.js';
import { addSample, hostSession, register } from '../support/service.js';
import { cli } from './run-cli.js';

let app: RunningApp;
let sessionId: string;

beforeAll(async () => {
  app = await startApp();
  await register(app.client(), addSample());
  sessionId = await hostSession(app.client());
}, 120_000);

afterAll(async () => {
  await app?.[Symbol.asyncDispose]();
});

async function complete(...words: readonly string[]): Promise<readonly string[]> {
  const server = ['--address', app.app.address, '--data-dir', app.dataDir];
  const run = await cli(['complete', ...server, '--', ...words]);
  expect([run.status, run.stderr]).toEqual([0, '']);
  return run.stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split('\t')[0] ?? '');
}

test('commands, their options and what those take are completed', async () => {
  expect(await complete('s')).toEqual(['serve', 'sample', 'session', 'shell']);
  expect(await complete('')).not.toContain('complete');
  expect(await complete('session', 'sn')).toEqual(['snapshot', 'snapshots']);
  expect(await complete('session', 'snapshots', '')).toEqual(['list', 'show', 'remove']);
  expect(await complete('verify', '--fe')).toEqual(['--feedback']);
  expect(await complete('verify', '--json', '--feedback', '')).toEqual(['none', 'verdict', 'full']);
  expect(await complete('completion', 'x')).toEqual([]);
});

test('so are ids that the server knows; a program in a session is its own affair', async () => {
  expect(await complete('session', 'close', '')).toEqual([sessionId]);
  expect(await complete('exec', '--env', 'A=B', 'ses_')).toEqual([sessionId]);
  expect(await complete('exec', sessionId, '--', 'ses')).toEqual([]);
  expect(await complete('sample', 'audit', 'add', '')).toEqual(['add']);
  expect(await complete('eval', '--sample', 'a')).toEqual(['add']);
  expect(await complete('eval', '--dataset', '')).toEqual(['try']);
  expect(await complete('eval', '--out', '')).toEqual([]);
  expect(await complete('diff', sessionId, '')).toEqual([]);
});

test('without a server what needs none is completed, and nothing is said', async () => {
  const run = await cli(['complete', '--address', '127.0.0.1:1', '--api-key', 'x', '--', 'diff', '']);
  expect(run).toMatchObject({ status: 0, stdout: '', stderr: '' });
});

test('the script for bash asks the program it completes; of a shell that is not known nothing is printed', async () => {
  const { stdout } = await cli(['completion', 'bash']);
  const script = `${stdout}
codeset() { [ $# = 5 ] && [ "$1$2$5" = "complete--a b" ] && printf 'a b:1\\tone thing\\na b=2\\tanother\\n'; }
COMP_WORDS=(codeset session close "a b"); COMP_CWORD=3; _codeset
printf '[%s]' "\${COMPREPLY[@]}"`;
  const run = await promisify(execFile)('bash', ['--norc', '-c', script]);
  expect(run.stdout).toBe('[a b:1][a b=2]');
  expect(await cli(['completion', 'tcsh'])).toMatchObject({ status: 2, stdout: '' });
  for (const shell of ['zsh', 'fish'])
    expect((await cli(['completion', shell])).stdout).toContain('complete -- ');
});
