import { createHash, randomBytes } from 'node:crypto';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DockerClient } from '../../src/engines/docker/docker-client.js';
import { openAttachLink } from '../../src/engines/docker/link/attach-link.js';
import { AttachStream } from '../../src/engines/docker/link/attach-stream.js';
import { openingMark, packetHeader } from '../../src/engines/docker/link/packets.js';
import { encodeHeader, FrameParser, Receive, Send } from '../../src/exec/frames.js';
import { SandboxLink } from '../../src/exec/sandbox-link.js';
import { DOCKER_START_MS, sharedDocker } from '../support/docker.js';
import { failure } from './contract/failure.js';
import { InitClient } from './init-client.js';
import { cuttingProxy, linkContainer, Reader, spawnOf, type LinkContainer } from './link-container.js';

const MIB = 1024 ** 2;

/** What `seq 1 LINES` writes. */
function digestOfSeq(lines: number): string {
  const hash = createHash('sha256');
  for (let from = 1; from <= lines; from += 10_000) {
    const upto = Math.min(lines, from + 9_999);
    hash.update(Array.from({ length: upto - from + 1 }, (_unused, i) => `${from + i}\n`).join(''));
  }
  return hash.digest('hex');
}

describe('the link over attach', () => {
  let client: DockerClient;
  let host: string;
  let box: LinkContainer;

  beforeAll(async () => {
    await promisify(execFile)('sh', [join(import.meta.dirname, '../../init/build.sh')]);
    ({ host } = await sharedDocker());
    client = await DockerClient.open(host);
    box = await linkContainer(client.api);
  }, DOCKER_START_MS);
  afterAll(() => box[Symbol.asyncDispose]());

  const dial = (received?: (chunk: Buffer) => void, through = client): Promise<Duplex> =>
    openAttachLink(through, box.id, box.secret, received);

  const run = async (script: string, through = client): ReturnType<InitClient['run']> => {
    const init = new InitClient(await dial(undefined, through));
    try {
      return await init.run(script, { user: 'root' });
    } finally {
      await init[Symbol.asyncDispose]();
    }
  };

  /** Runs `seq` behind a link that `redial` may break whenever something came. */
  const flood = async (
    lines: number,
    open: (received: (chunk: Buffer) => void) => Promise<Duplex>,
  ): Promise<{ digest: string; reader: Reader }> => {
    const key = randomBytes(4).readUInt32LE() >>> 1;
    const hash = createHash('sha256');
    const lost: string[] = [];
    const link = new SandboxLink({
      dial: open,
      onUnknown: () => undefined,
      onLost: (why) => void lost.push(why),
    });
    const reader = new Reader(
      () => link,
      key,
      (data) => void hash.update(data),
    );
    await link.open();
    link.register(key, reader);
    const payload = spawnOf({ argv: ['seq', '1', String(lines)] });
    link.spawn(key, payload);
    // As the service does it: a SPAWN that a broken link swallowed is sent again.
    reader.resumed = (known?: unknown): void => {
      if (known === undefined && reader.bytes === 0) link.spawn(key, payload);
    };
    await reader.ended;
    link.close();
    expect(lost).toEqual([]);
    return { digest: hash.digest('hex'), reader };
  };

  test('commands run, and neither they nor the memory of PID 1 know the secret', async () => {
    const { stdout, stderr, code } = await run(
      'echo out; echo err >&2; env; tr "\\0" "\\n" </proc/1/environ; exit 3',
    );
    expect(code).toBe(3);
    expect(stdout).toMatch(/^out\n/);
    expect(stderr).toBe('err\n');
    expect(stdout).not.toContain(box.secret.toString('hex').slice(0, 16));
  });

  test('a reader that takes its time keeps the command waiting, not the bytes in memory', async () => {
    const stream = await dial();
    const key = 77;
    let bytes = 0;
    let exact = true;
    const parser = new FrameParser((type, channel, of, _arg, offset, payload) => {
      if (type !== (Receive.OUTPUT as number) || of !== key || channel !== 1) return;
      exact &&= offset === bytes && payload.every((byte) => byte === 0x79 || byte === 0x0a);
      bytes += payload.length;
      stream.write(encodeHeader(Send.ACK, 0, key, 1, 0, bytes));
    });
    const payload = spawnOf({ argv: ['yes'] });
    // The largest window: were nothing held back, it would all be here.
    payload.writeUInt32LE(64 * MIB, 8);
    stream.write(Buffer.concat([encodeHeader(Send.SPAWN, payload.length, key), payload]));
    let most = 0;
    const before = process.memoryUsage().rss;
    let grown = 0;
    for await (const chunk of stream) {
      parser.push(chunk as Buffer);
      for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
      most = Math.max(most, stream.readableLength);
      grown = Math.max(grown, process.memoryUsage().rss - before);
      if (bytes > 48 * MIB) break;
    }
    expect(exact).toBe(true);
    expect(most).toBeLessThan(2 * MIB);
    expect(grown).toBeLessThan(160 * MIB);
    await run('pkill -KILL -x yes');
  });

  test('200 new connections in the middle of a flood lose and double nothing', async () => {
    const lines = 6_000_000;
    let dialled = 0;
    const { digest, reader } = await flood(lines, async (received) => {
      const limit = dialled++ < 200 ? 20_000 + ((dialled * 7919) % 90_000) : Infinity;
      let had = 0;
      const stream = await dial((chunk) => {
        if (had > limit) return;
        had += chunk.length;
        received(chunk);
        if (had > limit) stream.destroy();
      });
      return stream;
    });
    expect(dialled).toBeGreaterThan(200);
    expect(digest).toBe(digestOfSeq(lines));
    expect(reader.repeated).toBeGreaterThan(0);
  }, 300_000);

  test('of two connections the newer one works and the older one ends', async () => {
    const first = await dial();
    first.resume();
    const ended = new Promise((resolve) => first.once('close', resolve));
    const second = new InitClient(await dial());
    await ended;
    expect((await second.run('echo second', { user: 'root' })).stdout).toBe('second\n');
    await second[Symbol.asyncDispose]();
    // Both at once: whichever init saw last works, and after it the link is as good as new.
    await Promise.allSettled(Array.from({ length: 6 }, async () => (await dial()).destroy()));
    expect((await run('echo still here')).stdout).toBe('still here\n');
  });

  test('late bytes of an older connection end the newer one, and the next is good', async () => {
    const raw = (): Promise<Duplex> =>
      client.api
        .getContainer(box.id)
        .attach({ stream: true, stdin: true, stdout: true, hijack: true }) as Promise<Duplex>;
    const old = await raw();
    old.resume();
    const nonce = randomBytes(8);
    const payload = randomBytes(5000);
    old.write(openingMark(box.secret, nonce));
    old.write(Buffer.concat([packetHeader(nonce, 0, [payload]), payload.subarray(0, 100)]));
    const socket = await raw();
    const stream = new AttachStream(socket, box.secret, randomBytes(8));
    stream.on('error', () => undefined);
    stream.resume();
    await stream.opened(30_000);
    const ended = new Promise((resolve) => stream.once('close', resolve));
    old.write(payload.subarray(100));
    await ended;
    old.destroy();
    expect((await run('echo next')).stdout).toBe('next\n');
  });

  test('a daemon far away: connections that break at any byte lose and double nothing', async () => {
    await using proxy = await cuttingProxy(host);
    const far = await DockerClient.open(proxy.host);
    const lines = 2_000_000;
    proxy.cutAfter = 300_000;
    const { digest } = await flood(lines, (received) => dial(received, far));
    expect(proxy.cuts).toBeGreaterThan(10);
    expect(digest).toBe(digestOfSeq(lines));
  }, 300_000);

  test('stdin crosses it whole, also when it is larger than any buffer', async () => {
    const init = await dial();
    const key = 78;
    const data = randomBytes(8 * MIB);
    let sent = 0;
    let output = '';
    const finished = new Promise<void>((resolve) => {
      const feed = (upto: number): void => {
        while (sent < Math.min(upto, data.length)) {
          const piece = data.subarray(sent, Math.min(sent + 60_000, upto, data.length));
          init.write(encodeHeader(Send.STDIN, piece.length, key, 0, 0, sent));
          init.write(piece);
          sent += piece.length;
        }
        if (sent === data.length) init.write(encodeHeader(Send.STDIN_END, 0, key, 0, 0, sent));
      };
      const parser = new FrameParser((type, channel, of, _arg, offset, payload) => {
        if (of !== key) return;
        if (type === (Receive.STARTED as number)) feed(256 * 1024);
        if (type === (Receive.STDIN_CREDIT as number)) feed(offset + 256 * 1024);
        if (type === (Receive.OUTPUT as number) && channel === 1) output += payload.toString();
        if (type === (Receive.OUTPUT_END as number) && channel === 1) resolve();
      });
      init.on('data', (chunk: Buffer) => parser.push(chunk));
    });
    const payload = spawnOf({ argv: ['sha256sum'], stdin: true });
    init.write(Buffer.concat([encodeHeader(Send.SPAWN, payload.length, key), payload]));
    await finished;
    expect(output).toContain(createHash('sha256').update(data).digest('hex'));
    init.destroy();
  });

  test('a container that ended or is gone is a lost session, a daemon that is away is not', async () => {
    await using other = await linkContainer(client.api);
    await using proxy = await cuttingProxy(host);
    const far = await DockerClient.open(proxy.host);
    (await openAttachLink(far, other.id, other.secret)).destroy();
    await proxy.stop();
    const away = await failure(openAttachLink(far, other.id, other.secret));
    expect(away).toMatchObject({ kind: 'unavailable', reason: 'ENGINE_UNAVAILABLE' });

    const stream = await openAttachLink(client, other.id, other.secret);
    stream.resume();
    const ended = once(stream, 'close');
    await other.container.kill();
    await ended;
    expect((await failure(openAttachLink(client, other.id, other.secret))).reason).toBe('SESSION_LOST');
    await other.container.remove({ force: true });
    expect((await failure(openAttachLink(client, other.id, other.secret))).reason).toBe('SESSION_LOST');
  });

  test('a sandbox that stands still is no lost session', async () => {
    await box.container.pause();
    try {
      expect(await failure(dial())).toMatchObject({ kind: 'unavailable', reason: 'ENGINE_FAILED' });
    } finally {
      await box.container.unpause();
    }
    expect((await run('echo on')).stdout).toBe('on\n');
  });
});
