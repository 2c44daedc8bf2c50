import type { BoundedOutput } from '../core/exec.js';
import { RecentBytes } from './recent-bytes.js';
import type { SegmentLog } from './segment-log.js';
import { OUTPUT_WINDOW } from './spawn-frame.js';

/** Stays in memory, for readers that keep up: at least what init sends before it is told that it is recorded. */
const RECENT_BYTES = 2 * OUTPUT_WINDOW;
/** This much waiting starts a write at once; less waits for the owner's next `flush`. */
const FLUSH_BYTES = 192 * 1024;

export type ReadResult =
  | { readonly type: 'data'; readonly length: number }
  /** Dropped; the record goes on at `to`. */
  | { readonly type: 'gap'; readonly to: number }
  /** Nothing there yet. */
  | { readonly type: 'none' };

/**
 * The record of one output stream: what came last in memory, everything within the retention on disk, or, for
 * short output of a command that has ended, in memory alone until the owner has put it into its journal.
 */
export class OutputRecord {
  readonly #log: SegmentLog;
  readonly #onRecorded: () => void;
  readonly #onFailure: (error: unknown) => void;
  #recent: RecentBytes;
  #recorded: number;
  #ended = false;
  #writing = false;
  #flushed: (() => void)[] = [];
  #failed = false;
  #adopted = false;

  /**
   * @param onRecorded called when more is on disk.
   * @param onFailure called when the disk begins to refuse.
   */
  constructor(log: SegmentLog, onRecorded: () => void, onFailure: (error: unknown) => void) {
    this.#log = log;
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
    return this.#log.truncated;
  }

  get onDisk(): boolean {
    return this.#log.onDisk || this.#writing;
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

  /** The whole stream, when it is in memory and short enough for the journal. */
  short(limit: number): Buffer | undefined {
    if (this.end > limit || this.onDisk) return undefined;
    return Buffer.concat(this.#recent.views(0, this.end));
  }

  /** The owner has put what `short` gave into its journal. */
  recordedElsewhere(): void {
    this.#recorded = this.end;
  }

  /** Content that an earlier life of the service put into the journal. */
  adopt(content: Uint8Array): void {
    this.#adopted = true;
    this.#recent = new RecentBytes(RECENT_BYTES, 0);
    this.#recent.append(content, 0);
    this.#recorded = content.length;
  }

  /** From memory into `into`, without waiting; undefined when it takes `readDisk`. */
  readMemory(offset: number, into: Uint8Array): ReadResult | undefined {
    if (offset >= this.end) return { type: 'none' };
    if (offset < this.#recent.start) return undefined;
    return { type: 'data', length: this.#recent.read(offset, into) };
  }

  async readDisk(offset: number, into: Uint8Array): Promise<ReadResult> {
    const length = offset < this.#recorded ? await this.#log.read(offset, into) : undefined;
    if (length !== undefined) return { type: 'data', length };
    if (this.#log.has(offset)) return { type: 'none' };
    const first = this.#recent.start;
    const to = Math.min(this.#log.firstAfter(offset), offset < first ? first : this.end);
    return to > offset ? { type: 'gap', to } : { type: 'none' };
  }

  /** Head and tail, together at most `limit` bytes. */
  async bounded(limit: number): Promise<BoundedOutput> {
    const total = this.end;
    if (total <= limit) {
      const head = await this.#range(0, total);
      return { head, tail: Buffer.alloc(0), tailOffset: head.length, totalBytes: total };
    }
    const half = Math.floor(limit / 2);
    const head = await this.#range(0, limit - half);
    const tail = await this.#range(total - half, total);
    return { head, tail, tailOffset: total - tail.length, totalBytes: total };
  }

  /** Gives memory back once the command has ended and everything is on disk; closes the file. */
  async release(): Promise<void> {
    if (this.#writing) return;
    if (!this.#adopted && this.#log.onDisk && this.#recorded === this.end) this.#recent.clear();
    await this.#log.close();
  }

  /** What is there of [from, to): from the first byte that is kept. */
  async #range(from: number, to: number): Promise<Buffer> {
    const range = Buffer.allocUnsafe(to - from);
    let have = 0;
    let at = from;
    while (at < to) {
      const room = range.subarray(have, have + to - at);
      const result = this.readMemory(at, room) ?? (await this.readDisk(at, room));
      if (result.type === 'none') break;
      if (result.type === 'gap') {
        if (have > 0) break;
        at = result.to;
        continue;
      }
      have += result.length;
      at += result.length;
    }
    return range.subarray(0, have);
  }

  async #write(): Promise<void> {
    if (this.#writing) return;
    this.#writing = true;
    try {
      while (this.#recorded < this.end) {
        try {
          // What is not recorded stays where it is, so that the views are good until this is done.
          await this.#log.append(this.#recent.views(this.#recorded, this.end));
        } finally {
          this.#recorded = this.#log.end;
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
