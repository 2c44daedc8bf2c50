import { Status } from 'nice-grpc';
import { afterEach, describe, expect, it } from 'vitest';
import type { DeepPartial, ExecRequest, ExecResponse } from '../../gen/codeset/v1/session_service.js';
import { CodesetError } from '../../src/core/errors.js';
import type { ExecEvent, ExecInfo, ExecSpec, TerminalSize } from '../../src/core/exec.js';
import type { AttachOptions, SandboxExecs, StdinWriter } from '../../src/core/ports/execs.js';
import { connect, refusal } from './client.js';
import { scriptedServer, sessionWith, stdinClosed } from './scripted.js';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const STARTED: ExecEvent = { type: 'started', execId: 'e1', stdinOffset: 0 };
const EXITED: ExecEvent = {
  type: 'exited',
  exit: {
    reason: 'EXITED',
    code: 3,
    signal: undefined,
    message: '',
    cpuTimeUs: 1500,
    peakMemoryBytes: 4096,
    shellReset: false,
  },
  stdoutBytes: 5,
  stderrBytes: 0,
  truncated: false,
};

/** Commands that do what a test says: here `cat`, whose output is its input, in memory. */
class ScriptedExecs implements Partial<SandboxExecs> {
  specs: ExecSpec[] = [];
  signals: string[] = [];
  sizes: TerminalSize[] = [];
  received: Buffer[] = [];
  attached: AttachOptions[] = [];
  released = 0;
  ended = false;
  over = false;
  #events: ExecEvent[] = [STARTED];
  #wake: () => void = () => undefined;

  push(event: ExecEvent): void {
    this.#events.push(event);
    this.#wake();
  }

  start = async (spec: ExecSpec): Promise<ExecInfo> => {
    this.specs.push(spec);
    return this.get();
  };

  get = (): ExecInfo =>
    ({ exit: this.over ? (EXITED as { exit: unknown }).exit : undefined }) as unknown as ExecInfo;

  signal = async (_id: string, signal: string): Promise<boolean> => {
    this.signals.push(signal);
    return true;
  };

  resize = (_id: string, size: TerminalSize): void => {
    if (this.specs[0]?.tty === undefined) {
      throw new CodesetError('failed-precondition', 'NO_TERMINAL', 'There is no terminal.');
    }
    this.sizes.push(size);
    this.push(EXITED);
  };

  attach = (_id: string, options: AttachOptions): AsyncIterable<ExecEvent> => {
    this.attached.push(options);
    return this.#follow(options.signal);
  };

  async *#follow(signal: AbortSignal | undefined): AsyncIterable<ExecEvent> {
    for (let at = 0; ;) {
      const event = this.#events[at];
      if (event !== undefined) {
        at++;
        yield event;
        if (event.type === 'exited') return;
      } else if (signal?.aborted === true) return;
      else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
          signal?.addEventListener('abort', () => resolve());
        });
      }
    }
  }

  openStdin = (): StdinWriter => {
    if (this.over) throw stdinClosed();
    let offset = 0;
    return {
      get offset() {
        return offset;
      },
      write: async (at, data) => {
        if (at > offset) throw new CodesetError('invalid-argument', 'STDIN_GAP', 'There is a hole.');
        const fresh = Buffer.from(data.subarray(offset - at));
        this.received.push(fresh);
        this.push({ type: 'output', stream: 'stdout', offset, data: fresh });
        offset += fresh.length;
      },
      end: async () => {
        this.ended = true;
        this.push(EXITED);
      },
      release: () => void this.released++,
    };
  };
}

type Frame = DeepPartial<ExecRequest>;
const START: Frame = {
  frame: {
    $case: 'start',
    value: {
      sessionId: 'ses_own',
      spec: { command: { $case: 'argv', value: { args: ['cat'] } }, stdin: true },
    },
  },
};
const stdin = (text: string, offset?: bigint): Frame => ({
  frame: { $case: 'stdin', value: { data: Buffer.from(text), ...(offset === undefined ? {} : { offset }) } },
});
const resize = (size: { rows?: number; columns?: number } | undefined): Frame => ({
  frame: { $case: 'resize', value: size === undefined ? {} : { size } },
});
const END: Frame = { frame: { $case: 'endOfInput', value: {} } };

async function open(execs: ScriptedExecs) {
  const server = await scriptedServer({ sessions: sessionWith(execs as Partial<SandboxExecs>) ?? {} });
  const client = connect(server.address, 'agent');
  cleanups.push(
    () => server.stop(500),
    () => client.channel.close(),
  );
  return client.sessions;
}

async function* frames(...all: Frame[]) {
  yield* all;
}

/** Never says that it is done, as a client that waits for output does. */
async function* keptOpen(...all: Frame[]) {
  yield* all;
  await new Promise(() => undefined);
}

async function collect(stream: AsyncIterable<ExecResponse>): Promise<NonNullable<ExecResponse['frame']>[]> {
  const all = [];
  for await (const { frame } of stream) if (frame !== undefined) all.push(frame);
  return all;
}

describe('an Exec stream', () => {
  it('says started first, echoes what it was sent and says exited last', async () => {
    const execs = new ScriptedExecs();
    const all = await collect((await open(execs)).exec(keptOpen(START, stdin('ab'), stdin('cde'), END)));
    expect(all.map(({ $case }) => $case)).toEqual(['started', 'output', 'output', 'exited']);
    expect(all[2]).toMatchObject({ value: { stream: 1, offset: 2n, data: Buffer.from('cde') } });
    expect(all[3]).toMatchObject({
      value: { stdoutBytes: 5n, result: { reason: 1, status: { $case: 'exitCode', value: 3 } } },
    });
    expect(execs.released).toBe(1);
  });

  it('carries all 256 byte values and large pieces unchanged', async () => {
    const execs = new ScriptedExecs();
    const bytes = Buffer.from(Array.from({ length: 256 * 1024 }, (_, index) => index % 256));
    const big: Frame = { frame: { $case: 'stdin', value: { data: bytes } } };
    const all = await collect((await open(execs)).exec(keptOpen(START, big, END)));
    const out = all.flatMap((frame) => (frame.$case === 'output' ? [frame.value.data] : []));
    expect(Buffer.concat(out).equals(bytes)).toBe(true);
  });

  it('takes the end of the messages neither for the end of input nor for a cancel', async () => {
    const execs = new ScriptedExecs();
    const stream = (await open(execs)).exec(frames(START));
    setTimeout(() => execs.push(EXITED), 50);
    expect((await collect(stream)).at(-1)?.$case).toBe('exited');
    expect(execs.ended).toBe(false);
  });

  it('lets go of the command when its client cancels', async () => {
    const execs = new ScriptedExecs();
    const abort = new AbortController();
    const stream = (await open(execs)).exec(keptOpen(START, stdin('x')), { signal: abort.signal });
    await expect(
      (async () => {
        for await (const { frame } of stream) if (frame?.$case === 'output') abort.abort();
      })(),
    ).rejects.toThrow();
    await expect.poll(() => execs.attached[0]?.signal?.aborted).toBe(true);
    await expect.poll(() => execs.released).toBe(1);
  });

  it('drops input that overlaps and refuses a hole', async () => {
    const execs = new ScriptedExecs();
    await collect((await open(execs)).exec(keptOpen(START, stdin('abc', 0n), stdin('bcde', 1n), END)));
    expect(Buffer.concat(execs.received).toString()).toBe('abcde');
    const hole = (await open(new ScriptedExecs())).exec(keptOpen(START, stdin('abc', 7n)));
    expect(await refusal(hole)).toMatchObject({ code: Status.INVALID_ARGUMENT, reason: 'STDIN_GAP' });
  });

  it.each<[string, Frame[]]>([
    ['no message at all', []],
    ['input before anything else', [stdin('x')]],
    ['an empty message', [{}]],
    ['two starts', [START, START]],
    [
      'an attach after a start',
      [START, { frame: { $case: 'attach', value: { sessionId: 'ses_own', execId: 'e' } } }],
    ],
  ])('refuses %s', async (_what, all) => {
    const stream = (await open(new ScriptedExecs())).exec(frames(...all));
    expect(await refusal(stream)).toMatchObject({ code: Status.INVALID_ARGUMENT, reason: 'INVALID_STREAM' });
  });

  it('refuses input after its end', async () => {
    const execs = new ScriptedExecs();
    // This command goes on after the end of its input.
    const openStdin = execs.openStdin;
    execs.openStdin = () => ({ ...openStdin(), end: async () => undefined, offset: 0 });
    expect(await refusal((await open(execs)).exec(keptOpen(START, END, stdin('late'))))).toMatchObject({
      reason: 'INVALID_STREAM',
    });
  });

  it('forgives input to a command that has ended meanwhile', async () => {
    const execs = new ScriptedExecs();
    execs.over = true;
    setTimeout(() => execs.push(EXITED), 50);
    const all = await collect((await open(execs)).exec(keptOpen(START, stdin('x'), END)));
    expect(all.at(-1)?.$case).toBe('exited');
  });

  it('names what is wrong with a start', async () => {
    const stream = (await open(new ScriptedExecs())).exec(
      frames({
        frame: {
          $case: 'start',
          value: {
            spec: {
              command: { $case: 'argv', value: { args: [''] } },
              env: { 'A=B': 'x' },
              stopSignal: '9',
              killGrace: { seconds: 3600n },
            },
          },
        },
      }),
    );
    expect(await refusal(stream)).toMatchObject({
      reason: 'INVALID_FIELD',
      fields: [
        'start.session_id',
        'start.spec.argv.args[0]',
        'start.spec.env["A=B"]',
        'start.spec.kill_grace',
        'start.spec.stop_signal',
      ],
    });
  });

  it('passes the size of a terminal on, with 24 lines of 80 where it says none', async () => {
    const start = (tty: { rows?: number; columns?: number }): Frame => ({
      frame: {
        $case: 'start',
        value: { sessionId: 'ses_own', spec: { command: { $case: 'shellLine', value: 'vi' }, tty } },
      },
    });
    const execs = new ScriptedExecs();
    await collect((await open(execs)).exec(keptOpen(start({}), resize({ rows: 10_000, columns: 1 }))));
    expect(execs.specs[0]).toMatchObject({
      tty: { rows: 24, columns: 80 },
      stdin: true,
      stopSignal: 'SIGHUP',
    });
    expect(execs.sizes).toEqual([{ rows: 10_000, columns: 1 }]);
    const bad = (await open(new ScriptedExecs())).exec(frames(start({ rows: 10_001, columns: 70_000 })));
    expect(await refusal(bad)).toMatchObject({
      code: Status.INVALID_ARGUMENT,
      reason: 'INVALID_FIELD',
      fields: ['start.spec.tty.rows', 'start.spec.tty.columns'],
    });
  });

  it('refuses a size that is none, and a size for a command without a terminal', async () => {
    for (const [size, expected] of [
      [undefined, { code: Status.INVALID_ARGUMENT, reason: 'INVALID_FIELD', fields: ['resize.size'] }],
      [
        { rows: 10_001 },
        { code: Status.INVALID_ARGUMENT, reason: 'INVALID_FIELD', fields: ['resize.size.rows'] },
      ],
      [{ rows: 1 }, { code: Status.FAILED_PRECONDITION, reason: 'NO_TERMINAL' }],
    ] as const) {
      const stream = (await open(new ScriptedExecs())).exec(keptOpen(START, resize(size)));
      expect(await refusal(stream)).toMatchObject(expected);
    }
  });

  it('passes the limits of a command on and names those that are out of bounds', async () => {
    const start = (spec: object): Frame => ({
      frame: {
        $case: 'start',
        value: { sessionId: 'ses_own', spec: { command: { $case: 'shellLine', value: 'x' }, ...spec } },
      },
    });
    const execs = new ScriptedExecs();
    execs.push(EXITED);
    const good = { idleTimeout: { seconds: 5n }, maxOutputBytes: 12n, lease: { seconds: 3600n } };
    await collect((await open(execs)).exec(frames(start(good))));
    expect(execs.specs[0]).toMatchObject({
      idleTimeoutMs: 5000,
      maxOutputBytes: 12,
      leaseMs: 3_600_000,
      tty: undefined,
      stopSignal: 'SIGTERM',
    });
    const bad = { idleTimeout: {}, maxOutputBytes: -1n, lease: { seconds: 3601n } };
    expect(await refusal((await open(new ScriptedExecs())).exec(frames(start(bad))))).toMatchObject({
      reason: 'INVALID_FIELD',
      fields: ['start.spec.idle_timeout', 'start.spec.max_output_bytes', 'start.spec.lease'],
    });
  });

  it('ends with SHUTTING_DOWN and not as if it were complete when the service stops', async () => {
    const execs = new ScriptedExecs();
    const server = await scriptedServer({ sessions: sessionWith(execs as Partial<SandboxExecs>) ?? {} });
    const client = connect(server.address, 'agent');
    cleanups.push(() => client.channel.close());
    const stream = refusal(client.sessions.exec(keptOpen(START)));
    await expect.poll(() => execs.attached.length).toBe(1);
    await server.stop(1000);
    expect(await stream).toMatchObject({ code: Status.UNAVAILABLE, reason: 'SHUTTING_DOWN' });
  });
});
