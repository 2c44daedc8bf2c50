import type { BoundedOutput } from '../core/exec.js';
import type { SegmentLog } from './segment-log.js';

const NONE: ReadResult = { type: 'none' };

export type ReadResult =
  | { readonly type: 'data'; readonly length: number }
  /** Dropped; the record goes on at `to`. */
  | { readonly type: 'gap'; readonly to: number }
  /** Nothing there yet. */
  | { readonly type: 'none' };

/** One stream of a command, for who reads it. */
export interface OutputView {
  /** Bytes that the command wrote so far. */
  readonly end: number;
  /** Whether some of them are no longer there. */
  readonly truncated: boolean;
  /** Into `into`, without waiting; undefined when it takes `readDisk`. */
  readMemory(offset: number, into: Uint8Array): ReadResult | undefined;
  readDisk(offset: number, into: Uint8Array): Promise<ReadResult>;
}

/** A stream that is complete, on disk. */
export class LogView implements OutputView {
  readonly #log: SegmentLog;

  constructor(log: SegmentLog) {
    this.#log = log;
  }

  get end(): number {
    return this.#log.end;
  }

  get truncated(): boolean {
    return this.#log.truncated;
  }

  readMemory(offset: number): ReadResult | undefined {
    return offset >= this.end ? NONE : undefined;
  }

  async readDisk(offset: number, into: Uint8Array): Promise<ReadResult> {
    return readLog(this.#log, offset, into);
  }
}

/** A short stream that is complete, or one that was given up whole. */
export class WholeView implements OutputView {
  readonly #content: Uint8Array | undefined;
  readonly end: number;

  constructor(content: Uint8Array | undefined, end: number) {
    this.#content = content?.length === end ? content : undefined;
    this.end = end;
  }

  get truncated(): boolean {
    return this.#content === undefined && this.end > 0;
  }

  readMemory(offset: number, into: Uint8Array): ReadResult {
    if (offset >= this.end) return NONE;
    if (this.#content === undefined) return { type: 'gap', to: this.end };
    const piece = this.#content.subarray(offset, offset + into.length);
    into.set(piece);
    return { type: 'data', length: piece.length };
  }

  async readDisk(offset: number, into: Uint8Array): Promise<ReadResult> {
    return this.readMemory(offset, into);
  }
}

/** `offset` is below the log's end. */
export async function readLog(log: SegmentLog, offset: number, into: Uint8Array): Promise<ReadResult> {
  const length = await log.read(offset, into);
  return length === undefined ? { type: 'gap', to: log.firstAfter(offset) } : { type: 'data', length };
}

/** Head and tail, together at most `limit` bytes; less where the record has given them up. */
export async function bounded(view: OutputView, limit: number): Promise<BoundedOutput> {
  const total = view.end;
  const whole = total <= limit;
  const half = whole ? 0 : Math.floor(limit / 2);
  const head = await range(view, 0, Math.min(total, limit - half), 'head');
  const from = whole ? head.length : total - half;
  const tail = from >= total ? Buffer.alloc(0) : await range(view, from, total, 'tail');
  return { head, tail, tailOffset: total - tail.length, totalBytes: total };
}

/** What is there of [from, to) without a gap: at its beginning, or up to its end. */
async function range(view: OutputView, from: number, to: number, part: 'head' | 'tail'): Promise<Buffer> {
  const all = Buffer.allocUnsafe(to - from);
  let have = 0;
  let at = from;
  while (at < to) {
    const room = all.subarray(have, have + to - at);
    const result = view.readMemory(at, room) ?? (await view.readDisk(at, room));
    if (result.type === 'none') break;
    if (result.type === 'gap') {
      if (part === 'head') break;
      have = 0;
      at = result.to;
      continue;
    }
    have += result.length;
    at += result.length;
  }
  return all.subarray(0, have);
}
