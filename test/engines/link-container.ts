import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { join } from 'node:path';
import type Docker from 'dockerode';
import tar from 'tar-stream';
import { linkEnvironment } from '../../src/engines/docker/link/attach-link.js';
import { encodeSpawn, type SpawnRequest } from '../../src/exec/spawn-frame.js';
import type { LinkTarget } from '../../src/exec/link-target.js';
import type { SandboxLink } from '../../src/exec/sandbox-link.js';
import { TEST_IMAGE } from '../support/docker.js';

const INIT = join(import.meta.dirname, '../../init/build/codeset-init');

export interface LinkContainer extends AsyncDisposable {
  readonly id: string;
  readonly secret: Buffer;
  readonly container: Docker.Container;
}

/** A container as the engine makes them for a link over attach, but for what hardens it. */
export async function linkContainer(
  api: Docker,
  changes: Docker.ContainerCreateOptions = {},
): Promise<LinkContainer> {
  const secret = randomBytes(32);
  const container = await api.createContainer({
    Image: TEST_IMAGE,
    Entrypoint: ['/codeset-init', '--attach'],
    Env: [linkEnvironment(secret)],
    Labels: { 'codeset.owner': 'test-of-links' },
    OpenStdin: true,
    StdinOnce: false,
    Tty: false,
    NetworkDisabled: true,
    HostConfig: { LogConfig: { Type: 'none', Config: {} } },
    ...changes,
  });
  const remove = async (): Promise<void> =>
    void (await container.remove({ force: true }).catch(() => undefined));
  try {
    const pack = tar.pack();
    pack.entry({ name: 'codeset-init', mode: 0o755 }, await readFile(INIT));
    pack.finalize();
    const pieces: Buffer[] = [];
    for await (const piece of pack) pieces.push(piece as Buffer);
    await container.putArchive(Buffer.concat(pieces), { path: '/' });
    await container.start();
  } catch (error) {
    await remove();
    throw error;
  }
  return { id: container.id, secret, container, [Symbol.asyncDispose]: remove };
}

export function spawnOf(changes: Partial<SpawnRequest> & Pick<SpawnRequest, 'argv'>): Buffer {
  return encodeSpawn({
    execId: 'exe_test',
    env: { PATH: '/usr/bin:/bin' },
    cwd: '/',
    user: 'root',
    stdin: false,
    tty: undefined,
    orShell: false,
    turn: '',
    note: '',
    ...changes,
  });
}

/** Takes the output of one command as the service does: what comes twice is dropped, a hole is an error. */
export class Reader implements LinkTarget {
  readonly ended: Promise<void>;
  bytes = 0;
  repeated = 0;
  readonly #link: () => SandboxLink;
  readonly #key: number;
  readonly #each: (data: Buffer) => void;
  #acked = 0;
  #resolve: () => void = () => undefined;
  #reject: (error: Error) => void = () => undefined;

  /** @param each gets stdout, every byte once */
  constructor(link: () => SandboxLink, key: number, each: (data: Buffer) => void) {
    this.#link = link;
    this.#key = key;
    this.#each = each;
    this.ended = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  output(stream: 0 | 1, offset: number, data: Buffer): void {
    if (stream !== 0) return;
    if (offset > this.bytes) this.#reject(new Error(`a hole: ${offset} where ${this.bytes} was next`));
    const known = this.bytes - offset;
    this.repeated += Math.min(known, data.length);
    if (known >= data.length) return;
    this.#each(data.subarray(known));
    this.bytes = offset + data.length;
    if (this.bytes - this.#acked < 64 * 1024) return;
    this.#acked = this.bytes;
    this.#link().ack(this.#key, 0, this.bytes, false);
  }

  outputEnd(stream: 0 | 1, total: number): void {
    if (stream !== 0) return;
    if (total === this.bytes) this.#resolve();
    else this.#reject(new Error(`${this.bytes} of ${total} bytes came`));
  }

  startFailed(stage: number, errno: number): void {
    this.#reject(new Error(`it did not start: stage ${stage}, errno ${errno}`));
  }

  resumeOffsets(): readonly [number, number] {
    // As the service: what is not recorded yet is asked for again.
    return [this.#acked, 0];
  }

  started(): void {}
  exited(): void {}
  stdinCredit(): void {}
  stdinClosed(): void {}
  resumed(): void {}
}

export interface Proxy extends AsyncDisposable {
  /** `tcp://127.0.0.1:PORT` */
  readonly host: string;
  /** Connections that carry more than so many bytes from the daemon are cut; Infinity: none. */
  cutAfter: number;
  cuts: number;
  /** Nobody can connect any more, and who is connected is cut off. */
  stop(): Promise<void>;
}

/** A daemon as a far one: by TCP, over connections that may break at any byte. */
export async function cuttingProxy(dockerHost: string): Promise<Proxy> {
  const open = new Set<Socket>();
  const target = dockerHost.startsWith('unix://')
    ? { path: dockerHost.slice('unix://'.length) }
    : { host: new URL(dockerHost).hostname, port: Number(new URL(dockerHost).port) };
  const server = createServer((client) => {
    const daemon = connect(target);
    let carried = 0;
    const cut = (): void => {
      client.destroy();
      daemon.destroy();
    };
    for (const socket of [client, daemon]) {
      open.add(socket);
      socket.on('error', cut);
      socket.on('close', () => open.delete(socket));
    }
    client.pipe(daemon);
    daemon.on('data', (chunk: Buffer) => {
      carried += chunk.length;
      if (carried > proxy.cutAfter) {
        proxy.cuts++;
        client.end(chunk.subarray(0, Math.floor(chunk.length / 2)), cut);
        return;
      }
      if (!client.write(chunk)) daemon.pause();
    });
    client.on('drain', () => daemon.resume());
    daemon.on('end', () => client.end());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const proxy: Proxy = {
    host: `tcp://127.0.0.1:${(server.address() as AddressInfo).port}`,
    cutAfter: Infinity,
    cuts: 0,
    stop: async () => {
      if (!server.listening) return;
      const closed = once(server, 'close');
      server.close();
      for (const socket of open) socket.destroy();
      await closed;
    },
    [Symbol.asyncDispose]: () => proxy.stop(),
  };
  return proxy;
}
