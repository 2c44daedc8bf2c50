import { CodesetError } from '../../core/errors.js';

/** @param cause what said so, for the log */
export function diskFull(cause?: unknown): CodesetError {
  return new CodesetError(
    'resource-exhausted',
    'DISK_FULL',
    "The service's disk is full: close sessions, remove samples, or make room in its data folder.",
    { retryAfterMs: 30_000, ...(cause === undefined ? {} : { cause }) },
  );
}
