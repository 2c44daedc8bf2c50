import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import SqliteConnection from 'better-sqlite3';
import { CodesetError } from '../core/errors.js';
import { asStorageError } from './sqlite-errors.js';

/**
 * Makes this process the one service of a data folder until the lock is disposed or the process ends, however
 * it ends. `codeset key` needs no lock.
 *
 * The lock is the kernel's, on `run/service.lock`, taken by way of SQLite because Node has no call for it. So a
 * killed owner leaves none behind, a recycled process id means nothing, and processes in different pid
 * namespaces exclude each other, too. `run/service.pid` only tells people who it is.
 * @throws CodesetError with a sentence for the operator.
 */
export function acquireServiceLock(dataDir: string): Disposable {
  const folder = join(dataDir, 'run');
  const owner = join(folder, 'service.pid');
  let lock: SqliteConnection.Database | undefined;
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    lock = new SqliteConnection(join(folder, 'service.lock'), { timeout: 0 });
    lock.exec('begin exclusive');
  } catch (error) {
    lock?.close();
    throw isHeld(error) ? inUse(dataDir, owner, error) : asStorageError(error, join(folder, 'service.lock'));
  }
  writeFileSync(owner, `${process.pid}\n`, { mode: 0o600 });
  return new ServiceLock(lock, owner);
}

class ServiceLock implements Disposable {
  readonly #lock: SqliteConnection.Database;
  readonly #owner: string;

  constructor(lock: SqliteConnection.Database, owner: string) {
    this.#lock = lock;
    this.#owner = owner;
  }

  [Symbol.dispose](): void {
    if (!this.#lock.open) return;
    rmSync(this.#owner, { force: true });
    this.#lock.close();
  }
}

function isHeld(error: unknown): boolean {
  return error instanceof SqliteConnection.SqliteError && error.code.startsWith('SQLITE_BUSY');
}

function inUse(dataDir: string, owner: string, cause: unknown): CodesetError {
  let who = '';
  try {
    const pid = /^\d{1,10}$/.exec(readFileSync(owner, 'utf8').trim())?.[0];
    if (pid !== undefined) who = ` (process ${pid})`;
  } catch {
    // Not written yet; the sentence does without.
  }
  return new CodesetError(
    'failed-precondition',
    'ENVIRONMENT_UNMET',
    `Another codeset server${who} uses the data folder ${dataDir}: stop it, or choose another with --data-dir.`,
    { cause },
  );
}
