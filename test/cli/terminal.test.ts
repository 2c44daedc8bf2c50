import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmod, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { CodesetClient, type Session } from '../../src/client/index.js';
import { compiledScript, type CompiledScript } from '../support/compiled-script.js';
import { dockerHere, engineArgs, environmentHere } from '../support/engine-here.js';
import { forget } from '../support/engine-parts.js';
import { tempFolder, type TempFolder } from '../support/temp-folder.js';
import { DOCKER_START_MS, ownerOf, removeBelongings, removePulled, sharedDocker } from '../support/docker.js';
import { TestRegistry } from '../support/registry.js';
import { addSample, register } from '../support/service.js';
import { startApp } from '../support/running-app.js';
import { Pty } from './pty.js';

let program: CompiledScript;
let folder: TempFolder;
let server: ChildProcess | undefined;
let client: CodesetClient;
let session: Session;

const dataDir = (): string => join(folder.path, 'data');
const address = (): string => `unix:${join(folder.path, 'socket')}`;
const env = (): Record<string, string | undefined> => ({
  PATH: process.env['PATH'],
  HOME: folder.path,
  TERM: 'xterm',
  CODESET_ADDRESS: address(),
  CODESET_DATA_DIR: dataDir(),
});

/** The server as people start it, in a process that can be killed. */
async function serve(): Promise<void> {
  // Not a Docker of this machine's owner.
  const engine = await engineArgs();
  const args = ['serve', '--listen', address(), '--run-dir', join(folder.path, 'run'), ...engine];
  server = spawn(process.execPath, [program.path, ...args], {
    env: env(),
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const lines = createInterface({ input: server.stdout as NonNullable<ChildProcess['stdout']> });
  const [first] = (await Promise.race([once(lines, 'line'), once(server, 'exit')])) as [string | number];
  expect(String(first)).toContain('codeset is ready');
}

async function kill(): Promise<void> {
  if (server === undefined) return;
  const gone = once(server, 'exit');
  server.kill('SIGKILL');
  await gone;
  server = undefined;
}

/** A command line in a terminal of its own. */
const terminal = (...args: string[]): Pty => new Pty([process.execPath, program.path, ...args], env());

beforeAll(async () => {
  program = await compiledScript('src/cli/main.ts');
  folder = await tempFolder();
  await chmod(folder.path, 0o711);
  await serve();
  const apiKey = (await readFile(join(dataDir(), 'admin.key'), 'utf8')).trim();
  client = await CodesetClient.connect({ address: address(), apiKey });
  session = await client.createSession({ environment: environmentHere() });
}, DOCKER_START_MS);

afterAll(async () => {
  await client?.closeSessions({ all: true });
  client?.close();
  await kill();
  await forget(dataDir());
  await folder?.[Symbol.asyncDispose]();
  await program?.[Symbol.asyncDispose]();
});

test('a shell is a terminal inside a terminal: keys, sizes, Ctrl-C, its status', async () => {
  await using pty = terminal('shell', session.id);
  const before = await pty.modes();
  // `#` where all users of a sandbox have one id: root's.
  await pty.shows(/agent@sandbox:\/workspace[$#] /);
  expect(await pty.modes()).not.toBe(before);
  pty.type('stty size; echo $TERM; tty\n');
  await pty.shows(/24 80\r\nxterm\r\n\/dev\/pts\/\d+\r\n/);
  pty.resize(41, 101);
  pty.type('until [ "$(stty size)" = "41 101" ]; do :; done; echo re"sized"\n');
  await pty.shows(/resized\r\n/);
  pty.type('echo sleep"s"; sleep 1000\n');
  await pty.shows(/sleeps\r\n/);
  pty.type('\u0003');
  pty.type('echo ended with" $?"\n');
  await pty.shows(/ended with 130\r\n/);
  pty.type('(exit 42)\n\u0004');
  const end = await pty.end();
  expect(end).toMatchObject({ exit: 42 });
  expect(end.after).toBe(end.before);
});

test('a shell is left by Enter ~. as by ssh, and a tilde elsewhere is a tilde', async () => {
  await using pty = terminal('shell', session.id);
  await pty.shows(/\$ $/);
  pty.type('sleep 304 & echo ~~ a~.b\r');
  await pty.shows(/\n~~ a~\.b\r\n/);
  pty.type('~');
  pty.type('?');
  await pty.shows(/~\. leaves, ~~ types a tilde/);
  pty.type('\r~~\r');
  await pty.shows(/Is a directory/);
  pty.type('~.echo never\r');
  await pty.shows(/codeset: left\./);
  const { exit, before, after } = await pty.end();
  expect([exit, after]).toEqual([129, before]);
  await expect
    .poll(async () => (await session.run('pgrep -fx "sleep 304" | wc -l')).stdout.trim(), { timeout: 20_000 })
    .toBe('0');
});

test('a shell that is fed by a pipe has no terminal, and ends with the status of the last command', async () => {
  const child = spawn(process.execPath, [program.path, 'shell', '-u', 'root', session.id], { env: env() });
  child.stdin.end('id -u; tty; exit 9\n');
  const out: Buffer[] = [];
  child.stdout.on('data', (data: Buffer) => out.push(data));
  const [code] = (await once(child, 'close')) as [number];
  expect(Buffer.concat(out).toString()).toBe('0\nnot a tty\n');
  expect(code).toBe(9);
});

test('exec -it gives the terminal to the command, byte for byte', async () => {
  await using pty = terminal(
    'exec',
    '-it',
    session.id,
    '--',
    'sh',
    '-c',
    'stty raw -echo; echo ready; head -c 6 | od -An -c',
  );
  await pty.shows(/ready\n/);
  pty.type('\u0003\u001a\u0004\u001c\r\n');
  // The command's own line feed arrives as it was written.
  await pty.shows(/003 {1,3}032 004 034 {2}\\r {2}\\n\n/);
  const end = await pty.end();
  expect(end).toMatchObject({ exit: 0, after: end.before });
});

test('exec -t alone gives it a terminal of its own, and signals go on', async () => {
  await using pty = terminal(
    'exec',
    '-t',
    session.id,
    '--',
    'sh',
    '-c',
    'trap "echo int; exit 3" INT; tty; stty size; while :; do sleep 0.05; done',
  );
  // What this terminal makes of a line feed comes on top of what the command's own made of it.
  await pty.shows(/\/dev\/pts\/\d+\r+\n24 80\r+\n/);
  // No raw mode: the terminal makes a signal of the key.
  pty.type('\u0003');
  await pty.shows(/int/);
  expect(await pty.end()).toMatchObject({ exit: 3 });
});

test.each([
  ['SIGTERM', 143],
  ['SIGHUP', 129],
  ['SIGINT', 130],
] as const)('%s is the command’s, and whatever it does the terminal is as before', async (signal, status) => {
  await using pty = terminal(
    'exec',
    '-it',
    session.id,
    '--',
    'sh',
    '-c',
    'echo up; while :; do sleep 0.05; done',
  );
  await pty.shows(/up\r\n/);
  pty.kill(signal);
  const end = await pty.end();
  expect(end.after).toBe(end.before);
  expect([status, status - 128 - 256]).toContain(end.exit);
});

test('an exception that nobody catches leaves the terminal as before', async () => {
  const hook = 'data:text/javascript,process.on("SIGUSR2", () => { throw new Error("a defect"); })';
  const line = 'echo up; while :; do sleep 0.05; done';
  const args = ['--import', hook, program.path, 'exec', '-it', session.id, '--', 'sh', '-c', line];
  await using pty = new Pty([process.execPath, ...args], env());
  await pty.shows(/up\r\n/);
  pty.kill('SIGUSR2');
  await pty.shows(/a defect/);
  const end = await pty.end();
  expect(end.exit).not.toBe(0);
  expect(end.after).toBe(end.before);
});

test('a third signal leaves a command that does not listen', async () => {
  await using pty = terminal(
    'exec',
    '-it',
    session.id,
    '--',
    'sh',
    '-c',
    'trap "echo one" TERM; trap "" INT; echo up; while :; do sleep 0.05; done',
  );
  await pty.shows(/up\r\n/);
  pty.kill('SIGTERM');
  await pty.shows(/one\r\n/);
  pty.kill('SIGTERM');
  await pty.shows(/one\r\n/);
  pty.kill('SIGTERM');
  const end = await pty.end();
  expect([137, 143]).toContain(end.exit);
  expect(end.after).toBe(end.before);
});

test('one that was stopped goes on in raw mode, with the size of now', async () => {
  await using pty = terminal(
    'exec',
    '-it',
    session.id,
    '--',
    'sh',
    '-c',
    'echo up; read x; until [ "$(stty size)" = "30 90" ]; do sleep 0.05; done; echo resized; read y',
  );
  await pty.shows(/up\r\n/);
  const raw = await pty.modes();
  pty.kill('SIGSTOP');
  pty.resize(30, 90);
  pty.kill('SIGCONT');
  pty.type('\n');
  await pty.shows(/resized\r\n/);
  expect(await pty.modes()).toBe(raw);
  pty.type('\n');
  expect(await pty.end()).toMatchObject({ exit: 0 });
});

test.skipIf(!dockerHere())(
  'a prefetch shows how far it is, and Ctrl-C ends it',
  { timeout: DOCKER_START_MS },
  async () => {
    const docker = await sharedDocker();
    await using registry = await TestRegistry.start();
    const name = `${registry.host}/app`;
    await registry.put('app', '1', { layers: [{ file: randomBytes(3_000_000).toString('hex') }] });
    const app = await startApp({
      flags: { engine: 'docker', dockerHost: docker.host, dockerConfig: 'none' },
    });
    const owner = ownerOf(app.dataDir);
    try {
      await register(app.client(), addSample([], '', `{image: "${name}:1"}`));
      await removePulled(docker.api, name);
      registry.hold();
      const before = registry.blobsAsked;
      const at = ['--address', app.app.address, '--data-dir', app.dataDir];
      await using pty = terminal('sample', 'prefetch', 'add', ...at);
      await pty.shows(/add@1 .*image: Pulling/);
      await expect.poll(() => registry.blobsAsked).toBeGreaterThan(before);
      pty.type('\u0003');
      expect((await pty.end()).exit).toBe(-2);
    } finally {
      await app[Symbol.asyncDispose]();
      await removeBelongings(docker.api, owner);
    }
  },
);

test('a terminal goes on over a kill of the server, and says so', { timeout: 180_000 }, async () => {
  await using pty = terminal(
    'exec',
    '-it',
    session.id,
    '--',
    'sh',
    '-c',
    'echo up; read x; echo "got $x"; exit 5',
  );
  await pty.shows(/up\r\n/);
  await kill();
  await pty.shows(/codeset: the connection to the server broke; trying again for 30 s \(Ctrl-C leaves\)/);
  // What is typed meanwhile is not lost.
  pty.type('typed\r');
  await serve();
  await pty.shows(/connected again/);
  await pty.shows(/got typed\r\n/);
  const end = await pty.end();
  expect(end).toMatchObject({ exit: 5, after: end.before });
});

test('a server that does not come back is 125, and Ctrl-C leaves before', { timeout: 180_000 }, async () => {
  const line = 'echo up; exec sleep 1000';
  await using waits = terminal('exec', '-it', '--reconnect', '2s', session.id, '--', 'sh', '-c', line);
  await using leaves = terminal('exec', '-it', session.id, '--', 'sh', '-c', line);
  await waits.shows(/up\r\n/);
  await leaves.shows(/up\r\n/);
  await kill();
  try {
    await leaves.shows(/Ctrl-C leaves/);
    leaves.type('\u0003');
    const left = await leaves.end();
    expect(left).toMatchObject({ exit: 130, after: left.before });
    await waits.shows(/was not back in time\. The command may run on: `codeset attach \S+ \S+` takes it up/);
    const end = await waits.end();
    expect(end).toMatchObject({ exit: 125, after: end.before });
  } finally {
    await serve();
  }
});

test('attach -i takes up a terminal', { timeout: 120_000 }, async () => {
  const line =
    'echo up; until [ "$(stty size)" = "33 99" ]; do sleep 0.05; done; echo resized; read x; echo "got $x"';
  await using child = await session.spawn(line, { tty: true, detach: true });
  await using pty = terminal('attach', '-i', session.id, child.execId);
  await pty.shows(/up\r\n/);
  pty.resize(33, 99);
  await pty.shows(/resized\r\n/);
  pty.type('there\r');
  await pty.shows(/got there\r\n/);
  const end = await pty.end();
  expect(end).toMatchObject({ exit: 0, after: end.before });
});

test('-it without a terminal is wrong usage', async () => {
  const run = promisify(execFile)(process.execPath, [program.path, 'exec', '-it', session.id, '--', 'true'], {
    env: env(),
  });
  await expect(run).rejects.toMatchObject({
    code: 2,
    stderr: expect.stringContaining('stdin is no terminal') as unknown,
  });
});
