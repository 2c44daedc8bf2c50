import { createHash, randomBytes } from 'node:crypto';
import { getEventListeners } from 'node:events';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { SandboxExecs } from '../../../src/core/ports/execs.js';
import { command, ended, InitProcess, read, run, sh } from './init-process.js';

let init: InitProcess;
let execs: SandboxExecs;

beforeEach(async () => {
  init = await InitProcess.start();
  execs = await init.open();
});

afterEach(async () => {
  await execs.end();
  await init[Symbol.asyncDispose]();
});

test('a command gives its output, its exit code and its cost', async () => {
  const seen = await run(execs, sh('echo out; echo err >&2; exit 3'));
  expect(seen.types[0]).toBe('started');
  expect(seen.types.at(-1)).toBe('exited');
  expect(seen.stdout.toString()).toBe('out\n');
  expect(seen.stderr.toString()).toBe('err\n');
  expect(seen.exited).toMatchObject({ exit: { reason: 'EXITED', code: 3 }, stdoutBytes: 4, stderrBytes: 4 });
  expect(seen.exited.exit.cpuTimeUs).toBeGreaterThan(0);
  expect(seen.exited.exit.peakMemoryBytes).toBeGreaterThan(0);
});

test('who waits for a command and gives up, or gets its answer, leaves nothing behind', async () => {
  const spec = sh('sleep 365d');
  await execs.start(spec);
  const { signal } = new AbortController();
  const giveUp = new AbortController();
  const waits = [execs.wait(spec.execId, signal), execs.wait(spec.execId, giveUp.signal)] as const;
  giveUp.abort();
  await expect(waits[1]).rejects.toThrow();
  await execs.cancel(spec.execId);
  expect(ended(await waits[0])).toBe('EXITED CANCELLED SIGTERM');
  for (const used of [signal, giveUp.signal]) expect(getEventListeners(used, 'abort')).toEqual([]);
});

test('an exit code of 143 and a SIGTERM are told apart', async () => {
  expect((await run(execs, sh('exit 143'))).exited.exit).toMatchObject({ reason: 'EXITED', code: 143 });
  expect((await run(execs, sh('kill -TERM $$'))).exited.exit).toMatchObject({
    reason: 'SIGNALLED',
    code: undefined,
    signal: 'SIGTERM',
  });
});

test('what could not be started says why, as shells do', async () => {
  const exit = async (spec: Parameters<typeof run>[1]) => (await run(execs, spec)).exited.exit;
  expect(await exit(command(['no-such-program']))).toMatchObject({ reason: 'START_FAILED', code: 127 });
  expect(await exit(command(['/etc/passwd']))).toMatchObject({ reason: 'START_FAILED', code: 126 });
  expect(await exit(command(['/etc']))).toMatchObject({ reason: 'START_FAILED', code: 126 });
  expect(await exit(sh('true', { cwd: '/no/such' }))).toMatchObject({
    reason: 'START_FAILED',
    code: 126,
    message: 'The working directory "/no/such" could not be entered: no such file or directory.',
  });
  expect(await exit(sh('true', { user: 'no-such-user' }))).toMatchObject({
    reason: 'START_FAILED',
    code: 126,
  });
  await expect(execs.start(command([]))).rejects.toMatchObject({ reason: 'INVALID_FIELD' });
  await expect(execs.start(command(['a\0b']))).rejects.toMatchObject({ reason: 'INVALID_FIELD' });
});

test('a megabyte of arguments arrives', async () => {
  const words = Array.from({ length: 16 }, (_, i) => String(i % 10).repeat(65_536));
  const seen = await run(execs, command(['printf', '%s', ...words]));
  expect(seen.stdout.toString()).toBe(words.join(''));
});

test('a hundred megabytes pass through cat unchanged, in both directions', async () => {
  const block = randomBytes(1024 * 1024);
  const spec = command(['cat'], { stdin: true });
  await execs.start(spec);
  const writer = execs.openStdin(spec.execId);
  const sent = createHash('sha256');
  const feed = async (): Promise<void> => {
    for (let i = 0; i < 100; i++) {
      block.writeUInt32LE(i, 0);
      const data = Buffer.from(block);
      sent.update(data);
      await writer.write(writer.offset, data);
    }
    await writer.end();
  };
  const received = createHash('sha256');
  let bytes = 0;
  const drain = async (): Promise<void> => {
    for await (const event of execs.attach(spec.execId, {
      from: { stdout: 0, stderr: 0 },
      hold: true,
      pace: 'backpressure',
    })) {
      expect(event.type).not.toBe('gap');
      if (event.type !== 'output') continue;
      received.update(event.data);
      bytes += event.data.length;
    }
  };
  await Promise.all([feed(), drain()]);
  expect(bytes).toBe(100 * 1024 * 1024);
  expect(received.digest('hex')).toBe(sent.digest('hex'));
}, 60_000);

test('all 256 byte values come back, and the output after the end of input too', async () => {
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
  const spec = sh('cat; sleep 0.05; echo after', { stdin: true });
  await execs.start(spec);
  const writer = execs.openStdin(spec.execId);
  await writer.write(0, bytes);
  await writer.end();
  const seen = await read(execs, spec.execId);
  expect(seen.stdout).toEqual(Buffer.concat([bytes, Buffer.from('after\n')]));
});

test('stdin drops what overlaps, refuses a hole, and has one writer', async () => {
  const spec = command(['cat'], { stdin: true });
  await execs.start(spec);
  const writer = execs.openStdin(spec.execId);
  expect(() => execs.openStdin(spec.execId)).toThrow(expect.objectContaining({ reason: 'STDIN_BUSY' }));
  await writer.write(0, Buffer.from('abc'));
  await writer.write(1, Buffer.from('bcde'));
  await expect(writer.write(9, Buffer.from('x'))).rejects.toMatchObject({ reason: 'STDIN_GAP' });
  writer.release();
  const second = execs.openStdin(spec.execId);
  expect(second.offset).toBe(5);
  await second.write(5, Buffer.from('f'));
  await second.end();
  expect((await read(execs, spec.execId)).stdout.toString()).toBe('abcdef');
  expect(() => execs.openStdin(spec.execId)).toThrow(expect.objectContaining({ reason: 'STDIN_CLOSED' }));
});

test('a command that leaves its input unread does not hang its writer', async () => {
  const spec = command(['true'], { stdin: true });
  await execs.start(spec);
  const writer = execs.openStdin(spec.execId);
  for (let i = 0; i < 20; i++) await writer.write(writer.offset, Buffer.alloc(1024 * 1024));
  await writer.end();
  expect((await read(execs, spec.execId)).exited.exit.code).toBe(0);
});

test('the exit is told at once while a background child holds the output', async () => {
  const seen = await run(execs, sh('sleep 300 & echo done'));
  expect(seen.stdout.toString()).toBe('done\n');
  expect(seen.exited.exit.code).toBe(0);
});

test('what a background child writes later is recorded, for the next reader', async () => {
  const spec = sh('(sleep 0.3; echo late) & echo now');
  expect((await run(execs, spec)).stdout.toString()).toBe('now\n');
  await expect.poll(() => execs.get(spec.execId).stdoutBytes).toBe(9);
  expect((await read(execs, spec.execId)).stdout.toString()).toBe('now\nlate\n');
});

test('a time-out reaches children that left by setsid and a double fork, and keeps what was written', async () => {
  const mark = `3${process.pid}`;
  const spec = sh(
    `echo before; setsid sleep ${mark}1 & (setsid sh -c 'trap "" TERM; sleep ${mark}2' &) ; trap "" TERM; sleep ${mark}3; sleep ${mark}4`,
    { timeoutMs: 300, killGraceMs: 100 },
  );
  const seen = await run(execs, spec);
  expect(seen.exited.exit.reason).toBe('TIMEOUT');
  expect(seen.stdout.toString()).toBe('before\n');
  expect((await run(execs, sh(`cat /proc/[0-9]*/cmdline | tr '\\0' ' '`))).stdout.toString()).not.toContain(
    `sleep ${mark}`,
  );
});

test('cancelling gives a command its grace, and its own exit is reported', async () => {
  const spec = sh('trap "echo bye; exit 7" TERM; echo ready; while :; do sleep 0.05; done');
  await execs.start(spec);
  await expect.poll(() => execs.get(spec.execId).stdoutBytes).toBeGreaterThan(0);
  await execs.cancel(spec.execId);
  expect(ended(execs.get(spec.execId))).toBe('EXITED CANCELLED 7');
  expect((await read(execs, spec.execId)).stdout.toString()).toBe('ready\nbye\n');
});

test('a signal sent on started is never lost', async () => {
  for (let i = 0; i < 200; i++) {
    const spec = command(['sleep', '300']);
    await execs.start(spec);
    for await (const event of execs.attach(spec.execId, {
      from: { stdout: 0, stderr: 0 },
      hold: false,
      pace: 'detached',
    })) {
      if (event.type === 'started') expect(await execs.signal(spec.execId, 'SIGINT')).toBe(true);
      if (event.type === 'exited') expect(event.exit.signal).toBe('SIGINT');
    }
    expect(await execs.signal(spec.execId, 'SIGINT')).toBe(false);
  }
});

test('the same start again attaches, another under its id is refused', async () => {
  const spec = sh('echo once');
  await execs.start(spec);
  await execs.start({ ...spec });
  expect((await read(execs, spec.execId)).stdout.toString()).toBe('once\n');
  await expect(execs.start({ ...spec, cwd: '/tmp' })).rejects.toMatchObject({ reason: 'EXEC_ID_REUSED' });
});

test('unknown execs and offsets beyond the end are errors with a reason', async () => {
  expect(() => execs.get('exe_none')).toThrow(expect.objectContaining({ reason: 'EXEC_NOT_FOUND' }));
  const spec = sh('echo four');
  await run(execs, spec);
  expect(() =>
    execs.attach(spec.execId, { from: { stdout: 99, stderr: 0 }, hold: false, pace: 'detached' }),
  ).toThrow(expect.objectContaining({ reason: 'OFFSET_OUT_OF_RANGE' }));
  expect((await read(execs, spec.execId, { from: { stdout: 2, stderr: 0 } })).stdout.toString()).toBe('ur\n');
});

test('a link cut in mid-output loses and doubles nothing', async () => {
  const spec = sh('seq 1000000');
  await execs.start(spec);
  const reading = read(execs, spec.execId);
  for (let i = 0; i < 8; i++) {
    await pause(15);
    init.cut();
  }
  const seen = await reading;
  const plain = Array.from({ length: 1_000_000 }, (_, i) => `${i + 1}\n`).join('');
  expect(seen.stdout.toString() === plain).toBe(true);
  expect(seen.exited.exit.code).toBe(0);
  expect(init.dials).toBeGreaterThan(2);
});

test('an exit while no link is there is told when it is back', async () => {
  const spec = sh('echo a; sleep 0.2; exit 9');
  await execs.start(spec);
  await expect.poll(() => execs.get(spec.execId).state).toBe('RUNNING');
  init.cut();
  expect((await read(execs, spec.execId)).exited.exit.code).toBe(9);
});

test('a service killed at any moment finds every byte, once, and the exits', async () => {
  const plain = Array.from({ length: 400_000 }, (_, i) => `${i + 1}\n`).join('');
  await execs.end();
  for (let round = 0; round < 10; round++) {
    const life = init.life();
    const first = await init.open({ ownerId: `ses_${round}`, dial: life.dial });
    const specs = [
      sh('seq 400000'),
      sh('echo short; exit 4'),
      sh('for i in 1 2 3 4; do echo $i; sleep 0.05; done; exit 5'),
      command(['cat'], { stdin: true }),
    ] as const;
    for (const spec of specs) await first.start(spec);
    const cat = first.openStdin(specs[3].execId);
    await cat.write(0, Buffer.from('hello '));
    // The first rounds end before the journal knows of the commands, and after output has reached the disk.
    await pause(round < 5 ? round * 4 : round * 12);
    life.kill();
    const second = await init.open({ ownerId: life.copyOf(`ses_${round}`) });
    // Its own life is over; it must not hold files or clocks.
    void first.end();
    expect((await read(second, specs[0].execId)).stdout.toString() === plain).toBe(true);
    expect((await read(second, specs[1].execId)).stdout.toString()).toBe('short\n');
    expect(ended(await second.wait(specs[1].execId))).toBe('EXITED EXITED 4');
    expect((await read(second, specs[2].execId)).stdout.toString()).toBe('1\n2\n3\n4\n');
    expect(ended(second.get(specs[2].execId))).toBe('EXITED EXITED 5');
    const writer = second.openStdin(specs[3].execId);
    expect([0, 6]).toContain(writer.offset);
    await writer.write(0, Buffer.from('hello again'));
    await writer.end();
    expect((await read(second, specs[3].execId)).stdout.toString()).toBe('hello again');
    await second.end();
  }
}, 60_000);

test('a service that let go in order is taken up the same way', async () => {
  const done = sh('echo done');
  const going = sh('echo one; sleep 0.4; echo two');
  await run(execs, done);
  await execs.start(going);
  await expect.poll(() => execs.get(going.execId).stdoutBytes).toBe(4);
  await execs.detach();
  await expect(execs.start(sh('true'))).rejects.toMatchObject({ reason: 'SHUTTING_DOWN' });
  execs = await init.open();
  expect((await read(execs, done.execId)).stdout.toString()).toBe('done\n');
  expect((await read(execs, going.execId)).stdout.toString()).toBe('one\ntwo\n');
});

test('a stalled reader blocks the command at its window and nobody else', async () => {
  const spec = sh('head -c 50000000 /dev/zero; echo end >&2');
  await execs.start(spec);
  const stalled = execs
    .attach(spec.execId, { from: { stdout: 0, stderr: 0 }, hold: false, pace: 'backpressure' })
    [Symbol.asyncIterator]();
  await stalled.next();
  await stalled.next();
  await pause(300);
  const held = execs.get(spec.execId);
  expect(held.state).toBe('RUNNING');
  expect(held.stdoutBytes).toBeLessThan(4 * 1024 * 1024);
  expect((await run(execs, sh('echo quick'))).stdout.toString()).toBe('quick\n');
  // A second reader that keeps up sets the pace; the stalled one loses what rolls out of the record.
  const seen = await read(execs, spec.execId);
  expect(seen.exited.stdoutBytes).toBe(50_000_000);
  expect(seen.exited.truncated).toBe(true);
  let gaps = 0;
  let bytes = 0;
  for (let next = await stalled.next(); next.done !== true; next = await stalled.next()) {
    if (next.value.type === 'gap') gaps++;
    if (next.value.type === 'output' && next.value.stream === 'stdout') bytes += next.value.data.length;
  }
  expect(gaps).toBe(1);
  expect(bytes).toBeLessThan(50_000_000);
});

test('a flood without a reader runs to its end, with head and tail kept and the totals right', async () => {
  const before = process.memoryUsage().rss;
  const spec = sh('echo head; head -c 300000000 /dev/zero; echo tail');
  await execs.start(spec);
  let peak = 0;
  const sampler = setInterval(() => (peak = Math.max(peak, process.memoryUsage().rss)), 10);
  const info = await execs.wait(spec.execId);
  clearInterval(sampler);
  expect(info.stdoutBytes).toBe(300_000_010);
  const { stdout } = await execs.output(spec.execId, 1024);
  expect(stdout.totalBytes).toBe(300_000_010);
  expect(stdout.head.length + stdout.tail.length).toBe(1024);
  expect(Buffer.from(stdout.head.subarray(0, 5)).toString()).toBe('head\n');
  expect(Buffer.from(stdout.tail.subarray(-5)).toString()).toBe('tail\n');
  expect(stdout.tailOffset).toBe(300_000_010 - stdout.tail.length);
  expect(peak - before).toBeLessThan(96 * 1024 * 1024);
}, 60_000);

test('an exec whose holder is gone is ended after the lease, unless somebody comes back', async () => {
  await execs.end();
  await init[Symbol.asyncDispose]();
  init = await InitProcess.start();
  execs = await init.open({ leaseMs: 150 });
  const hold = async (spec: Parameters<typeof run>[1]): Promise<void> => {
    await execs.start(spec);
    for await (const event of execs.attach(spec.execId, {
      from: { stdout: 0, stderr: 0 },
      hold: true,
      pace: 'backpressure',
    })) {
      if (event.type === 'started') break;
    }
  };
  const left = sh('sleep 300', { detach: false });
  const kept = sh('sleep 0.5; echo kept', { detach: false });
  const detached = sh('sleep 0.5; echo detached', { detach: true });
  await Promise.all([hold(left), hold(kept), hold(detached)]);
  const seen = await read(execs, kept.execId, { hold: true });
  expect(seen.stdout.toString()).toBe('kept\n');
  expect(ended(await execs.wait(left.execId))).toBe('EXITED CANCELLED SIGTERM');
  expect(ended(await execs.wait(detached.execId))).toBe('EXITED EXITED 0');
});

test('ending the session ends what runs, tells its readers, and refuses more', async () => {
  const spec = sh('trap "" TERM; echo up; setsid sleep 300 & sleep 300');
  await execs.start(spec);
  await expect.poll(() => execs.get(spec.execId).stdoutBytes).toBe(3);
  const reading = read(execs, spec.execId);
  await execs.end();
  expect((await reading).exited.exit.reason).toBe('SESSION_ENDED');
  await expect(execs.start(sh('true'))).rejects.toMatchObject({ reason: 'SESSION_ENDED' });
});

test('when init dies its commands are LOST, not ended with a made-up code', async () => {
  let message = '';
  await execs.end();
  execs = await init.open({ ownerId: 'ses_other', onLost: (text) => (message = text) });
  const spec = sh('echo here; sleep 300');
  await execs.start(spec);
  await expect.poll(() => execs.get(spec.execId).stdoutBytes).toBe(5);
  await init.kill();
  const seen = await read(execs, spec.execId);
  expect(seen.stdout.toString()).toBe('here\n');
  expect(seen.exited.exit).toMatchObject({ reason: 'LOST', code: undefined, signal: undefined });
  expect(execs.get(spec.execId).state).toBe('LOST');
  expect(message).not.toBe('');
});

test("a command of the service's own gives its bytes to its reader alone and is not listed", async () => {
  const tar = await execs.spawn({
    argv: ['sh', '-c', 'cat; head -c 5000000 /dev/zero; echo oops >&2; exit 2'],
    env: {},
    cwd: '/',
    user: '',
    stdin: true,
    timeoutMs: 0,
  });
  await tar.stdin.write(Buffer.from('in'));
  await tar.stdin.end();
  let bytes = 0;
  for await (const piece of tar.stdout) bytes += piece.length;
  expect(bytes).toBe(5_000_002);
  expect(await tar.exit).toMatchObject({ reason: 'EXITED', code: 2 });
  expect(tar.stderr()).toBe('oops\n');
  expect(execs.list()).toEqual([]);
});

test('our own command ends when it should, whatever it left behind', async () => {
  const left = await execs.spawn({
    argv: ['sh', '-c', 'sleep 300 & echo done'],
    env: {},
    cwd: '/',
    user: '',
    stdin: false,
    timeoutMs: 0,
  });
  const pieces: Uint8Array[] = [];
  for await (const piece of left.stdout) pieces.push(piece);
  expect(Buffer.concat(pieces).toString()).toBe('done\n');
  expect((await left.exit).code).toBe(0);
  const slow = await execs.spawn({
    argv: ['sleep', '300'],
    env: {},
    cwd: '/',
    user: '',
    stdin: false,
    timeoutMs: 100,
  });
  expect((await slow.exit).reason).toBe('TIMEOUT');
});

test('secret variables reach the command and no record', async () => {
  await execs.end();
  execs = await init.open({ ownerId: 'ses_secret', secretEnv: { TOKEN: 'hush-hush' } });
  const spec = sh('echo ${#TOKEN}');
  expect((await run(execs, spec)).stdout.toString()).toBe('9\n');
  await execs.end();
  const { readFile } = await import('node:fs/promises');
  const journal = await readFile(join(init.folder, 'execs/ses_secret/journal'), 'utf8');
  expect(journal).not.toContain('hush-hush');
});

test('a thousand commands leave no process, no folder and no state behind', async () => {
  for (let round = 0; round < 20; round++) {
    await Promise.all(Array.from({ length: 50 }, () => run(execs, command(['true']))));
  }
  expect(execs.list().length).toBe(1000);
  await expect.poll(async () => (await readdir(join(init.folder, 'execs/ses_test'))).length).toBe(1);
  const alive = await run(execs, sh('ls -d /proc/[0-9]* | wc -l'));
  // init, this shell, ls and wc.
  expect(Number(alive.stdout.toString())).toBeLessThanOrEqual(4);
  await init.host().forget('ses_test');
  await rm(join(init.folder, 'execs/ses_test'), { recursive: true, force: true });
}, 120_000);
