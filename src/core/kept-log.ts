import { Readable } from 'node:stream';
import type { BlobStore } from './ports/blobs.js';
import type { LogPiece, VerificationLog } from './verification-log.js';
import type { Verification } from './verification.js';

/** What a verification's record says of its log. */
export type LogRecord = Pick<Verification, 'logBlob' | 'logBytes' | 'logDigest' | 'logCutBytes'>;

/**
 * Puts head and tail of a log among the blobs. A verdict without its log is better than none, since the disk may be
 * full: where that fails there is no blob, and all else is told.
 */
export async function keepLog(
  blobs: BlobStore,
  log: VerificationLog,
  onError: (error: unknown) => void,
): Promise<LogRecord> {
  const kept = log.kept();
  const blob = await blobs
    .put(Readable.from([kept.content], { objectMode: false }), { maxBytes: kept.content.length })
    .catch((error: unknown) => {
      onError(error);
      return undefined;
    });
  return {
    logBlob: blob?.digest,
    logBytes: kept.totalBytes,
    logDigest: kept.digest,
    logCutBytes: kept.cutBytes,
  };
}

/** What is kept of an ended verification's log behind `from`, at the offsets of the whole log. */
export async function* readKeptLog(
  blobs: BlobStore,
  verification: Verification,
  from: number,
): AsyncIterable<LogPiece> {
  if (verification.logBlob === undefined) return;
  const { attempt, logBytes, logCutBytes } = verification;
  const pieces: Buffer[] = [];
  for await (const piece of await blobs.get(verification.logBlob)) pieces.push(piece as Buffer);
  const content = Buffer.concat(pieces);
  // The cut lies between head and tail, which are equally long when there is one.
  const headEnd = logCutBytes === 0 ? content.length : Math.ceil(content.length / 2);
  for (const [data, offset] of [
    [content.subarray(0, headEnd), 0],
    [content.subarray(headEnd), logBytes - (content.length - headEnd)],
  ] as const) {
    const skip = Math.max(0, Math.min(data.length, from - offset));
    if (data.length > skip) yield { type: 'log', attempt, offset: offset + skip, data: data.subarray(skip) };
  }
}
