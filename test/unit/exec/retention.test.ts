import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { ExecSpec } from '../../../src/core/exec.js';
import type { SandboxExecs } from '../../../src/core/ports/execs.js';
import { Retention, type Expendable } from '../../../src/exec/retention.js';
import { InitProcess, read, run, sh } from './init-process.js';

let init: InitProcess;

beforeAll(async () => {
  init = await InitProcess.start();
});

afterAll(async () => {
  await init[Symbol.asyncDispose]();
});

const MIB = 1024 * 1024;

/** Two services must not have one init, so each test's is ended with it. */
const opened: SandboxExecs[] = [];

async function open(options: { ownerId: string; outputBytes?: number }): Promise<SandboxExecs> {
  const execs = await init.open(options);
  opened.push(execs);
  return execs;
}

afterEach(async () => {
  for (const execs of opened.splice(0)) await execs.end();
});

async function diskOf(folder: string): Promise<number> {
  let sum = 0;
  for (const name of await readdir(folder, { recursive: true })) {
    const { size } = await stat(join(folder, name)).catch(() => ({ size: 0 }));
    sum += size;
  }
  return sum;
}

const unexpected = (error: unknown): void => {
  throw error;
};

const writes = (bytes: number): ExecSpec => sh(`head -c ${bytes} /dev/zero; printf end`);

/** Asserts that the total is known and nothing is left of it but a gap. */
async function expectGone(execs: SandboxExecs, execId: string, bytes: number): Promise<void> {
  const seen = await read(execs, execId);
  expect(seen.gaps).toEqual([{ from: 0, to: bytes }]);
  expect(seen.exited).toMatchObject({ stdoutBytes: bytes, truncated: true, exit: { code: 0 } });
  const { stdout } = await execs.output(execId, 1000);
  expect(stdout).toMatchObject({ tailOffset: bytes, totalBytes: bytes });
  expect(stdout.head.length + stdout.tail.length).toBe(0);
}

async function expectWhole(execs: SandboxExecs, execId: string, bytes: number): Promise<void> {
  const seen = await read(execs, execId);
  expect(seen.gaps).toEqual([]);
  expect([seen.stdout.length, seen.exited.truncated]).toEqual([bytes, false]);
}

test('the output of a session is bounded: what ended first goes first, and says so', async () => {
  const ownerId = 'ses_total';
  let execs = await open({ ownerId, outputBytes: 2 * MIB });
  const big = Array.from({ length: 20 }, () => writes(300_000));
  for (const spec of big) await run(execs, spec);
  const folder = join(init.folder, 'execs', ownerId);
  await expect.poll(() => diskOf(folder)).toBeLessThan(2 * MIB + 100_000);
  const [first, second, last] = [big[0], big[1], big.at(-1)];
  if (first === undefined || second === undefined || last === undefined) throw new Error('unreachable');
  await expectGone(execs, first.execId, 300_003);
  await expectGone(execs, second.execId, 300_003);
  await expectWhole(execs, last.execId, 300_003);
  expect(execs.list().length).toBe(20);
  await execs.detach();

  execs = await open({ ownerId, outputBytes: 2 * MIB });
  await expectGone(execs, first.execId, 300_003);
  await expectWhole(execs, last.execId, 300_003);
  // The same start again is still the same command.
  await execs.start({ ...first });
  await expect(execs.start({ ...first, cwd: '/tmp' })).rejects.toMatchObject({ reason: 'EXEC_ID_REUSED' });
});

test('what ends while others are given up is given up too', async () => {
  const retention = new Retention(100, () => [], unexpected);
  const gone: string[] = [];
  const exec = (name: string, meanwhile: () => void = () => undefined): Expendable => ({
    cut: async (what) => {
      if (what !== 'all') return;
      meanwhile();
      gone.push(name);
      retention.changed(-150);
    },
  });
  const ends = (ended: Expendable): void => {
    retention.changed(150);
    retention.ended(ended);
  };
  ends(exec('first', () => ends(exec('second'))));
  await retention.settled();
  expect(gone).toEqual(['first', 'second']);
  expect(retention.bytes).toBe(0);
});

test('what the disk refuses to give up keeps nothing else, and is told', async () => {
  const failures: unknown[] = [];
  const cuts: string[] = [];
  const refuses: Expendable = {
    cut: async (what) => {
      cuts.push(what);
      throw new Error(`no ${what}`);
    },
  };
  const retention = new Retention(
    100,
    () => [refuses],
    (error) => failures.push((error as Error).message),
  );
  const gives: Expendable = { cut: async (what) => void (what === 'all' && retention.changed(-150)) };
  retention.ended(refuses);
  retention.ended(gives);
  retention.changed(300);
  await retention.settled();
  expect(retention.bytes).toBe(150);
  // At last as one that runs.
  expect(cuts).toEqual(['middle', 'tail', 'all', 'middle']);
  expect(failures).toEqual(['no middle', 'no tail', 'no all', 'no middle']);
});

test('what is forgotten while it is cut is given up no further', async () => {
  const retention = new Retention(100, () => [], unexpected);
  const cuts: string[] = [];
  const exec: Expendable = {
    cut: async (what) => {
      cuts.push(what);
      retention.forget(exec);
    },
  };
  retention.ended(exec);
  retention.changed(150);
  await retention.settled();
  expect(cuts).toEqual(['middle']);
  // It ends again, and is given up from the beginning.
  retention.ended(exec);
  await retention.settled();
  expect(cuts).toEqual(['middle', 'middle']);
});

test('short outputs count too, and the journal shrinks when they go', async () => {
  const ownerId = 'ses_short';
  const execs = await open({ ownerId, outputBytes: MIB });
  const specs = Array.from({ length: 600 }, () => writes(15_000));
  for (let at = 0; at < specs.length; at += 20) {
    await Promise.all(specs.slice(at, at + 20).map((spec) => run(execs, spec)));
  }
  const first = specs[0];
  const last = specs.at(-1);
  if (first === undefined || last === undefined) throw new Error('unreachable');
  // 12 MB of base64 were written; what stays is the limit, the garbage below which nobody moves, and what is new.
  await expect.poll(() => diskOf(join(init.folder, 'execs', ownerId))).toBeLessThan(9 * MIB);
  await expectGone(execs, first.execId, 15_003);
  await expectWhole(execs, last.execId, 15_003);
});

test('a command that runs keeps its beginning and what it wrote last, whatever others write', async () => {
  const ownerId = 'ses_running';
  const execs = await open({ ownerId, outputBytes: 10 * MIB });
  const running = sh('echo head; head -c 40000000 /dev/zero; echo tail; read -r _', { stdin: true });
  await execs.start(running);
  await expect.poll(() => execs.get(running.execId).stdoutBytes).toBe(40_000_010);
  await run(execs, writes(9 * MIB));
  await expect.poll(() => diskOf(join(init.folder, 'execs', ownerId))).toBeLessThan(10.1 * MIB);
  await execs.openStdin(running.execId).end();
  const seen = await read(execs, running.execId);
  expect(seen.stdout.subarray(0, 5).toString()).toBe('head\n');
  expect(seen.stdout.subarray(-5).toString()).toBe('tail\n');
  expect(seen.gaps.length).toBe(1);
});

test('a reader in the middle of what is given up is told of the gap and goes on', async () => {
  const execs = await open({ ownerId: 'ses_reader', outputBytes: 12 * MIB });
  const spec = writes(11 * MIB);
  await run(execs, spec);
  let bytes = 0;
  let gap = 0;
  for await (const event of execs.attach(spec.execId, {
    from: { stdout: 0, stderr: 0 },
    hold: false,
    pace: 'backpressure',
  })) {
    if (event.type === 'gap') gap += event.to - event.from;
    if (event.type !== 'output') continue;
    if (bytes === 0) await run(execs, writes(11 * MIB));
    bytes += event.data.length;
  }
  expect(gap).toBeGreaterThan(0);
  expect(bytes + gap).toBe(11 * MIB + 3);
});

test('commands that have ended keep no output in memory', async () => {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as () => void;
  const execs = await open({ ownerId: 'ses_memory' });
  const used = async (): Promise<number> => {
    gc();
    // Memory outside of the heap goes a turn later.
    await new Promise((resolve) => setImmediate(resolve));
    gc();
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return heapUsed + arrayBuffers;
  };
  const round = async (): Promise<void> => {
    for (let i = 0; i < 10; i++)
      await Promise.all(Array.from({ length: 50 }, () => run(execs, writes(15_000))));
  };
  await round();
  const before = await used();
  await round();
  // 500 commands: 7.5 MB of output. What is told to the owner a moment later goes then.
  await expect.poll(async () => (await used()) - before).toBeLessThan(4 * MIB);
});

test('short output ends in the journal, however slowly or late it came, and leaves no folder', async () => {
  const ownerId = 'ses_slow';
  const folder = join(init.folder, 'execs', ownerId);
  let execs = await open({ ownerId });
  const slow = sh('echo one; sleep 0.2; echo two >&2; exit 3');
  const late = sh('(sleep 0.3; echo late) & echo now');
  const reader = run(execs, slow);
  await run(execs, late);
  expect((await reader).stdout.toString()).toBe('one\n');
  await expect.poll(() => execs.get(late.execId).stdoutBytes).toBe(9);
  await expect.poll(() => readdir(folder)).toEqual(['journal']);
  const expectBoth = async (): Promise<void> => {
    const seen = await read(execs, slow.execId);
    expect([seen.stdout.toString(), seen.stderr.toString()]).toEqual(['one\n', 'two\n']);
    expect(seen.exited).toMatchObject({ exit: { code: 3 }, truncated: false });
    expect((await read(execs, late.execId)).stdout.toString()).toBe('now\nlate\n');
  };
  await expectBoth();
  await execs.detach();
  execs = await open({ ownerId });
  await expectBoth();
});

test('a reader that began before a short output was put away reads it to its end', async () => {
  const ownerId = 'ses_put_away';
  const execs = await open({ ownerId });
  const spec = sh('echo one; sleep 0.2; echo two');
  await execs.start(spec);
  await execs.wait(spec.execId);
  const reader = execs
    .attach(spec.execId, { from: { stdout: 0, stderr: 0 }, hold: false, pace: 'backpressure' })
    [Symbol.asyncIterator]();
  await reader.next();
  await expect.poll(() => readdir(join(init.folder, 'execs', ownerId))).toEqual(['journal']);
  let text = '';
  for (let next = await reader.next(); next.done !== true; next = await reader.next()) {
    if (next.value.type === 'output') text += Buffer.from(next.value.data).toString();
    expect(next.value.type).not.toBe('gap');
  }
  expect(text).toBe('one\ntwo\n');
});
