import type { AttachOffsets, ExecExit, ExecInfo, ExecSpec } from '../core/exec.js';
import { requireTerminal, stdinClosed } from './exec-errors.js';
import type { Readable } from './exec-reader.js';
import type { Journal } from './journal.js';
import { LogView, WholeView, type OutputView } from './output-view.js';
import type { Expendable } from './retention.js';
import type { Cut, SegmentLog } from './segment-log.js';

export type Logs = readonly [SegmentLog, SegmentLog];

/** Where the output of an ended exec is. */
export interface EndedOutput {
  readonly journal: Journal;
  /** Undefined: in the journal, or nowhere. */
  readonly logs: Logs | undefined;
  /** Nothing that the exec started can write to it any more. */
  readonly complete: boolean;
  /** Called when its output takes so much more, or less, of the journal. */
  readonly onBytes: (change: number) => void;
  /** Removes the folder that the logs were in. */
  readonly clear: () => Promise<void>;
}

/** A command that is over: what is told of it in memory, its output on disk alone. */
export class EndedExec implements Readable, Expendable {
  readonly key: number;
  readonly exit: ExecExit | undefined;
  readonly isStarted = true;
  readonly stdin: { readonly offset: number };
  readonly #info: ExecInfo;
  readonly #output: EndedOutput;

  constructor(key: number, info: ExecInfo, stdinOffset: number, output: EndedOutput) {
    this.key = key;
    this.exit = info.exit;
    this.stdin = { offset: stdinOffset };
    this.#info = info;
    this.#output = output;
  }

  get spec(): ExecSpec {
    return this.#info.spec;
  }

  get complete(): boolean {
    return this.#output.complete;
  }

  get logs(): Logs | undefined {
    return this.#output.logs;
  }

  info(): ExecInfo {
    return this.#info;
  }

  mayReach(offsets: AttachOffsets): boolean {
    return offsets.stdout <= this.#info.stdoutBytes && offsets.stderr <= this.#info.stderrBytes;
  }

  async open(): Promise<readonly [OutputView, OutputView]> {
    const { journal, logs } = this.#output;
    if (logs !== undefined) return [new LogView(logs[0]), new LogView(logs[1])];
    const content = await journal.output(this.key);
    const { stdoutBytes, stderrBytes } = this.#info;
    return [new WholeView(content?.[0], stdoutBytes), new WholeView(content?.[1], stderrBytes)];
  }

  openStdin(): never {
    throw stdinClosed();
  }

  async wait(): Promise<ExecInfo> {
    return this.#info;
  }

  /** False: there is nobody to signal. */
  async signal(): Promise<boolean> {
    return false;
  }

  resize(): void {
    requireTerminal(this.spec);
  }

  stop(): void {}

  /** Who reads what has ended has no say in anything. */
  follow(): void {}
  unfollow(): void {}
  acknowledge(): void {}

  async cut(what: Cut): Promise<void> {
    const { journal, logs, onBytes, clear } = this.#output;
    if (logs !== undefined) await Promise.all(logs.map((log) => log.cut(what)));
    if (what !== 'all') return;
    if (logs !== undefined) await clear();
    onBytes(-journal.outputBytes(this.key));
    journal.dropOutput(this.key);
  }
}
