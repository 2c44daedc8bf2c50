import { CodesetError } from '../../core/errors.js';

export function diskFull(): CodesetError {
  return new CodesetError(
    'resource-exhausted',
    'DISK_FULL',
    "The service's disk is full: close sessions, remove samples, or make room in its data folder.",
    { retryAfterMs: 30_000 },
  );
}
