import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ExecSpec } from '../../../src/core/exec.js';
import type { SandboxExecs } from '../../../src/core/ports/execs.js';
import { command, ended, InitProcess, read, run, sh } from './init-process.js';

let init: InitProcess;
let execs: SandboxExecs;

beforeAll(async () => {
  init = await InitProcess.start();
  execs = await init.open();
});

afterAll(async () => {
  await execs.end();
  await init[Symbol.asyncDispose]();
});

/** Holds the command until it has started, then goes away. */
async function hold(spec: ExecSpec): Promise<void> {
  await execs.start(spec);
  for await (const event of execs.attach(spec.execId, {
    from: { stdout: 0, stderr: 0 },
    hold: true,
    pace: 'backpressure',
  })) {
    if (event.type === 'started') return;
  }
}

test('a command without output or input for its idle time-out is ended, with what it wrote', async () => {
  const seen = await run(execs, sh('echo first; sleep 300', { idleTimeoutMs: 3000 }));
  expect(seen.exited.exit).toMatchObject({ reason: 'IDLE_TIMEOUT', signal: 'SIGTERM' });
  expect(seen.stdout.toString()).toBe('first\n');
});

test('output on either stream keeps a command from being idle', async () => {
  const line = 'for i in 1 2 3 4; do sleep 0.7; echo $i >&2; sleep 0.7; echo $i; done';
  const seen = await run(execs, sh(line, { idleTimeoutMs: 5000 }));
  expect(seen.exited.exit).toMatchObject({ reason: 'EXITED', code: 0 });
  expect(seen.stderr.toString()).toBe('1\n2\n3\n4\n');
});

test('input keeps a command from being idle, and its end does not', async () => {
  const idleTimeoutMs = 5000;
  const spec = sh('cat >/dev/null; sleep 300', { stdin: true, idleTimeoutMs });
  await execs.start(spec);
  const writer = execs.openStdin(spec.execId);
  // Longer in all than it may be idle, and each time far shorter.
  for (const began = performance.now(); performance.now() - began < idleTimeoutMs + 500;) {
    await new Promise((resolve) => setTimeout(resolve, 300));
    await writer.write(writer.offset, Buffer.from('x'));
    expect(execs.get(spec.execId).state).toBe('RUNNING');
  }
  await writer.end();
  expect(ended(await execs.wait(spec.execId))).toBe('EXITED IDLE_TIMEOUT SIGTERM');
});

test('a command that writes more than it may is killed with all that it started, and all it wrote is there', async () => {
  const spec = sh('trap "" TERM; setsid yes & yes', { maxOutputBytes: 100_000, killGraceMs: 60_000 });
  const seen = await run(execs, spec);
  expect(seen.exited.exit).toMatchObject({ reason: 'OUTPUT_LIMIT', signal: 'SIGKILL' });
  expect(seen.stdout.length).toBe(seen.exited.stdoutBytes);
  expect(seen.stdout.length).toBeGreaterThan(100_000);
  expect(seen.stdout.length).toBeLessThan(100_000 + 4 * 1024 * 1024);
});

test('exactly as much output as a command may write is no reason to end it, of both outputs together', async () => {
  const line = 'head -c 5000 /dev/zero; head -c 5000 /dev/zero >&2; exit 4';
  expect(ended(await waitFor(sh(line, { maxOutputBytes: 10_000 })))).toBe('EXITED EXITED 4');
  const more = sh(`${line.slice(0, -8)}; printf x; sleep 300`, { maxOutputBytes: 10_000 });
  expect((await waitFor(more)).exit?.reason).toBe('OUTPUT_LIMIT');
});

test('the lease of a command is its own, and 0 ends it at once', async () => {
  const short = sh('sleep 300', { detach: false, leaseMs: 100 });
  const none = sh('sleep 300', { detach: false, leaseMs: 0 });
  const long = sh('sleep 300', { detach: false, leaseMs: 3_600_000 });
  await Promise.all([hold(short), hold(none), hold(long)]);
  expect(ended(await execs.wait(short.execId))).toBe('EXITED CANCELLED SIGTERM');
  expect(ended(await execs.wait(none.execId))).toBe('EXITED CANCELLED SIGTERM');
  expect(execs.get(long.execId).state).toBe('RUNNING');
  await execs.cancel(long.execId);
});

test('the limits hold for a command that an earlier life of the service started', async () => {
  await using own = await InitProcess.start();
  const life = own.life();
  const first = await own.open({ ownerId: 'ses_limits', dial: life.dial });
  const idle = sh('sleep 300', { idleTimeoutMs: 1500 });
  const late = sh('sleep 300', { timeoutMs: 1500 });
  const loud = sh('read -r go; yes', { stdin: true, maxOutputBytes: 50_000 });
  for (const spec of [idle, late, loud]) await first.start(spec);
  life.kill();
  const second = await own.open({ ownerId: life.copyOf('ses_limits') });
  void first.end();
  await second.openStdin(loud.execId).write(0, Buffer.from('go\n'));
  expect((await second.wait(loud.execId)).exit?.reason).toBe('OUTPUT_LIMIT');
  expect((await second.wait(idle.execId)).exit?.reason).toBe('IDLE_TIMEOUT');
  expect((await second.wait(late.execId)).exit?.reason).toBe('TIMEOUT');
  await second.end();
});

test('the first reason for an end stays', async () => {
  const spec = sh('trap "" TERM; sleep 300', { timeoutMs: 100, idleTimeoutMs: 200, killGraceMs: 400 });
  expect((await waitFor(spec)).exit?.reason).toBe('TIMEOUT');
});

test('a start sent again has to agree in the limits too', async () => {
  const spec = command(['true'], { idleTimeoutMs: 5000 });
  await run(execs, spec);
  await execs.start({ ...spec });
  expect((await read(execs, spec.execId)).exited.exit.code).toBe(0);
  await expect(execs.start({ ...spec, idleTimeoutMs: 6000 })).rejects.toMatchObject({
    reason: 'EXEC_ID_REUSED',
  });
});

async function waitFor(spec: ExecSpec) {
  await execs.start(spec);
  return await execs.wait(spec.execId);
}
