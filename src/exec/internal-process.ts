import type { ExecExit } from '../core/exec.js';
import type { InternalProcess, InternalSpec } from '../core/ports/execs.js';
import { exitOfFailedStart, exitOfLost, exitOfReport } from './exit.js';
import { SIGKILL } from './linux.js';
import type { ExitReport, KnownExec, LinkTarget } from './link-target.js';
import type { SandboxLink } from './sandbox-link.js';
import { OUTPUT_WINDOW } from './spawn-frame.js';
import { StdinChannel } from './stdin-channel.js';

const STDERR_BYTES = 64 * 1024;

/** A command of ours: its output goes straight to whoever reads it, and init keeps what is not read yet. */
export class DirectProcess implements InternalProcess, LinkTarget {
  readonly stdin: InternalProcess['stdin'];
  readonly stdout: AsyncIterable<Uint8Array>;
  readonly exit: Promise<ExecExit>;
  readonly #link: SandboxLink;
  readonly #key: number;
  readonly #mark: string;
  readonly #spec: InternalSpec;
  readonly #spawnFrame: Buffer | undefined;
  readonly #channel: StdinChannel;
  readonly #onGone: () => void;
  readonly #received: [number, number] = [0, 0];
  readonly #ends: [number | undefined, number | undefined] = [undefined, undefined];
  #acked = 0;
  #consumed = 0;
  #queue: Uint8Array[] = [];
  #stderr: Buffer[] = [];
  #stderrKept = 0;
  #report: ExitReport | undefined;
  #exit: ExecExit | undefined;
  #startedOnce = false;
  #discards = false;
  #timedOut = false;
  #killed = false;
  #timer: NodeJS.Timeout | undefined;
  #wake: (() => void) | undefined;
  #resolveExit: (exit: ExecExit) => void = () => undefined;

  /**
   * @param spawnFrame undefined for one that an earlier life of the service started.
   * @param onGone called when nothing more will come.
   */
  private constructor(
    link: SandboxLink,
    key: number,
    mark: string,
    spec: InternalSpec,
    spawnFrame: Buffer | undefined,
    onGone: () => void,
  ) {
    this.#link = link;
    this.#key = key;
    this.#mark = mark;
    this.#spec = spec;
    this.#spawnFrame = spawnFrame;
    this.#onGone = onGone;
    this.#channel = new StdinChannel(link, key, spec.stdin);
    this.exit = new Promise((resolve) => (this.#resolveExit = resolve));
    this.stdout = { [Symbol.asyncIterator]: () => this.#read() };
    const writer = spec.stdin ? this.#channel.openWriter() : undefined;
    this.stdin = {
      write: async (data) => writer?.write(writer.offset, data),
      end: async () => writer?.end(),
    };
    link.register(key, this);
    if (spawnFrame !== undefined) link.spawn(key, spawnFrame);
    if (spec.timeoutMs > 0) {
      this.#timer = setTimeout(
        () => {
          this.#timedOut = true;
          this.kill();
        },
        Math.min(spec.timeoutMs, 2 ** 31 - 1),
      );
    }
  }

  static start(
    link: SandboxLink,
    key: number,
    mark: string,
    spec: InternalSpec,
    spawnFrame: Buffer,
    onGone: () => void,
  ): DirectProcess {
    return new DirectProcess(link, key, mark, spec, spawnFrame, onGone);
  }

  /** One whose caller is gone; to be killed. Its output is dropped. */
  static takeOver(
    link: SandboxLink,
    key: number,
    mark: string,
    spec: InternalSpec,
    onGone: () => void,
  ): DirectProcess {
    const process = new DirectProcess(link, key, mark, spec, undefined, onGone);
    process.#discards = true;
    return process;
  }

  stderr(): string {
    return Buffer.concat(this.#stderr).toString('utf8');
  }

  kill(): void {
    if (this.#exit !== undefined) return;
    this.#killed = true;
    this.#link.killTree(this.#key, this.#mark, SIGKILL).catch(() => undefined);
  }

  started(): void {
    this.#startedOnce = true;
  }

  startFailed(stage: number, errno: number): void {
    this.#finish(exitOfFailedStart(this.#spec, stage, errno));
  }

  output(stream: 0 | 1, offset: number, data: Buffer): void {
    if (this.#discards && offset > this.#received[stream]) this.#received[stream] = offset;
    const skip = this.#received[stream] - offset;
    if (skip >= data.length) return;
    const piece = skip > 0 ? data.subarray(skip) : data;
    this.#received[stream] += piece.length;
    if (stream === 1) this.#keepStderr(piece);
    else if (this.#discards) {
      this.#consumed += piece.length;
      this.#acknowledge();
    } else if (this.#exit === undefined) this.#queue.push(Buffer.from(piece));
    this.#wake?.();
    this.#settle();
  }

  outputEnd(stream: 0 | 1, total: number): void {
    this.#ends[stream] = total;
    // Stdout's end is acknowledged when its reader has taken all of it.
    if (stream === 1) this.#link.ack(this.#key, 1, total, true);
    else this.#acknowledge();
    this.#settle();
  }

  exited(report: ExitReport): void {
    this.#report = report;
    this.#settle();
  }

  stdinCredit(offset: number): void {
    this.#channel.credit(offset);
  }

  stdinClosed(): void {
    this.#channel.close();
  }

  resumeOffsets(): readonly [number, number] {
    return this.#received;
  }

  resumed(known: KnownExec | undefined): void {
    if (known !== undefined) this.#channel.resumed(known);
    else if (this.#exit !== undefined) this.#gone();
    else if (!this.#startedOnce && this.#spawnFrame !== undefined) {
      this.#link.spawn(this.#key, this.#spawnFrame);
      this.#channel.restarted();
    } else this.lost('The sandbox knows nothing of this command any more.');
  }

  lost(message: string): void {
    this.#finish(exitOfLost(message));
    this.#gone();
  }

  #keepStderr(piece: Buffer): void {
    const room = STDERR_BYTES - this.#stderrKept;
    if (room > 0) {
      this.#stderr.push(Buffer.from(piece.subarray(0, room)));
      this.#stderrKept += Math.min(room, piece.length);
    }
    this.#link.ack(this.#key, 1, this.#received[1], false);
  }

  async *#read(): AsyncGenerator<Uint8Array, void, undefined> {
    while (true) {
      const piece = this.#queue.shift();
      if (piece !== undefined) {
        yield piece;
        this.#consumed += piece.length;
        this.#acknowledge();
      } else if (
        this.#exit !== undefined ||
        (this.#ends[0] !== undefined && this.#consumed >= this.#ends[0])
      ) {
        return;
      } else {
        await new Promise<void>((resolve) => (this.#wake = resolve));
        this.#wake = undefined;
      }
    }
  }

  #acknowledge(): void {
    const total = this.#ends[0];
    const complete = total !== undefined && (this.#consumed >= total || this.#exit !== undefined);
    if (complete) this.#link.ack(this.#key, 0, total, true);
    else if (this.#consumed - this.#acked >= OUTPUT_WINDOW / 4) {
      this.#acked = this.#consumed;
      this.#link.ack(this.#key, 0, this.#consumed, false);
    }
  }

  #settle(): void {
    const report = this.#report;
    if (report === undefined) return;
    if (this.#received[0] < report.outputEnds[0] || this.#received[1] < report.outputEnds[1]) return;
    this.#finish(exitOfReport(report, this.#timedOut ? 'TIMEOUT' : this.#killed ? 'CANCELLED' : undefined));
    if (this.#ends[0] !== undefined && this.#ends[1] !== undefined) {
      this.#link.ack(this.#key, 0, this.#ends[0], true);
      this.#gone();
    }
  }

  #finish(exit: ExecExit): void {
    this.#link.ackExit(this.#key);
    if (this.#exit !== undefined) return;
    clearTimeout(this.#timer);
    this.#exit = exit;
    this.#channel.close();
    this.#resolveExit(exit);
    this.#wake?.();
    // Something it left behind holds its output open; nobody will read that.
    const left = this.#ends[0] === undefined || this.#ends[1] === undefined;
    if (left && exit.reason !== 'LOST' && exit.reason !== 'START_FAILED') {
      setImmediate(() => {
        if (this.#ends[0] !== undefined && this.#ends[1] !== undefined) return;
        this.#link.killTree(this.#key, this.#mark, SIGKILL).catch(() => undefined);
      });
    }
  }

  #gone(): void {
    this.#link.unregister(this.#key);
    this.#onGone();
  }
}
