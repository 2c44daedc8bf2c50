import { CodesetError } from '../../core/errors.js';
import { diskFull } from '../shared/disk-full.js';

/** What callers are told of a fault of this machine: that its disk is full, where that is it; else `message`. */
export function engineFailed(message: string, cause: unknown): CodesetError {
  if (cause instanceof CodesetError) return cause;
  const code = (cause as NodeJS.ErrnoException).code;
  if (code === 'ENOSPC' || code === 'EDQUOT' || /No space left on device/.test(String(cause)))
    return diskFull();
  return new CodesetError('internal', 'ENGINE_FAILED', message, { cause });
}
