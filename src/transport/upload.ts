import { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { CodesetError, invalidFields } from '../core/errors.js';
import { MIB } from './checker.js';

const MAX_PIECE_BYTES = MIB;
/** A cancelled stream ends like a complete one; only a moment later does its signal tell. */
const CANCEL_SETTLE_MS = 10;

interface Part<Header> {
  readonly part:
    | { readonly $case: 'header'; readonly value: Header }
    | { readonly $case: 'data'; readonly value: Uint8Array }
    | undefined;
}

export interface Upload<Header> {
  readonly header: Header;
  /** The pieces one after another; fails when the client goes before it is complete. */
  readonly content: Readable;
  /** Bytes that have been read from `content` so far. */
  readonly receivedBytes: number;
}

export function invalidStream(description: string): CodesetError {
  return invalidFields([{ field: '', description }], 'INVALID_STREAM');
}

/** Reads the header of an upload. @throws INVALID_STREAM when anything else comes first. */
export async function openUpload<Header>(
  requests: AsyncIterable<Part<Header>>,
  signal: AbortSignal,
): Promise<Upload<Header>> {
  const messages = requests[Symbol.asyncIterator]();
  const first = await messages.next();
  const part = first.done === true ? undefined : first.value.part;
  if (part?.$case !== 'header') throw invalidStream('The first message must be `header`.');
  let receivedBytes = 0;

  async function* pieces(): AsyncGenerator<Uint8Array> {
    for (;;) {
      const next = await messages.next();
      if (next.done === true) break;
      const piece = next.value.part;
      if (piece?.$case !== 'data') throw invalidStream('After `header` only `data` may come.');
      if (piece.value.length > MAX_PIECE_BYTES) {
        throw invalidStream(`A \`data\` has ${piece.value.length} bytes, ${MAX_PIECE_BYTES} are allowed.`);
      }
      receivedBytes += piece.value.length;
      if (piece.value.length > 0) yield piece.value;
    }
    if (!signal.aborted) await delay(CANCEL_SETTLE_MS);
    if (signal.aborted) {
      throw new CodesetError('cancelled', 'INVALID_STREAM', 'The upload was cut off; nothing of it is kept.');
    }
  }

  return {
    header: part.value,
    content: Readable.from(pieces(), { objectMode: false }),
    get receivedBytes() {
      return receivedBytes;
    },
  };
}

const OUT_PIECE_BYTES = 64 * 1024;

/** Cuts what a stream gives into messages of at most 64 KiB. */
export async function* inPieces(content: AsyncIterable<Uint8Array>): AsyncGenerator<{ data: Buffer }> {
  for await (const chunk of content) {
    for (let at = 0; at < chunk.length; at += OUT_PIECE_BYTES) {
      const length = Math.min(OUT_PIECE_BYTES, chunk.length - at);
      yield { data: Buffer.from(chunk.buffer, chunk.byteOffset + at, length) };
    }
  }
}
