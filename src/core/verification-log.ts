import { createHash } from 'node:crypto';
import { EventLog } from './event-log.js';

/** Head and tail of a log that are kept, each. */
const HALF_BYTES = 512 * 1024;
/** What a reader that comes late, or is slow, can still follow of a log that is being written. */
const MAX_FOLLOWED_BYTES = 8 * 1024 * 1024;

/** A piece of a log. */
export interface LogPiece {
  readonly type: 'log';
  /** The run that printed it; a further one begins at offset 0 again. */
  readonly attempt: number;
  /** Bytes of that run's log before it. */
  readonly offset: number;
  readonly data: Uint8Array;
}

/** A `state` says that the verification's state changed. */
export type LogItem = LogPiece | { readonly type: 'state' };

export interface KeptLog {
  /** The whole log, or its first and last 512 KiB. */
  readonly content: Buffer;
  readonly totalBytes: number;
  readonly cutBytes: number;
  /** SHA-256 (hex) of the whole log. */
  readonly digest: string;
}

/** What a verification's script printed: followed by readers while it comes, and kept bounded. */
export class VerificationLog {
  #attempt: number;
  #head: Buffer[] = [];
  #headBytes = 0;
  #tail: Buffer[] = [];
  #tailBytes = 0;
  #total = 0;
  #hash = createHash('sha256');
  readonly #events = new EventLog<LogItem>(4096, {
    // A subject that prints without end must not fill the service's memory.
    of: (item) => (item.type === 'log' ? item.data.length : 0),
    most: MAX_FOLLOWED_BYTES,
  });

  constructor(attempt: number) {
    this.#attempt = attempt;
  }

  add(data: Uint8Array): void {
    // The piece may be a view of a buffer that is used again.
    const copy = Buffer.from(data);
    this.#hash.update(copy);
    this.#events.push({ type: 'log', attempt: this.#attempt, offset: this.#total, data: copy });
    this.#total += copy.length;
    const room = Math.min(copy.length, HALF_BYTES - this.#headBytes);
    if (room > 0) {
      this.#head.push(copy.subarray(0, room));
      this.#headBytes += room;
    }
    if (room < copy.length) this.#addTail(copy.subarray(room));
  }

  #addTail(data: Buffer): void {
    this.#tail.push(data);
    this.#tailBytes += data.length;
    for (let first = this.#tail[0]; first !== undefined && this.#tailBytes - first.length >= HALF_BYTES;) {
      this.#tail.shift();
      this.#tailBytes -= first.length;
      first = this.#tail[0];
    }
  }

  /** Tells readers to look at the verification's state. */
  state(): void {
    this.#events.push({ type: 'state' });
  }

  /** A further attempt begins its log anew. */
  restart(attempt: number): void {
    this.#attempt = attempt;
    this.#head = [];
    this.#tail = [];
    this.#headBytes = this.#tailBytes = this.#total = 0;
    this.#hash = createHash('sha256');
    this.#events.push({ type: 'state' });
  }

  end(): void {
    this.#events.end();
  }

  /**
   * Items from the beginning; of each attempt's log only what lies behind `offset`, in order. Who comes late or is slow
   * gets of the running attempt what is kept of it, where it can't be followed any more: offsets tell what is missing.
   */
  async *read(offset: number, signal: AbortSignal): AsyncIterable<LogItem> {
    let next = offset;
    let attempt: number | undefined;
    for await (const item of this.#events.read(signal)) {
      if (item.type === 'state') {
        yield item;
        continue;
      }
      if (item.attempt !== attempt) next = offset;
      ({ attempt } = item);
      if (item.offset > next && attempt === this.#attempt) yield* this.#keptBetween(next, item.offset);
      const behind = piecesBetween(item, next, Infinity);
      next = Math.max(next, item.offset + item.data.length);
      yield* behind;
    }
  }

  /** Taken at once: what is kept changes while somebody reads. */
  #keptBetween(from: number, to: number): readonly LogPiece[] {
    const attempt = this.#attempt;
    const head = Buffer.concat(this.#head);
    const tail = Buffer.concat(this.#tail);
    const tailAt = this.#total - tail.length;
    return [
      ...piecesBetween({ type: 'log', attempt, offset: 0, data: head }, from, to),
      ...piecesBetween({ type: 'log', attempt, offset: tailAt, data: tail }, from, to),
    ];
  }

  kept(): KeptLog {
    const head = Buffer.concat(this.#head);
    const all = Buffer.concat(this.#tail);
    const tail = all.subarray(Math.max(0, all.length - HALF_BYTES));
    return {
      content: Buffer.concat([head, tail]),
      totalBytes: this.#total,
      cutBytes: this.#total - head.length - tail.length,
      digest: this.#hash.copy().digest('hex'),
    };
  }
}

/** What of a piece lies between two offsets: itself, a part of it, or nothing. */
function piecesBetween(piece: LogPiece, from: number, to: number): readonly LogPiece[] {
  const start = Math.max(from, piece.offset);
  const end = Math.min(to, piece.offset + piece.data.length);
  if (start >= end) return [];
  return [{ ...piece, offset: start, data: piece.data.subarray(start - piece.offset, end - piece.offset) }];
}
