import { createHash, randomBytes } from 'node:crypto';
import { chmod, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { CodesetClient, ConnectionError, DisconnectedError, type Session } from '../../src/client/index.js';
import { startChild, type Child } from '../support/child.js';
import { compiledScript, type CompiledScript } from '../support/compiled-script.js';
import { DOCKER_START_MS } from '../support/docker.js';
import { extent } from '../support/extent.js';
import { engineFlags, environmentHere } from '../support/engine-here.js';
import { forget } from '../support/engine-parts.js';
import { tempFolder, type TempFolder } from '../support/temp-folder.js';

let script: CompiledScript;
let folder: TempFolder;
let server: Server;
let client: CodesetClient;
let session: Session;

/** A service in a process of its own that is killed and comes back at the same socket, on the same data. */
class Server {
  #child: Child | undefined;

  get address(): string {
    return `unix:${join(folder.path, 'socket')}`;
  }

  async start(): Promise<void> {
    const { path } = folder;
    const flags = { ...(await engineFlags()), listen: this.address };
    this.#child = startChild(script.path, [join(path, 'data'), join(path, 'run'), JSON.stringify(flags)]);
    const first = await this.#child.lines.next();
    if (first.done === true) throw new Error('The service did not start.');
  }

  async kill(): Promise<void> {
    await this.#child?.kill();
    this.#child = undefined;
  }

  async again(): Promise<void> {
    await this.kill();
    await this.start();
  }
}

async function connect(reconnectTimeoutMs?: number): Promise<CodesetClient> {
  const apiKey = (await readFile(join(folder.path, 'data/admin.key'), 'utf8')).trim();
  return CodesetClient.connect({ address: server.address, apiKey, reconnectTimeoutMs });
}

beforeAll(async () => {
  script = await compiledScript('test/e2e/children/serve.ts');
  folder = await tempFolder();
  await chmod(folder.path, 0o711);
  server = new Server();
  await server.start();
  client = await connect();
  session = await client.createSession({ environment: environmentHere() });
}, DOCKER_START_MS);

afterAll(async () => {
  await client?.closeSessions({ all: true });
  client?.close();
  await server?.kill();
  await forget(join(folder.path, 'data'));
  await folder?.[Symbol.asyncDispose]();
  await script?.[Symbol.asyncDispose]();
});

const digest = (data: Uint8Array): string => createHash('sha256').update(data).digest('hex');

test('output goes on over kills of the service, byte for byte', { timeout: 600_000 }, async () => {
  const lines = 400_000;
  const whole = Buffer.from(Array.from({ length: lines }, (_, i) => `${i + 1}\n`).join(''));
  await using child = await session.spawn(['seq', String(lines)]);
  const parts: Buffer[] = [];
  let bytes = 0;
  const kills = extent(2, 10);
  let killed = 0;
  for await (const event of child.output) {
    if (event.type === 'gap') throw new Error('Bytes are missing.');
    expect(event.offset).toBe(bytes);
    parts.push(event.data);
    bytes += event.data.length;
    if (killed < kills && bytes > ((killed + 1) * whole.length) / (kills + 2)) {
      killed++;
      await server.again();
    }
  }
  expect(killed).toBe(kills);
  expect(digest(Buffer.concat(parts))).toBe(digest(whole));
  expect(await child.exited).toMatchObject({ exitCode: 0, reason: 'EXITED' });
});

test('input goes on over kills of the service, byte for byte', { timeout: 600_000 }, async () => {
  const whole = randomBytes(extent(12_000_000, 60_000_000));
  // It reads slowly, so that input waits at every place on the way when the service is killed.
  const program =
    'import hashlib, os, sys, time\nh = hashlib.sha256()\nn = 0\nwhile b := os.read(0, 65536):\n  h.update(b)\n  n += len(b)\n  time.sleep(0.002)\nprint(n, h.hexdigest())';
  await using child = await session.spawn(['python3', '-c', program], { stdin: true });
  const kills = extent(2, 8);
  for (let part = 0; part <= kills; part++) {
    const from = Math.floor((whole.length * part) / (kills + 1));
    const to = Math.floor((whole.length * (part + 1)) / (kills + 1));
    const piece = whole.subarray(from, to);
    const sent = new Promise<void>((resolve, reject) => {
      child.stdin.write(piece, (error) => (error == null ? resolve() : reject(error)));
    });
    if (part < kills) await server.again();
    await sent;
  }
  child.stdin.end();
  const out: string[] = [];
  for await (const chunk of child.stdout) out.push(String(chunk));
  expect(out.join('')).toBe(`${whole.length} ${digest(whole)}\n`);
  expect(await child.exited).toMatchObject({ exitCode: 0 });
});

test(
  'the end of the input arrives once, also when the service is killed right after',
  { timeout: 300_000 },
  async () => {
    for (let round = 0; round < extent(2, 10); round++) {
      const child = await session.spawn('wc -c; sleep 0.5; echo end', { stdin: true });
      child.stdin.end('12345');
      if (round % 2 === 0) await new Promise((resolve) => child.stdin.once('finish', resolve));
      await server.again();
      const out: string[] = [];
      for await (const chunk of child.stdout) out.push(String(chunk));
      expect(out.join('')).toBe('5\nend\n');
      expect(await child.exited).toMatchObject({ exitCode: 0 });
    }
  },
);

test(
  'a run, a wait and a list go on over a restart, and a run happens once',
  { timeout: 300_000 },
  async () => {
    await session.run('rm -f count');
    const run = session.run('echo x >> count; sleep 1; wc -l < count');
    const waits = client.stubs.sessions.waitExec;
    await using slow = await session.spawn('sleep 1; exit 4');
    const waited = waits({ sessionId: session.id, execId: slow.execId });
    await server.kill();
    const info = session.info();
    await server.start();
    expect(await run).toMatchObject({ stdout: '1\n', exitCode: 0 });
    expect((await waited).exec?.result?.status).toEqual({ $case: 'exitCode', value: 4 });
    expect(await info).toMatchObject({ state: 'READY' });
  },
);

test(
  'a signal that is sent while the service is away is delivered when it is back',
  { timeout: 300_000 },
  async () => {
    await using child = await session.spawn(
      'trap "echo got; exit 7" USR1; echo up; while :; do sleep 0.05; done',
    );
    const iterator = child.stdout[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
    expect(String((await iterator.next()).value)).toBe('up\n');
    await server.kill();
    // The stream has to have broken first: a signal right after a kill is a call that fails.
    await expect
      .poll(async () =>
        session.info({ timeoutMs: 20 }).then(
          () => 'there',
          (e: Error) => e.name,
        ),
      )
      .toMatch(/Error/);
    const sent = child.kill('SIGUSR1');
    await server.start();
    await sent;
    expect(String((await iterator.next()).value)).toBe('got\n');
    expect(await child.exited).toMatchObject({ exitCode: 7 });
  },
);

test('after reconnectTimeoutMs it gives up and says where to go on', { timeout: 300_000 }, async () => {
  await using impatient = await connect(500);
  const child = await impatient
    .session(session.id)
    .spawn('echo 12345; sleep 3; echo 67890', { detach: true });
  const iterator = child.stdout[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  expect(String((await iterator.next()).value)).toBe('12345\n');
  await server.kill();
  const error = await child.exited.then(
    () => undefined,
    (e: unknown) => e,
  );
  expect(error).toBeInstanceOf(DisconnectedError);
  expect(error).toBeInstanceOf(ConnectionError);
  expect(error).toMatchObject({
    sessionId: session.id,
    execId: child.execId,
    stdoutOffset: 6,
    stderrOffset: 0,
  });
  await expect(iterator.next()).rejects.toBe(error);
  await expect(impatient.session(session.id).info()).rejects.toBeInstanceOf(ConnectionError);
  // What is not harmless when it is done twice is not sent again.
  await expect(session.remove('count')).rejects.toBeInstanceOf(ConnectionError);
  await server.start();
  await using rest = await session.attach(child.execId, { stdoutOffset: 6 });
  const out: string[] = [];
  for await (const chunk of rest.stdout) out.push(String(chunk));
  expect(out.join('')).toBe('67890\n');
});
