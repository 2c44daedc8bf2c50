import SqliteConnection from 'better-sqlite3';
import { CodesetError } from '../core/errors.js';
import { diskFull, isDiskFull } from './disk-full.js';
import { ForeignKeyViolation, UniqueViolation } from './violations.js';

/**
 * The driver's errors in our words; what is no known trouble comes back as it was, and is a defect.
 * @param path the database file, for sentences to the operator.
 */
export function asStorageError(error: unknown, path: string): unknown {
  if (isDiskFull(error)) return diskFull(error);
  if (isSystemError(error)) {
    return new CodesetError(
      'failed-precondition',
      'ENVIRONMENT_UNMET',
      `The database ${path} can't be opened (${error.code}): check the folder's owner and permissions.`,
      { cause: error },
    );
  }
  if (!(error instanceof SqliteConnection.SqliteError)) return error;
  const code = error.code;
  if (code === 'SQLITE_FULL' || code === 'SQLITE_IOERR_SHMSIZE') return diskFull(error);
  if (code === 'SQLITE_CONSTRAINT_UNIQUE' || code === 'SQLITE_CONSTRAINT_PRIMARYKEY') {
    return new UniqueViolation(columnsOf(error.message), error);
  }
  if (code === 'SQLITE_CONSTRAINT_FOREIGNKEY') return new ForeignKeyViolation(error);
  if (code.startsWith('SQLITE_CORRUPT') || code === 'SQLITE_NOTADB') {
    return new CodesetError(
      'internal',
      'INTERNAL',
      `The database ${path} is damaged or no database at all: put back a copy of it, or move it away to start anew.`,
      { cause: error },
    );
  }
  if (code.startsWith('SQLITE_BUSY') || code.startsWith('SQLITE_LOCKED')) {
    return new CodesetError('unavailable', 'INTERNAL', 'The database is busy. Try again in a moment.', {
      retryAfterMs: 250,
      cause: error,
    });
  }
  if (code.startsWith('SQLITE_CANTOPEN') || code.startsWith('SQLITE_READONLY') || code === 'SQLITE_PERM') {
    return new CodesetError(
      'failed-precondition',
      'ENVIRONMENT_UNMET',
      `The database ${path} can't be opened for writing: check the folder's owner and permissions.`,
      { cause: error },
    );
  }
  return error;
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error && 'code' in error;
}

/** From "UNIQUE constraint failed: sessions.request_id, …". */
function columnsOf(message: string): readonly string[] {
  const [, list = ''] = message.split(': ', 2);
  return list.split(', ').map((name) => name.slice(name.lastIndexOf('.') + 1));
}
