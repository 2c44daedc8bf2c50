import { createHash } from 'node:crypto';
import { Status } from 'nice-grpc';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ExitReason, OutputPace } from '../../gen/codeset/v1/exec.js';
import type { ExecRequest } from '../../gen/codeset/v1/session_service.js';
import { refusal, type TestClient } from '../rpc/client.js';
import { driveExec } from '../support/exec-call.js';
import { extent } from '../support/extent.js';
import { hostSession, sh, startService, type TestService } from '../support/service.js';

/*
 * Failures that other services had with their streams, each in a real sandbox over the real wire:
 *
 *  8 a flood at flat memory, its cut told      'a flood …'
 *  9 a reader that stalls                      'a reader that stalls …'
 * 10 a child that holds stdout                 'the exit is told …'
 * 11 output after the end of input             'output after the end of input …'
 * 12 large output of a terminal; no newline at the end; every byte value; UTF-8 split; a megabyte of arguments;
 *    much input to a slow reader and to none   'a terminal' and 'bytes'
 * 13 `seq 2000000`, again and again            'two million lines …'
 * 14 a resize right after the start            'a terminal'
 * 15 first frames that are none                'what a stream refuses'
 */

type Frame = NonNullable<ExecRequest['frame']>;

let service: TestService;
let admin: TestClient;
let sessionId: string;

beforeAll(async () => {
  service = await startService();
  admin = service.admin;
  sessionId = await hostSession(admin);
}, 120_000);

afterAll(async () => {
  await service?.[Symbol.asyncDispose]();
});

const MIB = 1024 * 1024;

const start = (line: string, spec: object = {}, pace = OutputPace.BACKPRESSURE): Frame =>
  ({
    $case: 'start',
    value: { sessionId, spec: { command: { $case: 'shellLine', value: line }, ...spec }, pace },
  }) as unknown as Frame;

const attach = (execId: string, stdoutOffset = 0n): Frame =>
  ({ $case: 'attach', value: { sessionId, execId, stdoutOffset } }) as unknown as Frame;

const stdin = (data: string | Buffer): Frame => ({
  $case: 'stdin',
  value: { data: Buffer.from(data), offset: undefined },
});
const END: Frame = { $case: 'endOfInput', value: {} };
const resize = (rows: number, columns: number): Frame => ({
  $case: 'resize',
  value: { size: { rows, columns } },
});
const EXIT_0 = { $case: 'exitCode', value: 0 };

/** Frames that a test sends when it likes. */
function conversation() {
  const waiting: Frame[] = [];
  let wake = (): void => undefined;
  return {
    say: (...frames: Frame[]): void => {
      waiting.push(...frames);
      wake();
    },
    frames: (async function* (): AsyncGenerator<Frame> {
      for (;;) {
        const next = waiting.shift();
        if (next === undefined) await new Promise<void>((resolve) => (wake = resolve));
        else yield next;
      }
    })(),
  };
}

/** A call whose answers nobody reads after `started`. */
async function stall(first: Frame): Promise<{ stop: () => void; rest: () => Promise<unknown> }> {
  const abort = new AbortController();
  const call = admin.sessions.exec(
    (async function* () {
      yield { frame: first };
      await new Promise(() => undefined);
    })(),
    { signal: abort.signal },
  );
  const answers = call[Symbol.asyncIterator]();
  await answers.next();
  return {
    stop: () => abort.abort(),
    rest: async () => {
      let last: unknown;
      for (let next = await answers.next(); next.done !== true; next = await answers.next()) {
        last = next.value.frame;
      }
      return last;
    },
  };
}

describe('a terminal', () => {
  test("is the sandbox's own, belongs to the command's user, and can be opened anew", async () => {
    const seen = await driveExec(admin, [
      start('tty; stat -c "%U %a" "$(tty)"; echo anew >"$(tty)"; echo again >/dev/tty; id -un', { tty: {} }),
    ]);
    const lines = seen.stdout.toString().split('\r\n');
    expect(lines[0]).toMatch(/^\/dev\/pts\/\d+$/);
    expect(lines.slice(2, 4)).toEqual(['anew', 'again']);
    expect(lines[1]).toBe(`${lines[4]} 620`);
    expect(seen.exited?.result?.status).toEqual({ $case: 'exitCode', value: 0 });
  });

  test("is the root's where root asks for it, and shows its size in GetExec", async () => {
    const execId = 'root-terminal';
    const seen = await driveExec(admin, [
      start('stat -c %u "$(tty)"; stty size', { execId, user: 'root', tty: { rows: 3, columns: 4 } }),
    ]);
    expect(seen.stdout.toString()).toBe('0\r\n3 4\r\n');
    const { exec } = await admin.sessions.getExec({ sessionId, execId });
    expect(exec?.tty).toEqual({ rows: 3, columns: 4 });
    expect(exec?.stderrBytes).toBe(0n);
  });

  test('takes RunCommand and its stdin, whose end is ^D', async () => {
    const { exec, stdout } = await admin.sessions.runCommand({
      sessionId,
      spec: { command: { $case: 'shellLine', value: 'stty -echo; cat' }, tty: {} },
      stdin: Buffer.from('typed'),
    });
    expect(exec?.result?.status).toEqual({ $case: 'exitCode', value: 0 });
    expect(stdout?.head.toString()).toContain('typed');
  });

  test('gets a resize that is sent right after the start, and tells of one by SIGWINCH', async () => {
    for (let round = 0; round < extent(5, 50); round++) {
      const { frames, say } = conversation();
      say(
        start('while [ "$(stty size)" != \'44 155\' ]; do sleep 0.01; done; echo seen', { tty: {} }),
        resize(44, 155),
      );
      expect((await driveExec(admin, frames)).stdout.toString()).toBe('seen\r\n');
    }
    const { frames, say } = conversation();
    say(start("trap 'stty size; exit' WINCH; echo ready; while :; do sleep 0.02; done", { tty: {} }));
    const seen = await driveExec(admin, frames, {
      onData: (data) => {
        if (data.includes('ready')) say(resize(3, 2));
      },
    });
    expect(seen.stdout.toString()).toBe('ready\r\n3 2\r\n');
  });

  test('carries much output whole, without a newline at its end', async () => {
    const lines = extent(100_000, 1_000_000);
    const seen = await driveExec(admin, [start(`seq ${lines}; printf end`, { tty: {} })]);
    const hash = createHash('sha256');
    for (let i = 1; i <= lines; i++) hash.update(`${i}\r\n`);
    expect(createHash('sha256').update(seen.stdout).digest('hex')).toBe(hash.update('end').digest('hex'));
  });
});

describe('bytes', () => {
  test('of every value, and characters cut in two, come as they are, with no newline added', async () => {
    const bytes = Buffer.concat([
      Buffer.from(Array.from({ length: 256 }, (_, i) => i)),
      Buffer.from('ends in the middle of \u{1F600}').subarray(0, -2),
    ]);
    const { frames, say } = conversation();
    say(start('cat; cat >&2', { stdin: true }));
    for (const byte of bytes) say(stdin(Buffer.of(byte)));
    say(END);
    const seen = await driveExec(admin, frames);
    expect(seen.stdout).toEqual(bytes);
    expect(seen.stderr.length).toBe(0);
  });

  test('output after the end of input comes, and the exit after it', async () => {
    const { frames, say } = conversation();
    say(start('cat; sleep 0.1; echo after; echo more >&2; exit 3', { stdin: true }), stdin('in '), END);
    const seen = await driveExec(admin, frames);
    expect(seen.stdout.toString()).toBe('in after\n');
    expect(seen.stderr.toString()).toBe('more\n');
    expect(seen.exited?.result?.status).toEqual({ $case: 'exitCode', value: 3 });
  });

  test('a megabyte of arguments arrives, and more is refused before anything runs', async () => {
    const words = Array.from({ length: 15 }, (_, i) => String(i % 10).repeat(70_000));
    const run = (args: string[]) =>
      admin.sessions.runCommand({
        sessionId,
        spec: { command: { $case: 'argv', value: { args } } },
        maxOutputBytes: MIB,
      });
    const { exec, stdout } = await run(['sh', '-c', 'printf %s "$*" | sha256sum', 'sh', ...words]);
    expect(exec?.result?.status).toEqual(EXIT_0);
    expect(stdout?.head.toString().slice(0, 64)).toBe(
      createHash('sha256').update(words.join(' ')).digest('hex'),
    );
    expect(await refusal(run(['printf', ...words, ...words]))).toMatchObject({
      code: Status.INVALID_ARGUMENT,
      reason: 'INVALID_FIELD',
      fields: ['spec.argv.args'],
    });
    expect(await refusal(run(['printf', 'x'.repeat(140_000)]))).toMatchObject({
      fields: ['spec.argv.args[1]'],
    });
  });

  test('a hundred megabytes of input reach a program that is slow, and hang nobody where one does not read', async () => {
    const block = Buffer.alloc(256 * 1024, 'input ');
    const blocks = extent(80, 400);
    const feed = async function* (line: string): AsyncGenerator<Frame> {
      yield start(line, { stdin: true });
      for (let i = 0; i < blocks; i++) yield stdin(block);
      yield END;
    };
    const slow = await driveExec(admin, feed('head -c 1000000 >/dev/null; sleep 0.3; wc -c'));
    expect(Number(slow.stdout.toString())).toBe(blocks * block.length - 1_000_000);
    const early = await driveExec(
      admin,
      feed('head -c 10 >/dev/null; exec <&-; sleep 0.2; echo gone; exit 6'),
    );
    expect(early.stdout.toString()).toBe('gone\n');
    expect(early.exited?.result?.status).toEqual({ $case: 'exitCode', value: 6 });
  });

  test('two million lines come complete, every time', async () => {
    const whole = createHash('sha256');
    for (let i = 1; i <= 2_000_000; i++) whole.update(`${i}\n`);
    const expected = whole.digest('hex');
    for (let round = 0; round < extent(2, 100); round++) {
      const hash = createHash('sha256');
      const seen = await driveExec(admin, [start('seq 2000000')], {
        onData: (data) => hash.update(data),
      });
      expect(seen.exited?.stdoutBytes).toBe(14_888_896n);
      expect(seen.gaps).toBe(0);
      expect(hash.digest('hex')).toBe(expected);
    }
  });
});

describe('a reader', () => {
  test('that stalls holds its own command and nothing else, and gets every byte when it goes on', async () => {
    const execId = 'stalled';
    const bytes = 20_000_000;
    const stalled = await stall(start(`head -c ${bytes} /dev/zero; echo done >&2`, { execId }));
    expect((await sh(admin, sessionId, 'echo quick')).stdout).toBe('quick\n');
    const { exec } = await admin.sessions.getExec({ sessionId, execId });
    expect(exec?.result).toBeUndefined();
    expect(await stalled.rest()).toMatchObject({
      $case: 'exited',
      value: { stdoutBytes: BigInt(bytes), truncated: false, result: { status: EXIT_0 } },
    });
  });

  test('that stalls slows no other, and is told what it missed', async () => {
    const execId = 'two-readers';
    const lines = 4_000_000;
    const stalled = await stall(start(`seq ${lines}`, { execId }));
    const other = await driveExec(admin, [attach(execId)]);
    expect(other.exited?.stdoutBytes).toBe(30_888_896n);
    expect(other.exited?.truncated).toBe(true);
    expect(await stalled.rest()).toMatchObject({ $case: 'exited', value: { truncated: true } });
  });

  test('that stalls keeps the end of its command from nobody, and gets every byte', async () => {
    const ways: [string, object, ExitReason][] = [
      ['kill', {}, ExitReason.SIGNALLED],
      ['timeout', { timeout: { seconds: 1n }, stopSignal: 'SIGKILL' }, ExitReason.TIMEOUT],
    ];
    for (const [name, spec, reason] of ways) {
      const execId = `held-${name}`;
      const stalled = await stall(start('yes & yes >&2', { execId, ...spec }));
      // The command is held: its record no longer grows.
      for (let before = -1n, now = 0n; before !== now || now === 0n;) {
        before = now;
        now = (await admin.sessions.getExec({ sessionId, execId })).exec?.stdoutBytes ?? 0n;
      }
      if (name === 'kill') await admin.sessions.signalExec({ sessionId, execId, signal: 'SIGKILL' });
      const { exec } = await waitFor(execId);
      expect(exec?.result?.reason).toBe(reason);
      expect(await stalled.rest()).toMatchObject({
        $case: 'exited',
        value: { truncated: false, stdoutBytes: exec?.stdoutBytes, stderrBytes: exec?.stderrBytes },
      });
    }
  });

  test('that stalls does not delay the closing of its session', async () => {
    const own = await hostSession(admin);
    const line = start('yes');
    const stalled = await Promise.all(
      Array.from({ length: 8 }, () => stall({ ...line, value: { ...line.value, sessionId: own } } as Frame)),
    );
    // Nobody reads on before the answer is there.
    await admin.sessions.closeSession({ sessionId: own });
    for (const { rest } of stalled) {
      expect(await rest()).toMatchObject({
        $case: 'exited',
        value: { result: { reason: ExitReason.SESSION_ENDED } },
      });
    }
  });

  test('that never comes back leaves nobody without an answer', async () => {
    const gone = await Promise.all(Array.from({ length: 20 }, () => stall(start('yes', { lease: {} }))));
    expect((await sh(admin, sessionId, 'echo fine')).stdout).toBe('fine\n');
    for (const { stop } of gone) stop();
    await expect.poll(async () => (await sh(admin, sessionId, 'pgrep -c yes')).stdout).toBe('0\n');
  });
});

test('a flood runs to its end beside a stalled reader, at flat memory, and its cut is told', async () => {
  const execId = 'flood';
  const bytes = extent(300_000_000, 10_000_000_000);
  const memory = (): number => process.memoryUsage().rss;
  const before = memory();
  let peak = 0;
  const sampler = setInterval(() => (peak = Math.max(peak, memory())), 20);
  const spec = { execId, detach: true };
  const line = `echo head; head -c ${bytes} /dev/zero; echo tail`;
  const stalled = await stall(start(line, spec, OutputPace.DETACHED));
  const { exec, stdout } = await waitFor(execId);
  clearInterval(sampler);
  const total = BigInt(bytes) + 10n;
  expect(exec?.result).toMatchObject({ reason: ExitReason.EXITED, status: EXIT_0 });
  expect(exec?.stdoutBytes).toBe(total);
  expect(stdout?.head.subarray(0, 5).toString()).toBe('head\n');
  expect(stdout?.tail.subarray(-5).toString()).toBe('tail\n');
  expect(stdout?.tailOffset).toBe(total - BigInt(stdout?.tail.length ?? 0));
  // The service and its clients are one process here.
  expect(peak - before).toBeLessThan(160 * MIB);
  expect(await stalled.rest()).toMatchObject({
    $case: 'exited',
    value: { stdoutBytes: total, truncated: true },
  });
  const again = await driveExec(admin, [attach(execId)]);
  expect(again.gaps).toBe(1);
  expect(again.stdout.length).toBeLessThan(21 * MIB);
}, 600_000);

async function waitFor(execId: string) {
  for (;;) {
    const answer = await admin.sessions.waitExec({ sessionId, execId, timeout: { seconds: 600n } });
    if (answer.exec?.result !== undefined) return answer;
  }
}

test('the exit is told while a child that lives on holds the output, and what it writes is read on', async () => {
  const execId = 'server';
  const line = '(while [ ! -e /tmp/go ]; do sleep 0.02; done; echo served; exec sleep 365d) & echo started';
  const seen = await driveExec(admin, [start(line, { execId })]);
  expect(seen.stdout.toString()).toBe('started\n');
  expect(seen.exited?.result?.status).toEqual(EXIT_0);
  await sh(admin, sessionId, 'touch /tmp/go');
  const all = async () => (await admin.sessions.waitExec({ sessionId, execId })).stdout?.head.toString();
  await expect.poll(all).toBe('started\nserved\n');
  expect((await driveExec(admin, [attach(execId, 8n)], { stdout: 8 })).stdout.toString()).toBe('served\n');
});

describe('what a stream refuses', () => {
  const first = (...frames: (Frame | undefined)[]) =>
    admin.sessions.exec(
      (async function* () {
        for (const frame of frames) yield { frame };
        // A client that waits for its answer.
        await new Promise(() => undefined);
      })(),
    );
  const cat = (): Frame => start('cat', { stdin: true, lease: {} });

  test.each<[string, () => (Frame | undefined)[], object]>([
    ['an empty first message', () => [undefined], { reason: 'INVALID_STREAM' }],
    ['input first', () => [stdin('x')], { reason: 'INVALID_STREAM' }],
    ['a resize first', () => [resize(1, 1)], { reason: 'INVALID_STREAM' }],
    ['two starts', () => [cat(), cat()], { reason: 'INVALID_STREAM' }],
    ['an attach after a start', () => [cat(), attach('x')], { reason: 'INVALID_STREAM' }],
    [
      'input after its end',
      () => [start('sleep 300', { stdin: true, lease: {} }), END, stdin('x')],
      { reason: 'INVALID_STREAM' },
    ],
    [
      'a second end of input',
      () => [start('sleep 300', { stdin: true, lease: {} }), END, END],
      { reason: 'INVALID_STREAM' },
    ],
    [
      'a frame of more than 1 MiB of input',
      () => [cat(), stdin(Buffer.alloc(MIB + 1))],
      { reason: 'INVALID_STREAM' },
    ],
    [
      'a hole in the input',
      () => [cat(), { $case: 'stdin', value: { data: Buffer.from('x'), offset: 7n } }],
      { reason: 'STDIN_GAP' },
    ],
    [
      'input for a command without',
      () => [start('sleep 300', { lease: {} }), stdin('x')],
      { code: Status.FAILED_PRECONDITION, reason: 'STDIN_CLOSED' },
    ],
    [
      'a size for a command without a terminal',
      () => [cat(), resize(1, 1)],
      { code: Status.FAILED_PRECONDITION, reason: 'NO_TERMINAL' },
    ],
    [
      'a signal that is none',
      () => [cat(), { $case: 'signal', value: { signal: 'SIGFOO' } }],
      { reason: 'INVALID_FIELD', fields: ['signal.signal'] },
    ],
    ['an exec that is none', () => [attach('nothing')], { code: Status.NOT_FOUND, reason: 'EXEC_NOT_FOUND' }],
    [
      'no argument',
      () => [
        {
          $case: 'start',
          value: { sessionId, spec: { command: { $case: 'argv', value: { args: [] } } } },
        } as unknown as Frame,
      ],
      { reason: 'INVALID_FIELD', fields: ['start.spec.argv.args'] },
    ],
    [
      'a NUL in an argument',
      () => [start('echo \0')],
      { reason: 'INVALID_FIELD', fields: ['start.spec.shell_line'] },
    ],
  ])('%s', async (_what, frames, expected) => {
    expect(await refusal(first(...frames()))).toMatchObject({ code: Status.INVALID_ARGUMENT, ...expected });
    expect((await sh(admin, sessionId, 'echo unharmed')).stdout).toBe('unharmed\n');
  });

  test('an offset beyond the end of what was written', async () => {
    const execId = 'four';
    await driveExec(admin, [start('echo abc', { execId })]);
    expect(await refusal(first(attach(execId, 5n)))).toMatchObject({
      code: Status.OUT_OF_RANGE,
      reason: 'OFFSET_OUT_OF_RANGE',
    });
    expect((await driveExec(admin, [attach(execId, 4n)])).stdout.length).toBe(0);
  });

  test.each<[string, object, number, RegExp]>([
    [
      'a program that is not there',
      { command: { $case: 'argv', value: { args: ['no-such-program'] } } },
      127,
      /no such file/,
    ],
    [
      'a folder for a program',
      { command: { $case: 'argv', value: { args: ['/etc'] } } },
      126,
      /permission denied/,
    ],
    [
      'a working directory that is not there',
      { workdir: '/no/such' },
      126,
      /"\/no\/such" could not be entered/,
    ],
    ['a user that is not there', { user: 'nobody-knows' }, 126, /no such user/],
  ])('%s is an exit as of a shell', async (_what, more, code, message) => {
    const { exited } = await driveExec(admin, [start('true', more)]);
    expect(exited?.result).toMatchObject({
      reason: ExitReason.START_FAILED,
      status: { $case: 'exitCode', value: code },
    });
    expect(exited?.result?.message).toMatch(message);
  });
});

describe('one exec id', () => {
  test('is one command, however often its start is sent, and every sender sees all of it', async () => {
    const once = start('read -r go; echo ran; echo "$CODESET_EXEC_ID" >>ran', {
      execId: 'once',
      stdin: true,
    });
    const calls = Array.from({ length: 5 }, () => driveExec(admin, [once]));
    const { frames, say } = conversation();
    say(once, stdin('go\n'));
    for (const seen of await Promise.all([...calls, driveExec(admin, frames)])) {
      expect(seen.stdout.toString()).toBe('ran\n');
      expect(seen.exited?.result?.status).toEqual(EXIT_0);
    }
    expect((await sh(admin, sessionId, 'cat ran')).stdout).toBe('once\n');
  });

  test('is not another command', async () => {
    await driveExec(admin, [start('true', { execId: 'taken' })]);
    const other = admin.sessions.exec(
      (async function* () {
        yield { frame: start('false', { execId: 'taken' }) };
      })(),
    );
    expect(await refusal(other)).toMatchObject({ code: Status.ALREADY_EXISTS, reason: 'EXEC_ID_REUSED' });
  });
});
