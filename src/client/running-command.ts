import { Writable, type Readable } from 'node:stream';
import { commandExit, type CommandExit } from './command-exit.js';
import { endOnAbort } from './end-command.js';
import { FailedPreconditionError } from './errors.js';
import type { ExecCall } from './exec-call.js';
import type { TerminalSize } from './exec-input.js';
import { OutputQueue, type OutputEvent } from './output-queue.js';
import { SplitOutput } from './split-output.js';
import { isStderr } from './words.js';

/** How a RunningCommand was made. */
export interface RunningCommandOptions {
  /** Whether it takes stdin. */
  readonly stdin: boolean;
  /** Whether it has a terminal, or what finds that out. */
  readonly tty: boolean | (() => Promise<boolean>);
  /** Whether it is ended when its owner is done with it. */
  readonly endsWithOwner: boolean;
  /** Ends it when it is aborted. */
  readonly signal?: AbortSignal | undefined;
  /** How long after the stop signal SIGKILL comes, in milliseconds. */
  readonly killGraceMs?: number;
  readonly stopSignal?: string;
}

/**
 * A command that runs, with its streams. When the connection breaks, also when the service is killed and started
 * again, it is taken up where it was: no byte of any of the three streams is lost or comes twice.
 *
 * What nobody reads is held: after 1 MiB here, and what lies in buffers on the way, the command waits. So read its
 * output, by `output` or by `stdout` and `stderr`, or say `ignoreOutput()`. With `pace: 'detached'` it never waits,
 * and what was not read in time comes as a gap.
 *
 * @example
 * await using child = await session.spawn(['tr', 'a-z', 'A-Z'], { stdin: true });
 * child.stdin.end('hello\n');
 * for await (const chunk of child.stdout) process.stdout.write(chunk); // HELLO
 * const { exitCode } = await child.exited;
 */
export class RunningCommand implements AsyncDisposable {
  /** The command's id: `session.attach` takes it up by this. */
  readonly execId: string;
  /**
   * Resolves when the command has ended and all of its output has come. It does not come while the output is
   * held. @throws CodesetClientError DisconnectedError when the connection was not back in time; the reason of
   * `signal` when that was aborted
   */
  readonly exited: Promise<CommandExit>;
  readonly #call: ExecCall;
  readonly #options: RunningCommandOptions;
  readonly #queue = new OutputQueue();
  #ended = false;
  #split: SplitOutput | undefined;
  #merged = false;
  #stdin: Writable | undefined;
  #terminal: Promise<boolean> | undefined;
  #disposed: Promise<void> | undefined;

  private constructor(call: ExecCall, options: RunningCommandOptions, started: () => void) {
    this.#call = call;
    this.#options = options;
    this.execId = call.execId;
    this.exited = this.#pump(started);
    // Whoever only reads the output learns of a failure there.
    this.exited.catch(() => undefined);
  }

  /** For Session: resolves once the service has started or found the command. */
  static async open(call: ExecCall, options: RunningCommandOptions): Promise<RunningCommand> {
    return new Promise((resolve, reject) => {
      const command = new RunningCommand(call, options, () => resolve(command));
      command.exited.catch(reject);
    });
  }

  /**
   * The command's stdin, a Node stream: `write`, `end`, or `pipe` and `pipeline` into it (`Writable.toWeb` makes a
   * web stream of it). Bytes that the command no longer reads are dropped; it never fails.
   * @throws FailedPreconditionError STDIN_CLOSED when it was started without `stdin: true`
   */
  get stdin(): Writable {
    if (!this.#options.stdin) {
      throw new FailedPreconditionError(
        'FAILED_PRECONDITION',
        'STDIN_CLOSED',
        'This command was started without stdin: give `stdin: true` to spawn.',
      );
    }
    this.#stdin ??= new Writable({
      decodeStrings: true,
      write: (chunk: Buffer, _encoding, done) => void this.#call.sendInput(chunk).then(() => done(), done),
      final: (done) => void this.#call.endInput().then(() => done(), done),
    });
    return this.#stdin;
  }

  /**
   * Both outputs in the order in which they came, with gaps. A loop that was left is gone on with by the next.
   * @throws TypeError when `stdout` or `stderr` were asked for: it is one way or the other
   *
   * @example
   * for await (const event of child.output) {
   *   if (event.type === 'output') process[event.stream].write(event.data);
   * }
   */
  get output(): AsyncIterable<OutputEvent> {
    if (this.#split !== undefined) throw new TypeError(ONE_WAY);
    this.#merged = true;
    const queue = this.#queue;
    return {
      [Symbol.asyncIterator]: () => ({
        next: async () => {
          const value = await queue.next();
          return value === undefined ? { done: true, value } : { done: false, value };
        },
      }),
    };
  }

  /**
   * The command's stdout, a Node stream of Buffers: `for await`, `pipe`, `Readable.toWeb`. A gap is its event
   * `gap` with `{from, to}`. With a tty everything comes here. Read `stderr` as well, or `resume()` it.
   * @throws TypeError when `output` was asked for
   */
  get stdout(): Readable {
    return this.#streams().stdout;
  }

  /** The command's stderr, likewise. */
  get stderr(): Readable {
    return this.#streams().stderr;
  }

  /** From now on drops what the command writes and nobody has read, so that it is not held. */
  ignoreOutput(): void {
    this.#split?.stdout.resume();
    this.#split?.stderr.resume();
    this.#queue.ignore();
  }

  /**
   * Sends a signal to the command's process group, past input that waits. Resolves when it was delivered; while
   * the connection is broken it waits for that.
   * @param signal by name, one of those that SignalExec takes. Default SIGTERM
   * @throws FailedPreconditionError EXEC_ENDED, InvalidArgumentError
   *
   * @example
   * await child.kill('SIGINT'); // KeyboardInterrupt in Python
   */
  kill(signal = 'SIGTERM'): Promise<void> {
    return this.#call.signal(signal);
  }

  /**
   * Gives the command's terminal another size; its foreground process group gets SIGWINCH.
   * @throws TypeError for a size that is none, FailedPreconditionError NO_TERMINAL when it was started without `tty`
   *
   * @example
   * process.stdout.on('resize', () => void child.resize({ rows: process.stdout.rows, columns: process.stdout.columns }));
   */
  async resize(size: TerminalSize): Promise<void> {
    for (const [name, value] of Object.entries(size)) {
      if (!Number.isInteger(value) || value < 1 || value > 10_000)
        throw new TypeError(`${name} must be a whole number from 1 to 10,000, not ${String(value)}.`);
    }
    const { tty } = this.#options;
    this.#terminal ??= typeof tty === 'boolean' ? Promise.resolve(tty) : tty();
    if (!(await this.#terminal)) {
      const message = 'This command has no terminal: give `tty` to spawn.';
      throw new FailedPreconditionError('FAILED_PRECONDITION', 'NO_TERMINAL', message);
    }
    this.#call.resize(size);
  }

  /**
   * Leaves the command: its stream is closed. What was started without `detach` is ended by the service after its
   * lease unless somebody attaches meanwhile. `exited` rejects. Idempotent.
   */
  disconnect(): void {
    this.#call.cancel();
    this.#queue.ignore();
  }

  /**
   * Ends the command, the stop signal first and SIGKILL after its grace, and waits for that; a detached or
   * attached one is only left. Idempotent, never throws.
   */
  [Symbol.asyncDispose](): Promise<void> {
    this.#disposed ??= this.#dispose();
    return this.#disposed;
  }

  async #dispose(): Promise<void> {
    this.ignoreOutput();
    if (!this.#ended && this.#options.endsWithOwner) await this.#stop();
    this.disconnect();
  }

  async #stop(): Promise<void> {
    const { stopSignal = 'SIGTERM', killGraceMs = 0 } = this.#options;
    const over = this.exited.then(
      () => true,
      () => true,
    );
    const reached = await Promise.race([over, this.#tried(stopSignal)]);
    if (!reached || this.#ended) return;
    let timer: NodeJS.Timeout | undefined;
    const grace = new Promise<boolean>((resolve) => (timer = setTimeout(() => resolve(false), killGraceMs)));
    const ended = await Promise.race([over, grace]);
    clearTimeout(timer);
    if (!ended && (await Promise.race([over, this.#tried('SIGKILL')]))) await over;
  }

  /** Whether the signal was taken; nothing can be done about a service that is gone. */
  #tried(signal: string): Promise<boolean> {
    return this.#call.signal(signal).then(
      () => true,
      () => false,
    );
  }

  #streams(): SplitOutput {
    if (this.#merged) throw new TypeError(ONE_WAY);
    this.#split ??= new SplitOutput(this.#queue);
    return this.#split;
  }

  async #pump(started: () => void): Promise<CommandExit> {
    using _abort = endOnAbort(this.#call, this.#options.signal);
    try {
      for await (const { frame } of this.#call.responses()) {
        if (frame?.$case === 'output') {
          const { stream, offset, data } = frame.value;
          const name = isStderr(stream) ? 'stderr' : 'stdout';
          const full = this.#queue.push({ type: 'output', stream: name, offset: Number(offset), data });
          if (full !== undefined) await full;
        } else if (frame?.$case === 'gap') {
          const { stream, fromOffset, toOffset } = frame.value;
          const name = isStderr(stream) ? 'stderr' : 'stdout';
          const hole = { from: Number(fromOffset), to: Number(toOffset) };
          await this.#queue.push({ type: 'gap', stream: name, ...hole });
        } else if (frame?.$case === 'started') {
          started();
        } else if (frame?.$case === 'exited') {
          this.#queue.end();
          return commandExit(frame.value);
        }
      }
      throw new Error('The stream of the command ended without its end.');
    } catch (error) {
      this.#queue.end({ error });
      throw error;
    } finally {
      this.#ended = true;
    }
  }
}

const ONE_WAY =
  'Read `output`, or `stdout` and `stderr`: what was taken by one way does not come by the other.';
