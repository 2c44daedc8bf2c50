import SqliteConnection from 'better-sqlite3';

/**
 * Takes a lock that one process of the machine may have, until it is disposed or the process ends, however it ends.
 *
 * The lock is the kernel's, taken by way of SQLite because Node has no call for it. So a killed owner leaves none
 * behind, a recycled process id means nothing, and processes in different pid namespaces exclude each other, too.
 * @param path of a file that is for this alone; it is made when missing
 * @throws LockHeld when somebody else has it; SQLite's error when the file can't be opened
 */
export function holdExclusively(path: string): Disposable {
  let lock: SqliteConnection.Database | undefined;
  try {
    lock = new SqliteConnection(path, { timeout: 0 });
    lock.exec('begin exclusive');
  } catch (error) {
    lock?.close();
    if (error instanceof SqliteConnection.SqliteError && error.code.startsWith('SQLITE_BUSY'))
      throw new LockHeld(`Another process holds ${path}.`, { cause: error });
    throw error;
  }
  const held = lock;
  return { [Symbol.dispose]: () => void held.close() };
}

/** Another process has the lock. */
export class LockHeld extends Error {
  override readonly name = 'LockHeld';
}
