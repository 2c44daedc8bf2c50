import { readLog, type OutputView, type ReadResult } from './output-view.js';
import { RecentBytes } from './recent-bytes.js';
import type { SegmentLog } from './segment-log.js';
import { OUTPUT_WINDOW } from './spawn-frame.js';

/** Stays in memory, for readers that keep up: at least what init sends before it is told that it is recorded. */
const RECENT_BYTES = 2 * OUTPUT_WINDOW;
/** This much waiting starts a write at once; less waits for the owner's next `flush`. */
const FLUSH_BYTES = 256 * 1024;

/**
 * The record of one output stream: what came last in memory, everything within the retention on disk, or, for
 * short output of a command that has ended, in memory alone until the owner has put it into its journal.
 */
export class OutputRecord implements OutputView {
  /** What is on disk. */
  readonly log: SegmentLog;
  readonly #onRecorded: () => void;
  readonly #onFailure: (error: unknown) => void;
  readonly #recent: RecentBytes;
  #recorded: number;
  #ended = false;
  #writing = false;
  #flushed: (() => void)[] = [];
  #failed = false;
  #elsewhere = false;

  /**
   * @param onRecorded called when more is on disk.
   * @param onFailure called when the disk begins to refuse.
   */
  constructor(log: SegmentLog, onRecorded: () => void, onFailure: (error: unknown) => void) {
    this.log = log;
    this.#recorded = log.end;
    this.#recent = new RecentBytes(RECENT_BYTES, log.end);
    this.#onRecorded = onRecorded;
    this.#onFailure = onFailure;
  }

  /** Bytes received. */
  get end(): number {
    return this.#recent.end;
  }

  /** Bytes that outlive this process. */
  get recorded(): number {
    return this.#recorded;
  }

  /** The stream is complete. */
  get ended(): boolean {
    return this.#ended;
  }

  get truncated(): boolean {
    return this.log.truncated;
  }

  /** Copies what is new of it. False when everything came before already. */
  append(offset: number, data: Buffer): boolean {
    const skip = this.end - offset;
    if (skip < 0) throw new Error(`a hole in the output: ${offset} after ${this.end}`);
    if (skip >= data.length) return false;
    this.#recent.append(skip === 0 ? data : data.subarray(skip), this.#recorded);
    if (!this.#failed && this.end - this.#recorded >= FLUSH_BYTES) void this.#write();
    return true;
  }

  /** No more will come. */
  finish(): void {
    this.#ended = true;
  }

  /** Resolves when everything received so far is on disk, or the disk has refused it. */
  flush(): Promise<void> {
    if (this.#recorded === this.end) return Promise.resolve();
    return new Promise((resolve) => {
      this.#flushed.push(resolve);
      void this.#write();
    });
  }

  /** Resolves when no write is under way. */
  written(): Promise<void> {
    return this.#writing ? this.flush() : Promise.resolve();
  }

  /** The whole stream, when it is in memory. */
  whole(): Buffer | undefined {
    if (this.#writing || this.#recent.start > 0) return undefined;
    return Buffer.concat(this.#recent.views(0, this.end));
  }

  /** The owner has put what `whole` gave into its journal. */
  recordedElsewhere(): void {
    this.#recorded = this.end;
    // Its files go; who reads here already reads on from memory.
    this.#elsewhere = true;
  }

  /** From memory into `into`, without waiting; undefined when it takes `readDisk`. */
  readMemory(offset: number, into: Uint8Array): ReadResult | undefined {
    if (offset >= this.end) return { type: 'none' };
    if (offset < this.#recent.start) return undefined;
    return { type: 'data', length: this.#recent.read(offset, into) };
  }

  async readDisk(offset: number, into: Uint8Array): Promise<ReadResult> {
    if (offset >= this.#recorded) return this.#gap(offset, this.end);
    const result = await readLog(this.log, offset, into);
    return result.type === 'gap' ? this.#gap(offset, result.to) : result;
  }

  /** What is not on disk may still be in memory. */
  #gap(offset: number, to: number): ReadResult {
    const first = this.#recent.start;
    const next = Math.min(to, offset < first ? first : this.end);
    return next > offset ? { type: 'gap', to: next } : { type: 'none' };
  }

  /** Gives memory back once the command has ended and everything is on disk; closes the file. */
  async release(): Promise<void> {
    await this.written();
    if (!this.#elsewhere && this.log.onDisk && this.#recorded === this.end) this.#recent.clear();
    await this.log.close();
  }

  async #write(): Promise<void> {
    if (this.#writing) return;
    this.#writing = true;
    try {
      while (this.#recorded < this.end) {
        try {
          // What is not recorded stays where it is, so that the views are good until this is done.
          await this.log.append(this.#recent.views(this.#recorded, this.end));
        } finally {
          this.#recorded = this.log.end;
        }
        this.#failed = false;
        this.#onRecorded();
      }
    } catch (error) {
      // A full disk: the next flush tries again; until then the command blocks when its window is full.
      if (!this.#failed) this.#onFailure(error);
      this.#failed = true;
    } finally {
      this.#writing = false;
      const flushed = this.#flushed;
      this.#flushed = [];
      for (const done of flushed) done();
    }
  }
}
