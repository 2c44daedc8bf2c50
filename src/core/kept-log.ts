import { failedPrecondition, type CodesetError } from './errors.js';
import type { KeptBlobs } from './kept-blobs.js';
import type { BlobStore } from './ports/blobs.js';
import type { LogPiece, VerificationLog } from './verification-log.js';
import type { Verification } from './verification.js';

/** What a verification's record says of its log. */
export type LogRecord = Pick<Verification, 'logBlob' | 'logBytes' | 'logDigest' | 'logCutBytes'>;

/** What is to be put on record of a log; disposed when it is there, since its blob may go after that. */
export interface HeldLog extends Disposable {
  readonly record: LogRecord;
}

/**
 * Puts head and tail of a log among the blobs. A verdict without its log is better than none, since the disk may be
 * full: where that fails there is no blob, and all else is told.
 */
export async function keepLog(
  blobs: KeptBlobs,
  log: VerificationLog,
  onError: (error: unknown) => void,
): Promise<HeldLog> {
  const kept = log.kept();
  const blob = await blobs.put(kept.content, kept.content.length).catch((error: unknown) => {
    onError(error);
    return undefined;
  });
  return {
    record: {
      logBlob: blob?.digest,
      logBytes: kept.totalBytes,
      logDigest: kept.digest,
      logCutBytes: kept.cutBytes,
    },
    [Symbol.dispose]: () => blob?.[Symbol.dispose](),
  };
}

/** Of a log that was given up. */
export function logExpired({ verificationId, logBytes }: Verification): CodesetError {
  return failedPrecondition(
    'VERIFICATION_LOG_EXPIRED',
    `The log of this verification (${logBytes} bytes) was given up to make room: its record has the digest, and verification_disk says how much the server keeps.`,
    { metadata: { verification_id: verificationId, log_bytes: String(logBytes) } },
  );
}

/**
 * What is kept of an ended verification's log behind `from`, at the offsets of the whole log.
 * @throws VERIFICATION_LOG_EXPIRED where something was there and was given up
 */
export async function* readKeptLog(
  blobs: BlobStore,
  verification: Verification,
  from: number,
): AsyncIterable<LogPiece> {
  if (verification.logExpireTime !== undefined && from < verification.logBytes)
    throw logExpired(verification);
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
