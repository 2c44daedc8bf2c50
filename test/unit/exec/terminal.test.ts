import { createHash } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ExecSpec, TerminalSize } from '../../../src/core/exec.js';
import type { SandboxExecs } from '../../../src/core/ports/execs.js';
import { extent } from '../../support/extent.js';
import { ended, InitProcess, read, run, sh } from './init-process.js';

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

const SIZE: TerminalSize = { rows: 24, columns: 80 };

const tty = (line: string, more: Partial<ExecSpec> = {}): ExecSpec =>
  sh(line, { tty: SIZE, stdin: true, stopSignal: 'SIGHUP', ...more });

/** Resolves when the command has written that. */
async function shows(spec: ExecSpec, text: string, from: SandboxExecs = execs): Promise<void> {
  let all = '';
  for await (const event of from.attach(spec.execId, {
    from: { stdout: 0, stderr: 0 },
    hold: false,
    pace: 'detached',
  })) {
    if (event.type === 'output') all += Buffer.from(event.data).toString();
    if (all.includes(text)) return;
  }
  throw new Error(`"${text}" did not come, only ${JSON.stringify(all)}`);
}

test('a command on a terminal has all of its output on stdout, and the size that was asked for', async () => {
  const spec = tty(
    'test -t 0 && test -t 1 && test -t 2; echo $?; stty size; echo err >&2; echo $TERM; exit 3',
    {
      tty: { rows: 7, columns: 133 },
    },
  );
  const seen = await run(execs, spec);
  expect(seen.stdout.toString()).toBe('0\r\n7 133\r\nerr\r\nxterm-256color\r\n');
  expect(seen.stderr.length).toBe(0);
  expect(seen.exited).toMatchObject({
    exit: { reason: 'EXITED', code: 3 },
    stderrBytes: 0,
    truncated: false,
  });
});

test("the caller's TERM is stronger than ours", async () => {
  expect((await run(execs, tty('echo $TERM', { env: { TERM: 'dumb' } }))).stdout.toString()).toBe('dumb\r\n');
  expect((await run(execs, sh('echo ${TERM-none}'))).stdout.toString()).toBe('none\n');
});

test('a resize right after the start arrives, and a later one is told by SIGWINCH', async () => {
  for (let round = 0; round < extent(10, 100); round++) {
    const spec = tty(`while [ "$(stty size)" != '50 101' ]; do sleep 0.01; done; echo seen`);
    await execs.start(spec);
    execs.resize(spec.execId, { rows: 50, columns: 101 });
    expect((await read(execs, spec.execId)).stdout.toString()).toBe('seen\r\n');
  }
  const spec = tty(`trap 'stty size; exit 4' WINCH; echo ready; while :; do sleep 0.02; done`);
  await execs.start(spec);
  await shows(spec, 'ready');
  execs.resize(spec.execId, { rows: 30, columns: 99 });
  expect(ended(await execs.wait(spec.execId))).toBe('EXITED EXITED 4');
  expect((await read(execs, spec.execId)).stdout.toString()).toBe('ready\r\n30 99\r\n');
  expect(execs.get(spec.execId).terminal).toEqual({ rows: 30, columns: 99 });
  // Nothing is wrong with one that comes too late.
  execs.resize(spec.execId, SIZE);
});

test('a command without a terminal cannot be resized', async () => {
  const spec = sh('true');
  await run(execs, spec);
  expect(() => execs.resize(spec.execId, SIZE)).toThrow(
    expect.objectContaining({ kind: 'failed-precondition', reason: 'NO_TERMINAL' }),
  );
});

test.each([['whole line\n'], ['half a line'], ['']])(
  'the end of the input %j is the end for the reader, and no hang-up',
  async (input) => {
    const spec = tty("stty -echo; printf '> '; cat; echo; echo after; test -t 0");
    await execs.start(spec);
    await shows(spec, '> ');
    const writer = execs.openStdin(spec.execId);
    await writer.write(0, Buffer.from(input));
    await writer.end();
    const seen = await read(execs, spec.execId);
    expect(seen.exited.exit.code).toBe(0);
    expect(seen.stdout.toString()).toBe(`> ${input.replace('\n', '\r\n')}\r\nafter\r\n`);
    expect(() => execs.openStdin(spec.execId)).toThrow(expect.objectContaining({ reason: 'STDIN_CLOSED' }));
  },
);

test('^C typed into a terminal is a SIGINT for what runs in its foreground', async () => {
  // In short sleeps: Python may look for a signal just before one begins, and sees it when that is over.
  const program = `import time
try:
  print(1, flush=True)
  while True: time.sleep(0.02)
except KeyboardInterrupt: print('interrupted')`;
  const spec = tty(`python3 -c "${program}"`);
  await execs.start(spec);
  await shows(spec, '1\r\n');
  await execs.openStdin(spec.execId).write(0, Buffer.from('\x03'));
  expect((await read(execs, spec.execId)).stdout.toString()).toContain('interrupted\r\n');
});

test('a signal reaches the job that an interactive shell runs, and an ending hangs up the shell', async () => {
  const spec = tty('exec bash --norc -i', { env: { PS1: 'ready> ' }, killGraceMs: 20_000 });
  await execs.start(spec);
  await shows(spec, 'ready> ');
  const writer = execs.openStdin(spec.execId);
  await writer.write(
    0,
    Buffer.from('sh -c \'trap "echo got it; exit" INT; echo w""aits; while :; do sleep 0.02; done\'\n'),
  );
  await shows(spec, 'waits');
  expect(await execs.signal(spec.execId, 'SIGINT')).toBe(true);
  await shows(spec, 'got it');
  // SIGTERM would be ignored by an interactive bash, and the whole grace would pass.
  await execs.cancel(spec.execId);
  expect(ended(execs.get(spec.execId))).toBe('EXITED CANCELLED SIGHUP');
});

test('a hang-up that a shell missed between looking for it and reading on comes once more', async () => {
  const line = `trap 'n=$((n+1)); [ $n = 2 ] && exit 7' HUP; echo re''ady; while :; do sleep 0.02; done`;
  const spec = tty(line, { killGraceMs: 20_000 });
  await execs.start(spec);
  await shows(spec, 'ready');
  await execs.cancel(spec.execId);
  expect(ended(execs.get(spec.execId))).toBe('EXITED CANCELLED 7');
});

test('much output on a terminal is complete, also without a newline at its end, and whatever the link does', async () => {
  const lines = extent(200_000, 2_000_000);
  const spec = tty(`stty -opost; seq ${lines}; printf end`);
  await execs.start(spec);
  const whole = createHash('sha256');
  for (let i = 1; i <= lines; i++) whole.update(`${i}\n`);
  const reading = read(execs, spec.execId);
  for (let cuts = 0; cuts < 4; cuts++) {
    await shows(spec, `\n${cuts * 1000 + 1000}\n`);
    init.cut();
  }
  const seen = await reading;
  expect(createHash('sha256').update(seen.stdout.subarray(0, -3)).digest('hex')).toBe(whole.digest('hex'));
  expect(seen.stdout.subarray(-3).toString()).toBe('end');
});

test('every byte value passes a raw terminal both ways', async () => {
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
  const spec = tty("stty raw -echo; printf 'go '; head -c 256");
  await execs.start(spec);
  await shows(spec, 'go ');
  await execs.openStdin(spec.execId).write(0, bytes);
  expect((await read(execs, spec.execId)).stdout).toEqual(Buffer.concat([Buffer.from('go '), bytes]));
});

test('a megabyte typed at a slow program arrives whole', async () => {
  const line = `${'x'.repeat(1022)}\n`;
  const spec = tty("stty -echo -opost; printf 'go '; sleep 0.3; head -n 1000 | sha256sum");
  await execs.start(spec);
  await shows(spec, 'go ');
  const writer = execs.openStdin(spec.execId);
  for (let i = 0; i < 1000; i++) await writer.write(writer.offset, Buffer.from(line));
  const digest = createHash('sha256').update(line.repeat(1000)).digest('hex');
  expect((await read(execs, spec.execId)).stdout.toString()).toBe(`go ${digest}  -\n`);
});

test('a job in the background keeps the terminal after the exit, which is told at once', async () => {
  const spec = tty(
    "trap '' HUP; (while [ ! -e /tmp/go-$$ ]; do sleep 0.02; done; rm /tmp/go-$$; echo later) & echo $$",
  );
  const seen = await run(execs, spec);
  expect(seen.exited.exit.code).toBe(0);
  const pid = seen.stdout.toString().trim();
  await run(execs, sh(`touch /tmp/go-${pid}`));
  await expect.poll(() => execs.get(spec.execId).stdoutBytes).toBe(pid.length + 2 + 7);
});

test('a terminal goes on while the service is killed, with its size and every byte', async () => {
  await using own = await InitProcess.start();
  for (let round = 0; round < extent(3, 20); round++) {
    const life = own.life();
    const first = await own.open({ ownerId: `ses_tty_${round}`, dial: life.dial });
    const spec = tty('stty -opost; seq 100000; read -r word; echo "$word"; stty size; exit 9');
    await first.start(spec);
    if (round > 0) await shows(spec, '\n500\n', first);
    first.resize(spec.execId, { rows: 11, columns: 22 });
    // The size has been taken when the answer to a later frame is there.
    await first.signal(spec.execId, 'SIGCONT');
    life.kill();
    const second = await own.open({ ownerId: life.copyOf(`ses_tty_${round}`) });
    void first.end();
    expect(second.get(spec.execId).terminal).toEqual({ rows: 11, columns: 22 });
    // Typed before stty has run, it would be echoed with a carriage return.
    await shows(spec, '1\n2\n', second);
    await second.openStdin(spec.execId).write(0, Buffer.from('typed\n'));
    const seen = await read(second, spec.execId);
    expect(seen.exited.exit.code).toBe(9);
    expect(seen.gaps).toEqual([]);
    const text = seen.stdout.toString();
    expect(text.replace('typed\n', '')).toBe(
      `${Array.from({ length: 100_000 }, (_, i) => `${i + 1}\n`).join('')}typed\n11 22\n`,
    );
    await second.end();
  }
});
