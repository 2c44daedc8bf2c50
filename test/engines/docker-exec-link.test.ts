import { createHash, randomBytes } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { DockerClient } from '../../src/engines/docker/docker-client.js';
import { ExecLinks, IDLE_COMMAND } from '../../src/engines/docker/exec/exec-links.js';
import type { ExitReport, KnownExec, LinkTarget } from '../../src/exec/link-target.js';
import { SandboxLink } from '../../src/exec/sandbox-link.js';
import { OUTPUT_WINDOW, type SpawnRequest } from '../../src/exec/spawn-frame.js';
import { DOCKER_START_MS, sharedDocker } from '../support/docker.js';
import { failure } from './contract/failure.js';
import { InitClient } from './init-client.js';
import { linkContainer, Reader, spawnOf, type LinkContainer } from './link-container.js';

const SIGTERM = 15;
const SIGKILL = 9;
const ESRCH = 3;

/** All that is told of one command. */
class Told implements LinkTarget {
  readonly streams: [Buffer, Buffer] = [Buffer.alloc(0), Buffer.alloc(0)];
  isStarted = false;
  failed: { readonly stage: number; readonly errno: number } | undefined;
  report: ExitReport | undefined;
  ends = 0;
  credit = 0;
  known: (KnownExec | undefined)[] = [];

  get stdout(): string {
    return this.streams[0].toString();
  }
  started(): void {
    this.isStarted = true;
  }
  startFailed(stage: number, errno: number): void {
    this.failed = { stage, errno };
  }
  output(stream: 0 | 1, offset: number, data: Buffer): void {
    this.streams[stream] = Buffer.concat([this.streams[stream].subarray(0, offset), data]);
  }
  outputEnd(): void {
    this.ends++;
  }
  exited(report: ExitReport): void {
    this.report = report;
  }
  stdinCredit(offset: number): void {
    this.credit = offset;
  }
  stdinClosed(): void {}
  resumeOffsets(): readonly [number, number] {
    return [this.streams[0].length, this.streams[1].length];
  }
  resumed(known: KnownExec | undefined): void {
    this.known.push(known);
  }
}

describe('the link by docker exec', () => {
  let client: DockerClient;
  let box: LinkContainer;
  let links: ExecLinks;
  let lost: string[];

  beforeAll(async () => {
    client = await DockerClient.open((await sharedDocker()).host);
    box = await linkContainer(client.api, { Entrypoint: [...IDLE_COMMAND] });
    links = new ExecLinks(client);
  }, DOCKER_START_MS);
  afterAll(async () => {
    links.forget('box');
    await box[Symbol.asyncDispose]();
  });
  beforeEach(() => {
    lost = [];
  });
  // One that a failed test left would dial again and again, and take the others' place.
  const opened: SandboxLink[] = [];
  afterEach(() => {
    for (const link of opened.splice(0)) link.close();
  });

  const open = async (
    dial: (received: (chunk: Buffer) => void) => Promise<Duplex> = (received) =>
      links.open('box', box.id, received),
  ): Promise<SandboxLink> => {
    const link = new SandboxLink({
      dial,
      onUnknown: () => undefined,
      onLost: (why) => void lost.push(why),
    });
    opened.push(link);
    await link.open();
    return link;
  };
  const start = (
    link: SandboxLink,
    request: Partial<SpawnRequest> & Pick<SpawnRequest, 'argv'>,
  ): { readonly key: number; readonly told: Told } => {
    const key = randomBytes(4).readUInt32LE() >>> 1;
    const told = new Told();
    link.register(key, told);
    link.spawn(key, spawnOf({ execId: `exe_${key}`, ...request }));
    return { key, told };
  };
  const ended = async (told: Told): Promise<ExitReport> => {
    await expect.poll(() => told.report !== undefined && told.ends >= 2).toBe(true);
    return told.report as ExitReport;
  };

  test('commands run as their user, in their folder and environment, their streams apart', async () => {
    const init = new InitClient(await links.open('box', box.id));
    const result = await init.run('id -u; pwd; echo "$A $CODESET_EXEC_ID"; echo err >&2; exit 7', {
      user: '1000',
      cwd: '/tmp',
      env: { A: 'b c' },
    });
    expect(result).toMatchObject({ code: 7, signal: undefined, stderr: 'err\n' });
    expect(result.stdout).toMatch(/^1000\n\/tmp\nb c exe_\d+\n$/);
    const several = await Promise.all(
      Array.from({ length: 8 }, (_unused, i) => init.run(`echo ${i}; exit ${i}`, { user: 'root' })),
    );
    expect(several.map(({ code, stdout }) => [code, stdout])).toEqual(
      Array.from({ length: 8 }, (_unused, i) => [i, `${i}\n`]),
    );
    await init[Symbol.asyncDispose]();
  });

  test('a start that fails names its stage, and a command that says the same does not', async () => {
    const link = await open();
    const cases = [
      { request: { argv: ['no-such-program'] }, stage: 5, errno: 2 },
      { request: { argv: ['/etc'] }, stage: 5, errno: 13 },
      { request: { argv: ['true'], cwd: '/no/such' }, stage: 4, errno: 2 },
      { request: { argv: ['true'], user: 'nobody-of-that-name' }, stage: 3, errno: 2 },
    ];
    for (const { request, stage, errno } of cases) {
      const { told } = start(link, request);
      await expect.poll(() => told.failed).toEqual({ stage, errno });
      expect(told.stdout).toBe('');
    }
    const instead = start(link, { argv: ['/no/shell', '-c', 'echo instead'], orShell: true });
    await ended(instead.told);
    expect(instead.told.stdout).toBe('instead\n');
    const liar = start(link, { argv: ['sh', '-c', 'echo OCI runtime exec failed: no; sleep 0.2; exit 126'] });
    expect((await ended(liar.told)).code).toBe(126);
    link.close();
  });

  test('stdin crosses it whole and its end is told', async () => {
    const link = await open();
    const { key, told } = start(link, { argv: ['sha256sum'], stdin: true });
    const data = randomBytes(3_000_000);
    for (let at = 0; at < data.length; at += 60_000) {
      await expect.poll(() => told.credit + 256 * 1024 > at).toBe(true);
      link.stdin(key, at, data.subarray(at, at + 60_000));
    }
    link.stdinEnd(key, data.length);
    expect((await ended(told)).code).toBe(0);
    expect(told.stdout).toContain(createHash('sha256').update(data).digest('hex'));
    link.close();
  });

  test('a signal goes to the group of the command and is told as its end', async () => {
    const link = await open();
    const { key, told } = start(link, { argv: ['sh', '-c', 'echo up; sleep 1000'] });
    await expect.poll(() => told.stdout).toBe('up\n');
    expect(await link.signal(key, SIGTERM)).toBe(0);
    expect(await ended(told)).toMatchObject({ code: undefined, signal: SIGTERM });
    const trapped = start(link, {
      argv: ['sh', '-c', 'trap "echo caught; exit 5" TERM; echo up; sleep 1000 & wait'],
    });
    await expect.poll(() => trapped.told.stdout).toBe('up\n');
    expect(await link.signal(trapped.key, SIGTERM)).toBe(0);
    expect(await ended(trapped.told)).toMatchObject({ code: 5, signal: undefined });
    expect(trapped.told.stdout).toBe('up\ncaught\n');
    expect(await link.signal(trapped.key, SIGTERM)).toBe(ESRCH);
    link.close();
  });

  test('KILL_TREE reaches what left its session and its parents, and nothing else', async () => {
    const link = await open();
    const other = start(link, { argv: ['sleep', '1000'], user: '1000' });
    const script = 'setsid sh -c "sleep 3333 & sleep 3333 & wait" & sleep 0.3; echo up; sleep 3333';
    const { key, told } = start(link, { argv: ['sh', '-c', script], user: '1000' });
    await expect.poll(() => told.stdout).toBe('up\n');
    expect(await link.killTree(key, `exe_${key}`, SIGKILL)).toBe(0);
    expect(await ended(told)).toMatchObject({ signal: SIGKILL });
    const left = start(link, { argv: ['sh', '-c', 'pgrep -fc "^sleep 3333"; true'] });
    await ended(left.told);
    expect(left.told.stdout).toBe('0\n');
    expect(other.told.report).toBeUndefined();
    expect(await link.killAll(SIGKILL)).toBe(0);
    expect(await ended(other.told)).toMatchObject({ signal: SIGKILL });
    link.close();
  });

  test('a terminal has its size, hears of a new one and takes the end of input', async () => {
    const link = await open();
    const { key, told } = start(link, {
      argv: ['sh', '-c', 'tty; echo ready; read line; stty size; cat; echo done'],
      stdin: true,
      tty: { rows: 33, columns: 101 },
    });
    await expect.poll(() => told.stdout).toContain('ready');
    link.resize(key, { rows: 44, columns: 77 });
    link.stdin(key, 0, Buffer.from('go\n'));
    await expect.poll(() => told.stdout).toContain('44 77');
    link.stdinEnd(key, 3);
    expect((await ended(told)).code).toBe(0);
    expect(told.stdout).toMatch(/^\/dev\/pts\/\d+\r\n/);
    expect(told.stdout).toContain('done');
    expect(told.streams[1].length).toBe(0);
    link.close();
  });

  test('new connections in the middle of a flood lose and double nothing', async () => {
    const key = randomBytes(4).readUInt32LE() >>> 1;
    const hash = createHash('sha256');
    let dialled = 0;
    const link = await open(async (received) => {
      const limit = dialled++ < 30 ? 150_000 : Infinity;
      let had = 0;
      const stream = await links.open('box', box.id, (chunk) => {
        if (had > limit) return;
        had += chunk.length;
        received(chunk);
        if (had > limit) stream.destroy();
      });
      return stream;
    });
    const reader = new Reader(
      () => link,
      key,
      (data) => void hash.update(data),
    );
    link.register(key, reader);
    link.spawn(key, spawnOf({ argv: ['seq', '1', '2000000'] }));
    await reader.ended;
    expect(dialled).toBeGreaterThan(30);
    const wanted = createHash('sha256');
    for (let from = 1; from < 2_000_000; from += 10_000)
      wanted.update(Array.from({ length: 10_000 }, (_unused, i) => `${from + i}\n`).join(''));
    expect(hash.digest('hex')).toBe(wanted.digest('hex'));
    link.close();
  }, 120_000);

  test('a command whose reader takes nothing waits, and its output in memory stays within its window', async () => {
    const link = await open();
    const { key, told } = start(link, { argv: ['sh', '-c', 'yes | head -c 30000000; echo over >&2'] });
    let bytes = 0;
    told.output = (stream, offset, data) => {
      if (stream === 1) return;
      expect(offset).toBe(bytes);
      bytes += data.length;
    };
    await expect.poll(() => bytes).toBeGreaterThanOrEqual(OUTPUT_WINDOW);
    // The daemon's bytes come in pieces, the last of which may go beyond.
    expect(bytes).toBeLessThan(OUTPUT_WINDOW + 256 * 1024);
    const drained = setInterval(() => link.ack(key, 0, bytes, false), 1);
    try {
      expect((await ended(told)).code).toBe(0);
    } finally {
      clearInterval(drained);
    }
    expect(bytes).toBe(30_000_000);
    link.close();
  }, 120_000);

  test('after a restart of the service what ran is not known and ended, and a container that ends is a lost session', async () => {
    await using other = await linkContainer(client.api, { Entrypoint: [...IDLE_COMMAND] });
    const before = await open((received) => links.open('other', other.id, received));
    const { key, told } = start(before, {
      argv: ['sh', '-c', 'setsid sleep 4444 & echo up; sleep 4444'],
      user: '1000',
    });
    await expect.poll(() => told.stdout).toBe('up\n');
    before.close();
    const count = (link: SandboxLink, wanted: number): Promise<ExitReport> => {
      const script = `until [ "$(pgrep -fc '^sleep 4444')" = ${wanted} ]; do sleep 0.1; done`;
      return ended(start(link, { argv: ['sh', '-c', script] }).told);
    };
    // A new connection of the same life ends nothing.
    const same = await open((received) => links.open('other', other.id, received));
    expect((await count(same, 2)).code).toBe(0);
    same.close();
    links.forget('other');

    const after = new ExecLinks(client);
    const unknown: KnownExec[] = [];
    const link = new SandboxLink({
      dial: (received) => after.open('other', other.id, received),
      onUnknown: (known) => void unknown.push(known),
      onLost: (why) => void lost.push(why),
    });
    opened.push(link);
    const again = new Told();
    link.register(key, again);
    await link.open();
    expect(unknown).toEqual([]);
    expect(again.known).toEqual([undefined]);
    expect((await count(link, 0)).code).toBe(0);

    await other.container.kill();
    await expect.poll(() => lost).toEqual(['The sandbox is gone.']);
    expect((await failure(after.open('other', other.id))).reason).toBe('SESSION_LOST');
  });
});
