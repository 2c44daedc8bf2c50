import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, connect, type Server, type Socket } from 'node:net';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { CodesetError } from '../../../src/core/errors.js';
import { encodeHeader, PROTOCOL_MAGIC, PROTOCOL_VERSION, Receive, Send } from '../../../src/exec/frames.js';
import { SandboxLink } from '../../../src/exec/sandbox-link.js';
import { InitProcess, read, run, sh } from './init-process.js';

let folder: string;
let server: Server | undefined;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'codeset-link-'));
});

afterEach(async () => {
  server?.close();
  server = undefined;
  await rm(folder, { recursive: true, force: true });
});

/** Something that answers where an init should. */
async function listen(onConnection: (socket: Socket) => void): Promise<string> {
  const path = join(folder, 'link');
  server = createServer(onConnection).listen(path);
  await once(server, 'listening');
  return path;
}

async function dial(path: string): Promise<Socket> {
  const socket = connect(path);
  await once(socket, 'connect');
  return socket;
}

function hello(version = PROTOCOL_VERSION, bootId = Buffer.alloc(16, 1)): Buffer {
  const payload = Buffer.concat([Buffer.from(PROTOCOL_MAGIC), bootId]);
  return Buffer.concat([
    encodeHeader(Receive.HELLO, payload.length, 0, 0, version),
    payload,
    encodeHeader(Receive.STATE_END, 0),
  ]);
}

test('an init of another version ends the link with a sentence', async () => {
  const path = await listen((socket) => socket.write(hello(99)));
  let lost = '';
  const link = new SandboxLink({
    dial: () => dial(path),
    onUnknown: () => undefined,
    onLost: (message) => (lost = message),
  });
  await expect(link.open()).rejects.toMatchObject({ reason: 'SESSION_LOST' });
  expect(lost).toContain('version 99');
});

test('an init that was started anew is another sandbox: lost', async () => {
  let life = 0;
  const path = await listen((socket) => {
    socket.on('error', () => undefined);
    socket.write(hello(PROTOCOL_VERSION, Buffer.alloc(16, ++life)));
    // A life that was over before it was heard is none that the link knows.
    if (life < 20) setTimeout(() => socket.destroy(), 20);
  });
  const lost = new Promise<string>((resolve) => {
    const link = new SandboxLink({ dial: () => dial(path), onUnknown: () => undefined, onLost: resolve });
    void link.open();
  });
  expect(await lost).toContain('anew');
});

test('garbage from the other side breaks that connection only', async () => {
  let connections = 0;
  const path = await listen((socket) => {
    socket.on('error', () => undefined);
    if (++connections <= 3) socket.write(Buffer.concat([randomBytes(4096), Buffer.alloc(64, 0xff)]));
    else socket.write(hello());
  });
  const link = new SandboxLink({
    dial: () => dial(path),
    onUnknown: () => undefined,
    onLost: () => undefined,
  });
  await link.open();
  expect(connections).toBe(4);
  link.close();
});

test('a link on which an answer is waited for and nothing is heard is opened again', async () => {
  let connections = 0;
  const path = await listen((socket) => {
    socket.on('error', () => undefined);
    connections++;
    socket.write(hello());
    // The first says hello and falls silent, without closing anything.
    socket.on('data', (chunk: Buffer) => {
      if (connections > 1 && chunk[4] === Send.PING) socket.write(encodeHeader(Receive.PONG, 0));
    });
  });
  const link = new SandboxLink({
    dial: () => dial(path),
    onUnknown: () => undefined,
    onLost: () => undefined,
    heartbeatMs: 30,
  });
  await link.open();
  const answer = link.killAll(9).catch((error: unknown) => error);
  await expect.poll(() => connections).toBe(2);
  link.close();
  expect(await answer).toMatchObject({ reason: 'SESSION_LOST' });
});

test('a sandbox in which nothing runs is not woken', async () => {
  const pings: number[] = [];
  const path = await listen((socket) => {
    const index = pings.push(0) - 1;
    // An answer may come to a link that was let go of meanwhile.
    socket.on('error', () => undefined);
    socket.write(hello());
    socket.on('data', (chunk: Buffer) => {
      if (chunk[4] !== Send.PING) return;
      pings[index] = (pings[index] ?? 0) + 1;
      socket.write(encodeHeader(Receive.PONG, 0));
    });
  });
  const options = {
    dial: () => dial(path),
    onUnknown: () => undefined,
    onLost: () => undefined,
    heartbeatMs: 20,
  };
  const idle = new SandboxLink(options);
  await idle.open();
  // The heartbeats of another one, on which an answer is waited for, tell the time.
  const busy = new SandboxLink(options);
  await busy.open();
  const answer = busy.killAll(9).catch(() => undefined);
  // On more than one connection, where the machine is too busy to answer in time.
  const others = () => pings.slice(1).reduce((sum, count) => sum + count, 0);
  await expect.poll(others).toBeGreaterThanOrEqual(3);
  expect(pings[0]).toBe(0);
  busy.close();
  await answer;
  idle.close();
});

test('a dialer that says the sandbox is gone ends it', async () => {
  const link = new SandboxLink({
    dial: () => Promise.reject(new CodesetError('failed-precondition', 'SESSION_LOST', 'gone')),
    onUnknown: () => undefined,
    onLost: () => undefined,
  });
  await expect(link.open()).rejects.toMatchObject({ reason: 'SESSION_LOST', message: 'gone' });
  await expect(link.killAll(9)).rejects.toMatchObject({ reason: 'SESSION_LOST' });
});

test('hostile frames harm neither init nor its commands', async () => {
  await using init = await InitProcess.start();
  const execs = await init.open();
  const spec = sh('for i in 1 2 3 4 5 6; do echo $i; sleep 0.1; done');
  await execs.start(spec);
  for (let i = 0; i < 20; i++) {
    const socket = await init.dial();
    socket.on('error', () => undefined);
    socket.resume();
    const frames = Array.from({ length: 20 }, () => {
      const payload = randomBytes(Math.floor(Math.random() * 200));
      // Types that would really signal or acknowledge are left out: a link is trusted, only nonsense is not.
      const type = [Send.SPAWN, Send.STDIN, Send.RESUME, Send.PING, 0x03, 0x40, 0xff][i % 7] ?? 0xff;
      return Buffer.concat([encodeHeader(type, payload.length, 77 + i, i, i, i * 1000), payload]);
    });
    socket.write(Buffer.concat(frames));
    socket.write(encodeHeader(Send.STDIN, 0xffff_fff0 >>> 0));
    // Not events.once, for which a reset connection would be a failure.
    await new Promise((resolve) => socket.once('close', resolve));
  }
  const seen = await read(execs, spec.execId);
  expect(seen.stdout.toString()).toBe('1\n2\n3\n4\n5\n6\n');
  expect((await run(execs, sh('echo fine'))).stdout.toString()).toBe('fine\n');
  await execs.end();
});

test('freezing stops every command and thawing lets them go on', async () => {
  await using init = await InitProcess.start();
  const execs = await init.open();
  const spec = sh('while :; do echo tick; sleep 0.01; done');
  await execs.start(spec);
  await expect.poll(() => execs.get(spec.execId).stdoutBytes).toBeGreaterThan(20);
  await execs.detach();
  const link = new SandboxLink({ dial: init.dial, onUnknown: () => undefined, onLost: () => undefined });
  await link.open();
  expect(await link.freeze()).toBe(0);
  link.close();
  const again = await init.open();
  const bytes = async (): Promise<number> => {
    await again.spawn({ argv: ['true'], env: {}, cwd: '/', user: '', stdin: false, timeoutMs: 0 });
    return again.get(spec.execId).stdoutBytes;
  };
  // Whatever was in the pipe has come once a command of ours has run to its end.
  const probe = async (): Promise<void> => {
    const process = await again.spawn({
      argv: ['sleep', '0.15'],
      env: {},
      cwd: '/',
      user: '',
      stdin: false,
      timeoutMs: 0,
    });
    await process.exit;
  };
  await probe();
  const frozen = await bytes();
  await probe();
  expect(await bytes()).toBe(frozen);
  await again.detach();
  const thawing = new SandboxLink({ dial: init.dial, onUnknown: () => undefined, onLost: () => undefined });
  await thawing.open();
  expect(await thawing.thaw()).toBe(0);
  thawing.close();
  const last = await init.open();
  await expect.poll(() => last.get(spec.execId).stdoutBytes).toBeGreaterThan(frozen);
  await last.end();
});
