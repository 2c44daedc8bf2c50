import { CodesetError } from '../core/errors.js';

/** No space, no quota, or a limit on the size of files: to a writer they are the same. */
const CODES = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);

export function isDiskFull(error: unknown): boolean {
  return error instanceof Error && 'code' in error && CODES.has(String(error.code));
}

export function diskFull(cause: unknown): CodesetError {
  return new CodesetError(
    'resource-exhausted',
    'DISK_FULL',
    "The service's disk is full; nothing was stored. Try again when its operator has made room.",
    { cause },
  );
}
