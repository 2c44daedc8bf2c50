import type { BoundedOutput } from '../core/exec.js';
import type { SegmentLog } from './segment-log.js';

interface Chunk {
  readonly offset: number;
  readonly data: Uint8Array;
}

/** Recorded bytes that stay in memory too, for readers that keep up. */
const RECENT_BYTES = 1024 * 1024;
/** This much waiting starts a write at once; less waits for the owner's next `flush`. */
const FLUSH_BYTES = 192 * 1024;
const READ_BYTES = 64 * 1024;

export type ReadResult =
  | { readonly type: 'data'; readonly data: Uint8Array }
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
  /** Contiguous, up to `end`. */
  #chunks: Chunk[] = [];
  /** Index of the first chunk that is still held; the array is trimmed now and then. */
  #first = 0;
  #held = 0;
  #end: number;
  #recorded: number;
  #ended = false;
  #writing = false;
  #flushed: (() => void)[] = [];
  #failed = false;
  #adopted: Uint8Array | undefined;

  /**
   * @param onRecorded called when more is on disk.
   * @param onFailure called when the disk begins to refuse.
   */
  constructor(log: SegmentLog, onRecorded: () => void, onFailure: (error: unknown) => void) {
    this.#log = log;
    this.#end = this.#recorded = log.end;
    this.#onRecorded = onRecorded;
    this.#onFailure = onFailure;
  }

  /** Bytes received. */
  get end(): number {
    return this.#end;
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

  /** False when everything came before already. */
  append(offset: number, data: Buffer): boolean {
    const skip = this.#end - offset;
    if (skip < 0) throw new Error(`a hole in the output: ${offset} after ${this.#end}`);
    if (skip >= data.length) return false;
    let piece: Uint8Array = skip === 0 ? data : data.subarray(skip);
    // A short view must not hold the whole buffer that the socket was read into.
    if (piece.length * 2 < piece.buffer.byteLength) piece = Uint8Array.prototype.slice.call(piece);
    this.#chunks.push({ offset: this.#end, data: piece });
    this.#held += piece.length;
    this.#end += piece.length;
    if (!this.#failed && this.#end - this.#recorded >= FLUSH_BYTES) void this.#write();
    return true;
  }

  /** No more will come. */
  finish(): void {
    this.#ended = true;
  }

  /** Resolves when everything received so far is on disk, or the disk has refused it. */
  flush(): Promise<void> {
    if (this.#recorded === this.#end) return Promise.resolve();
    return new Promise((resolve) => {
      this.#flushed.push(resolve);
      void this.#write();
    });
  }

  /** The whole stream, when it is in memory and short enough for the journal. */
  short(limit: number): Buffer | undefined {
    if (this.#end > limit || this.onDisk) return undefined;
    return Buffer.concat(this.#chunks.slice(this.#first).map((chunk) => chunk.data));
  }

  /** The owner has put what `short` gave into its journal. */
  recordedElsewhere(): void {
    this.#recorded = this.#end;
  }

  /** Content that an earlier life of the service put into the journal. */
  adopt(content: Uint8Array): void {
    this.#adopted = content;
    this.#chunks = [{ offset: 0, data: content }];
    this.#held = this.#end = this.#recorded = content.length;
  }

  /** From memory, without waiting; undefined when it takes `readDisk`. */
  readMemory(offset: number): ReadResult | undefined {
    if (offset >= this.#end) return { type: 'none' };
    const first = this.#chunks[this.#first];
    if (first === undefined || offset < first.offset) return undefined;
    let low = this.#first;
    let high = this.#chunks.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.#chunks[middle]?.offset ?? Infinity) <= offset) low = middle;
      else high = middle - 1;
    }
    const chunk = this.#chunks[low];
    if (chunk === undefined) return undefined;
    return {
      type: 'data',
      data: offset === chunk.offset ? chunk.data : chunk.data.subarray(offset - chunk.offset),
    };
  }

  async readDisk(offset: number, max: number = READ_BYTES): Promise<ReadResult> {
    const data = offset < this.#recorded ? await this.#log.read(offset, max) : undefined;
    if (data !== undefined) return { type: 'data', data };
    if (this.#log.has(offset)) return { type: 'none' };
    const first = this.#chunks[this.#first]?.offset ?? this.#end;
    const to = Math.min(this.#log.firstAfter(offset), offset < first ? first : this.#end);
    return to > offset ? { type: 'gap', to } : { type: 'none' };
  }

  /** Head and tail, together at most `limit` bytes. */
  async bounded(limit: number): Promise<BoundedOutput> {
    const total = this.#end;
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
    if (this.#adopted === undefined && this.#log.onDisk && this.#recorded === this.#end) {
      this.#chunks = [];
      this.#first = this.#held = 0;
    }
    if (!this.#writing) await this.#log.close();
  }

  /** What is there of [from, to): from the first byte that is kept. */
  async #range(from: number, to: number): Promise<Buffer> {
    const pieces: Uint8Array[] = [];
    let at = from;
    while (at < to) {
      const result = this.readMemory(at) ?? (await this.readDisk(at, to - at));
      if (result.type === 'none') break;
      if (result.type === 'gap') {
        if (pieces.length > 0) break;
        at = result.to;
        continue;
      }
      const piece = result.data.subarray(0, to - at);
      pieces.push(piece);
      at += piece.length;
    }
    return Buffer.concat(pieces);
  }

  async #write(): Promise<void> {
    if (this.#writing) return;
    this.#writing = true;
    try {
      while (this.#recorded < this.#end) {
        const pieces: Uint8Array[] = [];
        let index = this.#chunks.length - 1;
        while (index > this.#first && (this.#chunks[index]?.offset ?? 0) > this.#recorded) index--;
        for (let i = index; i < this.#chunks.length && pieces.length < 512; i++) {
          const chunk = this.#chunks[i];
          if (chunk === undefined) break;
          const done = this.#recorded - chunk.offset;
          pieces.push(done > 0 ? chunk.data.subarray(done) : chunk.data);
        }
        try {
          await this.#log.append(pieces);
        } finally {
          this.#recorded = this.#log.end;
        }
        this.#failed = false;
        this.#trim();
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

  /** Drops from memory what is on disk and no longer recent. */
  #trim(): void {
    while (this.#held > RECENT_BYTES) {
      const chunk = this.#chunks[this.#first];
      if (chunk === undefined || chunk.offset + chunk.data.length > this.#recorded) break;
      this.#held -= chunk.data.length;
      this.#first++;
    }
    if (this.#first > 64 && this.#first * 2 > this.#chunks.length) {
      this.#chunks.splice(0, this.#first);
      this.#first = 0;
    }
  }
}
