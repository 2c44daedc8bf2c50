import { expect, test } from 'vitest';
import { copyEnd } from '../../src/cli/cp.js';
import { bytes, duration, pair, sampleRef } from '../../src/cli/options.js';

import { columns, printable } from '../../src/cli/output.js';
import { byRepository } from '../../src/cli/sample/import-entries.js';
import { tempFolder } from '../support/temp-folder.js';
import { cli } from './run-cli.js';

test('without a server a command says in one sentence how to start one', async () => {
  const run = await cli(['session', 'list', '--address', '127.0.0.1:1', '--api-key', 'k']);
  expect(run).toMatchObject({ status: 3, stdout: '' });
  expect(run.stderr).toBe(
    'codeset: There is no server at 127.0.0.1:1: start one with `codeset serve`, or name another with --address.\n',
  );
});

test('options that all commands have may stand in front of the command, too', async () => {
  const run = await cli(['--address', '127.0.0.1:1', '--api-key', 'k', 'sample', 'list']);
  expect(run.status).toBe(3);
  expect(run.stderr).toContain('127.0.0.1:1');
});

test.each([
  [['nonsense']],
  [[]],
  [['session']],
  [['session', 'list', '--nonsense']],
  [['session', 'create']],
  [['session', 'create', 'x', '--host']],
  [['session', 'create', 'x', '--ttl', 'soon']],
  [['session', 'create', 'x', '--label', 'no-equals-sign']],
  [['session', 'create', 'x@0']],
  [['session', 'close']],
  [['session', 'close', 'ses_x', '--all']],
  [['exec', 'ses_x']],
  [['exec', '--detach', '-i', 'ses_x', '--', 'cat']],
  [['verify']],
  [['verify', 'ses_x', '--sample', 's', '--patch', 'p']],
  [['verify', '--sample', 's']],
  [['cp', 'a', 'b']],
  [['cp', 'ses_a:x', 'ses_b:y']],
  [['key', 'create', '--role', 'agent']],
  [['serve', '--listen', '0.0.0.0:1']],
  [['serve', '--max-sessions', 'many']],
])('%j is wrong usage, and says so on stderr', async (args) => {
  const run = await cli(args);
  expect(run).toMatchObject({ status: 2, stdout: '' });
  expect(run.stderr).not.toBe('');
});

test('help is an answer', async () => {
  const run = await cli(['exec', '--help']);
  expect(run).toMatchObject({ status: 0, stderr: '' });
  expect(run.stdout).toContain('--status-file');
  expect((await cli(['--help'])).stdout).toContain('Exit status');
});

test('serve takes every setting of the server as a flag', async () => {
  const { stdout } = await cli(['serve', '--help']);
  for (const flag of [
    '--listen',
    '--data-dir',
    '--engine',
    '--config',
    '--shutdown-grace',
    '--insecure-no-auth',
  ])
    expect(stdout).toContain(flag);
});

test('keys of a folder where no server ever started are not made up', async () => {
  await using folder = await tempFolder();
  for (const args of [['show'], ['list'], ['create', '--role', 'runner'], ['revoke', 'key_x']]) {
    const run = await cli(['key', ...args, '--data-dir', folder.path]);
    expect(run).toMatchObject({ status: 3, stdout: '' });
    expect(run.stderr).toContain('`codeset serve`');
  }
});

test('a sample is named with dataset and version where wanted', () => {
  expect(sampleRef('a')).toEqual({ sampleId: 'a' });
  expect(sampleRef('Django__Django-1')).toEqual({ sampleId: 'django__django-1' });
  expect(sampleRef('examples/a@3')).toEqual({ sampleId: 'a', version: 3, dataset: 'examples' });
});

test('durations and sizes are read as people write them', () => {
  expect(duration('1h30m')).toEqual({ seconds: 5400n, nanos: 0 });
  expect(duration('1500ms')).toEqual({ seconds: 1n, nanos: 500_000_000 });
  expect(duration('90')).toEqual({ seconds: 90n, nanos: 0 });
  expect(bytes('512MiB')).toBe(536_870_912n);
  expect(pair('A=b=c', { B: '1' })).toEqual({ A: 'b=c', B: '1' });
});

test('what stands before the first colon is a session unless it has a slash', () => {
  expect(copyEnd('ses_1:/a:b')).toEqual({ sessionId: 'ses_1', path: '/a:b' });
  expect(copyEnd('./a:b')).toEqual({ sessionId: undefined, path: './a:b' });
  expect(copyEnd('a/b')).toEqual({ sessionId: undefined, path: 'a/b' });
});

test('columns are as wide as their widest cell, and nothing in them steers the terminal', () => {
  expect(
    columns([
      ['A', 'B'],
      ['longer', 'x\ny'],
      ['', 'z'],
    ]),
  ).toEqual(['A       B', 'longer  x y', '        z']);
  expect(printable('a\u001b[31mb\tc\r')).toBe('a�[31mb\tc�');
});

test("a file's lines keep their numbers when they are parted by repository", () => {
  const a = '{"repo":"a/a"}';
  const b = '{"repo":"b/b"}';
  expect([...byRepository([a, '', b, '{oops', a], undefined)]).toEqual([
    ['a/a', [a, '', '', '{oops', a]],
    ['b/b', ['', '', b, '', '']],
  ]);
  expect([...byRepository(['{oops'], undefined)]).toEqual([['', ['{oops']]]);
  expect([...byRepository([a, b], './clone')]).toEqual([['./clone', [a, b]]]);
});
