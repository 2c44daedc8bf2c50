import { randomBytes } from 'node:crypto';
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startApp, type RunningApp } from '../support/running-app.js';
import { tempFolder, type TempFolder } from '../support/temp-folder.js';
import { TEST_IMAGE } from '../support/docker.js';
import { engineHere } from '../support/engine-here.js';
import { standInFor } from '../support/stand-in.js';
import { cli, type CliInput, type CliRun } from './run-cli.js';

const SAMPLE = resolve(import.meta.dirname, '../../samples/examples/median-of-even-lists');

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

/** A command line against the server of these tests, its key found in the data folder. */
function codeset(args: readonly string[], input?: CliInput): Promise<CliRun> {
  const [name = '', ...rest] = args;
  return cli(['--address', app.app.address, '--data-dir', app.dataDir, name, ...rest], input);
}

const onEither = ['--host', '--image', TEST_IMAGE] as const;

async function hostSession(): Promise<string> {
  const run = await codeset(['session', 'create', ...onEither]);
  expect(run.stderr).toBe('');
  return run.stdout.trim();
}

interface Line {
  readonly started?: { execId: string };
  readonly output?: { stream: string; data: string };
  readonly exited?: { result: { reason: string; exitCode?: number; signal?: string } };
}

const lines = (run: CliRun): Line[] =>
  run.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Line);

test('snapshots and forks on the command line: taken, listed, shown, forked, created from, removed', async () => {
  const id = await hostSession();
  await codeset(['exec', id, '--', 'sh', '-c', 'echo kept >file']);
  const taken = await codeset(['session', 'snapshot', id, '--label', 'step=1']);
  expect(taken).toMatchObject({ status: 0, stderr: '' });
  const snapshotId = taken.stdout.trim();
  expect(snapshotId).toMatch(/^snp_\w+$/);
  await codeset(['session', 'close', id]);
  const listed = await codeset(['session', 'snapshots', '--label', 'step=1']);
  expect(listed.stdout).toMatch(
    new RegExp(`^SNAPSHOT .*\\n${snapshotId}  ${id}  host +\\d+  .*  step=1\\n$`),
  );
  const shown = await codeset(['session', 'snapshots', 'show', snapshotId, '--json']);
  expect(JSON.parse(shown.stdout)).toMatchObject({ snapshotId, sessionId: id, labels: { step: '1' } });

  const forked = await codeset(['session', 'fork', snapshotId, '--count', '2', '--env', 'N=5']);
  expect(forked).toMatchObject({ status: 0, stderr: '' });
  const ids = forked.stdout.trim().split('\n');
  expect(ids).toHaveLength(2);
  for (const one of ids) {
    const seen = await codeset(['exec', one, '--', 'sh', '-c', 'cat file; echo $N']);
    expect(seen.stdout).toBe('kept\n5\n');
  }
  const [line = ''] = (await codeset(['session', 'fork', ids[0] ?? '', '--json'])).stdout.split('\n');
  expect(JSON.parse(line)).toMatchObject({ filesOnly: true, forked: { session: { env: { N: '5' } } } });
  const created = await codeset(['session', 'create', '--snapshot', snapshotId]);
  expect((await codeset(['exec', created.stdout.trim(), '--', 'cat', 'file'])).stdout).toBe('kept\n');
  expect((await codeset(['session', 'show', created.stdout.trim()])).stdout).toContain(snapshotId);

  const removed = await codeset(['session', 'snapshots', 'remove', snapshotId]);
  expect(removed).toMatchObject({ status: 0, stdout: `removed ${snapshotId}\n` });
  const missing = await codeset(['session', 'fork', snapshotId]);
  expect(missing).toMatchObject({ status: 1, stdout: '' });
  expect(missing.stderr).toContain(snapshotId);
  for (const args of [
    ['session', 'fork', id, '--count', '257'],
    ['session', 'create', '--snapshot', snapshotId, '--host'],
    ['session', 'create', '--snapshot', snapshotId, '--requires', 'sh'],
  ]) {
    expect((await codeset(args)).status, args.join(' ')).toBe(2);
  }
});

test('a day on the command line: added, created, FAILED, patched, PASSED, closed', async () => {
  if (engineHere() === 'docker') await standInFor('python:3.13-slim');
  const added = await codeset(['sample', 'add', SAMPLE]);
  expect(added).toMatchObject({ status: 0, stdout: 'examples/median-of-even-lists@1  READY\n' });
  expect((await codeset(['sample', 'add', SAMPLE])).stdout).toContain('was there already');
  const listed = JSON.parse(
    (await codeset(['sample', 'list', '--json', '--search', 'MEDIAN'])).stdout,
  ) as object;
  expect(listed).toMatchObject({ samples: [{ sampleId: 'median-of-even-lists' }], totalSize: 1 });
  expect((await codeset(['sample', 'show', 'examples/median-of-even-lists@1'])).stdout).toContain(
    '# Medians',
  );

  const created = await codeset(['session', 'create', 'median-of-even-lists', '--label', 'run=1', '--json']);
  const { session, agentToken } = JSON.parse(created.stdout) as {
    session: { sessionId: string; state: string; resources: { memoryBytes: string } };
    agentToken: string;
  };
  expect(session).toMatchObject({ state: 'SESSION_STATE_READY', resources: { memoryBytes: '536870912' } });
  expect(agentToken).toMatch(/^csk_agent_/);
  const id = session.sessionId;

  const failed = await codeset(['verify', id]);
  expect(failed.status).toBe(1);
  expect(failed.stdout).toMatch(
    /FAILED {3}tests\/test_hidden_summary.py::MedianTest::test_two_values {2}\(fail_to_pass\)/,
  );
  expect(failed.stdout).toMatch(/^FAILED {2}ver_\w+ {2}fail_to_pass 0\/6 {2}pass_to_pass 5\/5/m);

  expect((await codeset(['diff', id])).stdout).toBe('');
  const patch = join(SAMPLE, 'solution/solution.patch');
  expect(await codeset(['apply', id, patch])).toMatchObject({ status: 0, stdout: 'tally/summary.py\n' });
  expect((await codeset(['diff', id])).stdout).toContain('+    return percentile(values, 50)');

  const passed = await codeset(['verify', id, '--json']);
  expect(passed.status).toBe(0);
  expect(JSON.parse(passed.stdout)).toMatchObject({ state: 'VERIFICATION_STATE_PASSED', sessionId: id });
  const byPatch = ['verify', '--sample', 'median-of-even-lists', '--patch', '-', '--follow', '--json'];
  const followed = await codeset(byPatch, { stdin: await readFile(patch) });
  expect(followed.status).toBe(0);
  expect(followed.stdout.trim().split('\n').at(-1)).toContain('VERIFICATION_STATE_PASSED');

  const snapshot = (await codeset(['session', 'snapshot', id])).stdout.trim();
  const ofSnapshot = await codeset(['verify', '--snapshot', snapshot, '--json']);
  expect(ofSnapshot.status).toBe(0);
  expect(JSON.parse(ofSnapshot.stdout)).toMatchObject({ snapshotId: snapshot, sessionId: id });
  expect((await codeset(['verify', id, '--snapshot', snapshot])).status).toBe(2);
  await codeset(['session', 'snapshots', 'remove', snapshot]);

  const { verificationId } = JSON.parse(passed.stdout) as { verificationId: string };
  const all = (await codeset(['verification', 'list', '--session', id])).stdout.trim().split('\n');
  expect(all.map((line) => line.split(/ {2,}/)[1])).toEqual(['STATE', 'PASSED', 'PASSED', 'FAILED']);
  expect(all[0]).toMatch(/^VERIFICATION +STATE +SAMPLE +JUDGED +ENDED +LOG +PATCH$/);
  expect(all[2]).toMatch(
    new RegExp(`^${verificationId}  PASSED  median-of-even-lists@1  ${id} .*Z  \\d+  -$`),
  );
  const patches = ['verification', 'list', '--sample', 'median-of-even-lists', '--limit', '2', '--json'];
  expect(JSON.parse((await codeset(patches)).stdout)).toMatchObject({
    verifications: [{}, {}],
    totalSize: 4,
  });
  const seen = await codeset(['verification', 'show', verificationId]);
  expect(seen.stdout).toMatch(/^service +\d+\.\d+\.\d+$/m);
  expect(seen.stdout).toMatch(/^PASSED {2}ver_\w+ {2}fail_to_pass 6\/6/m);
  expect((await codeset(['verification', 'show', '--log', verificationId])).stdout).toContain('MedianTest');
  const late = await codeset(['verification', 'cancel', verificationId]);
  expect(late).toMatchObject({ status: 1, stdout: '' });
  expect(late.stderr).toContain('has ended already');
  const removed = await codeset(['verification', 'remove', 'ver_none', verificationId]);
  expect(removed).toMatchObject({ status: 1, stdout: `removed ${verificationId}\n` });
  expect(removed.stderr).toContain('ver_none');
  expect(await codeset(['verification', 'show', verificationId])).toMatchObject({ status: 1, stdout: '' });
  expect((await codeset(['verification', 'list', '--state', 'cancelled'])).stderr).toContain('no such');

  expect((await codeset(['session', 'list', '--label', 'run=1'])).stdout).toContain(id);
  const shown = JSON.parse((await codeset(['session', 'show', id, '--json'])).stdout);
  expect(shown).toMatchObject({
    sessionId: id,
    state: 'SESSION_STATE_READY',
    engineCapabilities: { engine: shown.engine, memory: expect.stringMatching(/^LIMIT_ENFORCEMENT_/) },
  });
  expect(shown.engineCapabilities.rootFiles).toMatch(/^ROOT_FILES_(EXACT|IMAGE)$/);
  expect((await codeset(['session', 'extend', id, '--ttl', '2h'])).stdout).toContain('lives until');
  expect(await codeset(['session', 'close', '--label', 'run=1'])).toMatchObject({ stdout: '1 closed\n' });
  expect((await codeset(['session', 'show', id])).stdout).toContain('CLOSED');
  expect(await codeset(['sample', 'remove', 'median-of-even-lists'])).toMatchObject({ status: 0 });
  expect(await codeset(['sample', 'show', 'median-of-even-lists'])).toMatchObject({ status: 1, stdout: '' });
});

test('a bad sample is told with file, line and field, and does not stop the next', async () => {
  const bad = join(folder.path, 'bad');
  await mkdir(bad);
  await writeFile(join(bad, 'sample.yaml'), 'sample_id: bad\ndataset: d\nlanguag: x\n');
  const run = await codeset(['sample', 'add', bad, join(folder.path, 'none'), SAMPLE, '--no-wait']);
  expect(run.status).toBe(1);
  expect(run.stderr).toMatch(/sample\.yaml:3: languag/);
  expect(run.stderr).toContain('There is no');
  expect(run.stdout).toContain('examples/median-of-even-lists@');
});

test('a command streams both outputs apart and gives its status', async () => {
  const id = await hostSession();
  const run = await codeset(['exec', '-e', 'A=b c', id, '--', 'sh', '-c', 'echo "$A"; echo no >&2; exit 7']);
  expect(run).toMatchObject({ status: 7, stdout: 'b c\n', stderr: 'no\n' });
  const json = await codeset(['exec', '--json', id, '--', 'sh', '-c', 'echo hi; kill -9 $$']);
  expect(json.status).toBe(137);
  const [started, output, exited] = lines(json);
  expect(started?.started?.execId).toMatch(/^exe_/);
  expect(output?.output).toMatchObject({ stream: 'OUTPUT_STREAM_STDOUT', data: 'aGkK' });
  expect(exited?.exited?.result).toMatchObject({ reason: 'EXIT_REASON_SIGNALLED', signal: 'SIGKILL' });
});

test.each([
  [['/nosuch'], 127],
  [['/etc/passwd'], 126],
  [['sleep', '60'], 124],
])('%j with a time-out of half a second gives %i', async (command, status) => {
  const id = await hostSession();
  expect((await codeset(['exec', '--timeout', '500ms', id, '--', ...command])).status).toBe(status);
});

test('a command that the service can not run gives 125, and the status file says why', async () => {
  const file = join(folder.path, 'status.json');
  const run = await codeset(['exec', '--status-file', file, 'ses_none', '--', 'true']);
  expect(run).toMatchObject({ status: 125, stdout: '' });
  expect(JSON.parse(await readFile(file, 'utf8'))).toMatchObject({ error: { reason: 'SESSION_NOT_FOUND' } });
  const id = await hostSession();
  expect((await codeset(['exec', '--status-file', file, id, '--', 'sh', '-c', 'exit 125'])).status).toBe(125);
  expect(JSON.parse(await readFile(file, 'utf8'))).toMatchObject({ exited: { result: { exitCode: 125 } } });
});

test('stdin reaches the command byte by byte, and its end does, too', async () => {
  const id = await hostSession();
  const stdin = randomBytes(3_000_000);
  const run = await codeset(['exec', '-i', id, '--', 'cat'], { stdin });
  expect(run.status).toBe(0);
  expect(run.bytes.equals(stdin)).toBe(true);
  // One that reads nothing ends all the same.
  expect((await codeset(['exec', '-i', id, '--', 'true'], { stdin })).status).toBe(0);
});

test('SIGINT goes to the command, which decides what it means', async () => {
  const id = await hostSession();
  let send: ((name: 'SIGINT' | 'SIGTERM') => void) | undefined;
  const run = await codeset(
    ['exec', id, '--', 'sh', '-c', 'trap "echo got; exit 9" INT; echo ready; while :; do sleep 0.05; done'],
    {
      onStart: (signal) => (send = signal),
      onStdout: (text) => text.includes('ready') && send?.('SIGINT'),
    },
  );
  expect(run).toMatchObject({ status: 9, stdout: 'ready\ngot\n' });
});

test('commands that name one shell share its state, and it is told when that is lost', async () => {
  const id = await hostSession();
  const inShell = (line: string): Promise<CliRun> =>
    codeset(['exec', '--shell', 'main', id, '--', 'eval', line]);
  expect((await inShell('cd /etc && export A=1')).status).toBe(0);
  expect(await inShell('echo $PWD $A')).toMatchObject({ status: 0, stdout: '/etc 1\n', stderr: '' });
  expect(await inShell('exit 3')).toMatchObject({
    status: 3,
    stderr: 'codeset: What the shell remembered is lost; it begins anew.\n',
  });
  expect((await codeset(['exec', '-t', '--shell', 'main', id, '--', 'true'])).status).toBe(2);
});

test('a detached command is taken up by attach, from its first byte', async () => {
  const id = await hostSession();
  const started = await codeset([
    'exec',
    '--detach',
    id,
    '--',
    'sh',
    '-c',
    'echo one; sleep 0.3; echo two; exit 5',
  ]);
  expect(started.status).toBe(0);
  const attached = await codeset(['attach', id, started.stdout.trim()]);
  expect(attached).toMatchObject({ status: 5, stdout: 'one\ntwo\n' });
});

test('files and folders are copied in and out', async () => {
  const id = await hostSession();
  const here = join(folder.path, 'copy');
  await mkdir(join(here, 'in/deep'), { recursive: true });
  await writeFile(join(here, 'in/deep/a b'), 'x');
  expect((await codeset(['cp', join(here, 'in'), `${id}:/workspace/out`])).status).toBe(0);
  expect((await codeset(['cp', join(here, 'in'), `${id}:/workspace`])).status).toBe(0);
  expect((await codeset(['exec', id, '--', 'sh', '-c', 'ls; cat "out/deep/a b"'])).stdout).toBe('in\nout\nx');
  expect((await codeset(['cp', `${id}:out`, join(here, 'back')])).status).toBe(0);
  expect(await readFile(join(here, 'back/deep/a b'), 'utf8')).toBe('x');
  expect((await codeset(['cp', `${id}:out/deep/a b`, here])).status).toBe(0);
  expect(await readFile(join(here, 'a b'), 'utf8')).toBe('x');
  expect((await codeset(['cp', `${id}:/none`, here])).status).toBe(1);
  expect((await readdir(here)).sort()).toEqual(['a b', 'back', 'in']);
});

test('keys are made, listed and revoked beside the running server', async () => {
  const shown = await codeset(['key', 'show']);
  expect(shown.stdout.trim()).toBe(app.adminKey);
  const made = await codeset(['key', 'create', 'nightly', '--role', 'runner', '--json']);
  const { keyId, secret } = JSON.parse(made.stdout) as { keyId: string; secret: string };
  const runner = ['--address', app.app.address, '--api-key', secret];
  expect((await cli([...runner, 'sample', 'list'])).status).toBe(0);
  expect((await codeset(['key', 'list'])).stdout).toMatch(new RegExp(`${keyId} +RUNNER +nightly`));
  expect((await codeset(['key', 'revoke', keyId])).status).toBe(0);
  await expect.poll(async () => (await cli([...runner, 'sample', 'list'])).status).toBe(3);
  expect((await codeset(['key', 'revoke', 'key_none'])).status).toBe(1);
});

test('what is not there is a negative answer, and never a verdict', async () => {
  expect((await codeset(['session', 'show', 'ses_none'])).status).toBe(1);
  expect((await codeset(['verify', 'ses_none'])).status).toBe(3);
});

test('of several sessions one that is not there keeps no other open', async () => {
  const id = await hostSession();
  const run = await codeset(['session', 'close', 'ses_none', id]);
  expect(run).toMatchObject({ status: 1, stdout: `${id}  CLOSED\n` });
  expect(run.stderr).toContain('ses_none');
});

test('who has no key is told where the command line looks for one', async () => {
  const run = await cli(['--address', app.app.address, '--data-dir', folder.path, 'session', 'list']);
  expect(run.status).toBe(3);
  expect(run.stderr).toMatch(/--data-dir.*--api-key/);
});

test('a command goes on over a restart of the server, not a byte lost or twice', async () => {
  await using place = await tempFolder();
  await using own = await startApp({ flags: { listen: `unix:${join(place.path, 'socket')}` } });
  const common = ['--address', own.app.address, '--api-key', own.adminKey];
  const id = (await cli([...common, 'session', 'create', ...onEither])).stdout.trim();
  let restarted: Promise<void> | undefined;
  const script = 'for i in $(seq 1 40); do echo $i; echo e$i >&2; sleep 0.1; done; exit 4';
  const run = await cli([...common, 'exec', id, '--', 'bash', '-c', script], {
    onStdout: (text) => {
      if (text.includes('3')) restarted ??= own.restart();
    },
  });
  await restarted;
  const numbers = Array.from({ length: 40 }, (_, i) => i + 1);
  expect(run.stdout).toBe(numbers.map((n) => `${n}\n`).join(''));
  const notes = /^codeset: .*\n/gm;
  expect(run.stderr.replaceAll(notes, '')).toBe(numbers.map((n) => `e${n}\n`).join(''));
  expect(run.stderr.match(notes)).toEqual([
    'codeset: the connection to the server broke; trying again for 30 s (Ctrl-C twice leaves).\n',
    'codeset: connected again.\n',
  ]);
  expect(run.status).toBe(4);
});
