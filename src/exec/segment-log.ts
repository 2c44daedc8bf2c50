import { mkdir, open, readdir, stat, unlink, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';

export interface Retention {
  /** Bytes of a stream's beginning that are always kept; also the size of one file. */
  readonly segmentBytes: number;
  /** How many files past the first are kept. */
  readonly tailSegments: number;
}

/** What of a stream is given up for the sake of others; each more than the one before. */
export type Cut = 'middle' | 'tail' | 'all';

/** 4 MiB of head and at least 12 MiB of tail for each stream. */
export const DEFAULT_RETENTION: Retention = { segmentBytes: 4 * 1024 * 1024, tailSegments: 4 };

/**
 * One stream on disk: append-only files, each named by the offset of its first byte. The files' lengths are the
 * truth about what is recorded, so a service that was killed finds every byte it had written, once. The first
 * file, the head, stays; the tail's oldest go when there are too many.
 */
export class SegmentLog {
  readonly #folder: string;
  readonly #prefix: string;
  readonly #retention: Retention;
  readonly #onBytes: (change: number) => void;
  /** First offsets of the files that exist, ascending. */
  #segments: number[] = [];
  #file: FileHandle | undefined;
  #end = 0;
  /** Where the last file ends: below `end` when the tail was given up. */
  #fileEnd = 0;
  #made = false;

  /** @param onBytes told how much more, or less, the stream takes on disk. */
  constructor(
    folder: string,
    stream: string,
    retention: Retention = DEFAULT_RETENTION,
    onBytes: (change: number) => void = () => undefined,
  ) {
    this.#onBytes = onBytes;
    this.#folder = folder;
    this.#prefix = `${stream}-`;
    this.#retention = retention;
  }

  /** Bytes recorded so far, counted from the stream's beginning. */
  get end(): number {
    return this.#end;
  }

  get onDisk(): boolean {
    return this.#segments.length > 0;
  }

  /** Takes up what an earlier life of the service wrote. */
  async load(): Promise<void> {
    const names = await readdir(this.#folder).catch(() => [] as string[]);
    const offsets = names
      .filter((name) => name.startsWith(this.#prefix))
      .map((name) => Number(name.slice(this.#prefix.length)))
      .filter((offset) => Number.isSafeInteger(offset) && offset >= 0);
    this.#segments = offsets.sort((a, b) => a - b);
    const last = this.#segments.at(-1);
    if (last === undefined) return;
    this.#made = true;
    this.#end = this.#fileEnd = last + (await stat(this.#path(last))).size;
    this.#onBytes(this.bytes);
  }

  /** The stream is known to have gone that far: what is missing of it was given up. */
  extend(total: number): void {
    this.#end = Math.max(this.#end, total);
  }

  /** What it takes on disk. */
  get bytes(): number {
    return this.#segments.reduce((sum, first) => sum + this.#endOf(first) - first, 0);
  }

  /** Gives up a part; of a stream that may still grow the middle only. */
  async cut(what: Cut): Promise<void> {
    const before = this.bytes;
    const kept = what === 'all' ? [] : this.#segments.slice(0, 1);
    const last = this.#segments.at(-1);
    if (what === 'middle' && last !== undefined && this.#segments.length > 1) kept.push(last);
    const gone = this.#segments.filter((first) => !kept.includes(first));
    if (gone.length === 0) return;
    this.#segments = kept;
    this.#fileEnd = Math.min(this.#fileEnd, this.#lastEnd());
    this.#onBytes(this.bytes - before);
    for (const first of gone) await unlink(this.#path(first)).catch(() => undefined);
  }

  /** One append at a time: the caller waits for the one before. */
  async append(pieces: readonly Uint8Array[]): Promise<void> {
    let rest = pieces;
    while (rest.length > 0) {
      const last = this.#segments.at(-1);
      if (last === undefined || this.#end - last >= this.#retention.segmentBytes) {
        await this.#begin();
        continue;
      }
      const file = (this.#file ??= await open(this.#path(last), 'a'));
      const room = this.#retention.segmentBytes - (this.#end - last);
      const [now, later] = split(rest, room);
      // A short write (full disk) leaves a file that is shorter than we believe: count what went in.
      let left = now;
      while (left.length > 0) {
        const { bytesWritten } = await file.writev(left as Uint8Array[]);
        this.#end += bytesWritten;
        this.#fileEnd = this.#end;
        this.#onBytes(bytesWritten);
        left = split(left, bytesWritten)[1];
      }
      rest = later;
    }
  }

  /**
   * Recorded bytes from `offset` on into `into`; how many. Undefined: they were dropped; `firstAfter` tells where
   * the record goes on. `offset` must be below `end`.
   */
  async read(offset: number, into: Uint8Array): Promise<number | undefined> {
    const index = this.#segments.findLastIndex((first) => first <= offset);
    const first = this.#segments[index];
    if (first === undefined) return undefined;
    const file = await open(this.#path(first), 'r').catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
      return undefined;
    });
    if (file === undefined) return undefined;
    try {
      const limit = Math.min(into.length, this.#endOf(first) - offset);
      if (limit <= 0) return undefined;
      const { bytesRead } = await file.read(into, 0, limit, offset - first);
      return bytesRead === 0 ? undefined : bytesRead;
    } finally {
      await file.close();
    }
  }

  /** The first recorded offset that is not below `offset`; `end` when there is none. */
  firstAfter(offset: number): number {
    return this.#segments.find((first) => first > offset) ?? this.#end;
  }

  /** Whether bytes were dropped. */
  get truncated(): boolean {
    let at = 0;
    for (const first of this.#segments) {
      if (first !== at) return true;
      at = this.#endOf(first);
    }
    return at < this.#end;
  }

  async close(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.close();
  }

  async #begin(): Promise<void> {
    await this.close();
    if (!this.#made) await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    this.#made = true;
    this.#file = await open(this.#path(this.#end), 'a', 0o600);
    this.#segments.push(this.#end);
    while (this.#segments.length > 1 + this.#retention.tailSegments) {
      const [oldest] = this.#segments.splice(1, 1);
      if (oldest === undefined) break;
      this.#onBytes(-this.#retention.segmentBytes);
      await unlink(this.#path(oldest)).catch(() => undefined);
    }
  }

  #endOf(first: number): number {
    return Math.min(this.#fileEnd, first + this.#retention.segmentBytes);
  }

  #lastEnd(): number {
    const last = this.#segments.at(-1);
    return last === undefined ? 0 : last + this.#retention.segmentBytes;
  }

  #path(first: number): string {
    return join(this.#folder, this.#prefix + first);
  }
}

/** The first `size` bytes of the pieces, and the rest. */
function split(pieces: readonly Uint8Array[], size: number): [Uint8Array[], Uint8Array[]] {
  const before: Uint8Array[] = [];
  const after: Uint8Array[] = [];
  let room = size;
  for (const piece of pieces) {
    if (piece.length <= room) before.push(piece);
    else {
      if (room > 0) before.push(piece.subarray(0, room));
      after.push(piece.subarray(room));
    }
    room = Math.max(0, room - piece.length);
  }
  return [before, after];
}
