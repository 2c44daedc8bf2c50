import { chmodSync, closeSync, existsSync, fstatSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import SqliteConnection from 'better-sqlite3';
import { Kysely, SqliteAdapter, SqliteDialect } from 'kysely';
import type { SqliteDatabase, SqliteStatement } from 'kysely';
import { CodesetError } from '../core/errors.js';
import { migrate } from './migrate.js';
import type { Migrations } from './migrate.js';
import type { Schema } from './schema.js';
import { asStorageError } from './sqlite-errors.js';

// The only file that knows SQLite's ways; the repositories write SQL that PostgreSQL understands as well.

/**
 * How long a writer waits for another process's write. The wait blocks this whole process, and the only other
 * writer is a `codeset key` command with its one row.
 */
const BUSY_TIMEOUT_MS = 500;
/** How long one process waits at its start for another that brings the schema up to date. */
const MIGRATION_WAIT_MS = 30_000;
/** A database up to this size is checked whole when it is opened; that takes a fraction of a second. */
const CHECKED_BYTES = 64 * 1024 ** 2;
const CACHED_STATEMENTS = 300;

export interface SqliteOptions {
  readonly migrations: Migrations;
}

/**
 * Opens or makes the database file and brings its schema up to date.
 * @throws CodesetError with a sentence for the operator: damaged, newer than this program, not ours, no room.
 */
export async function openSqlite(path: string, options: SqliteOptions): Promise<Kysely<Schema>> {
  const connection = connect(path);
  const db = new Kysely<Schema>({
    dialect: new OurDialect({ database: new ErrorMappingDatabase(connection, path) }),
  });
  try {
    // Another process may be at the same; waiting inside SQLite would block this one's event loop.
    connection.pragma('busy_timeout = 20');
    await whenFree(() => migrate(db, path, options.migrations));
    connection.pragma(`busy_timeout = ${BUSY_TIMEOUT_MS}`);
  } catch (error) {
    connection.close();
    throw error;
  }
  return db;
}

async function whenFree(work: () => Promise<void>): Promise<void> {
  const end = performance.now() + MIGRATION_WAIT_MS;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      const busy = error instanceof CodesetError && error.kind === 'unavailable';
      if (!busy || performance.now() > end) throw error;
      await delay(20 + Math.random() * 30);
    }
  }
}

function connect(path: string): SqliteConnection.Database {
  let connection: SqliteConnection.Database | undefined;
  try {
    const bytes = makePrivate(path);
    connection = new SqliteConnection(path, { timeout: BUSY_TIMEOUT_MS });
    const mode: unknown = connection.pragma('journal_mode = WAL', { simple: true });
    if (mode !== 'wal') {
      throw new CodesetError(
        'failed-precondition',
        'ENVIRONMENT_UNMET',
        `The file system of ${path} can't hold the database (no shared memory): choose a data folder on a local disk.`,
      );
    }
    // NORMAL, not FULL: with WAL a killed process loses nothing, which is what clients are promised, and the
    // file stays sound through a power cut, too, which may take back the last moments (sandboxes are gone then
    // anyway). FULL would stop the event loop for an fsync at every state change.
    connection.pragma('synchronous = NORMAL');
    connection.pragma('foreign_keys = ON');
    // Without this a WAL that grew once (a long reader) keeps its size.
    connection.pragma(`journal_size_limit = ${CHECKED_BYTES}`);
    if (bytes > 0 && bytes <= CHECKED_BYTES) {
      const found: unknown = connection.pragma('quick_check(1)', { simple: true });
      if (found !== 'ok') throw new SqliteConnection.SqliteError(String(found), 'SQLITE_CORRUPT');
    }
    return connection;
  } catch (error) {
    connection?.close();
    throw asStorageError(error, path);
  }
}

/** Makes the file with mode 0600, which its WAL takes over; keys' hashes and environments are nobody else's. */
function makePrivate(path: string): number {
  const folder = dirname(path);
  if (!existsSync(folder)) mkdirSync(folder, { recursive: true, mode: 0o700 });
  const file = openSync(path, 'a', 0o600);
  try {
    const { size, mode } = fstatSync(file);
    if ((mode & 0o077) !== 0) chmodSync(path, 0o600);
    return size;
  } finally {
    closeSync(file);
  }
}

class OurDialect extends SqliteDialect {
  override createAdapter(): SqliteAdapter {
    return new OurAdapter();
  }
}

/** Kysely leaves SQLite's migrations outside transactions; SQLite can do better, and a half-made schema is none. */
class OurAdapter extends SqliteAdapter {
  override get supportsTransactionalDdl(): boolean {
    return true;
  }
}

/** What kysely needs of a connection; turns the driver's errors into ours and keeps prepared statements. */
class ErrorMappingDatabase implements SqliteDatabase {
  readonly #connection: SqliteConnection.Database;
  readonly #path: string;
  readonly #statements = new Map<string, SqliteStatement>();

  constructor(connection: SqliteConnection.Database, path: string) {
    this.#connection = connection;
    this.#path = path;
  }

  close(): void {
    this.#statements.clear();
    this.#connection.close();
  }

  prepare(sql: string): SqliteStatement {
    // A transaction that begins as a reader can't become a writer once another process wrote in between.
    if (sql === 'begin') return this.#prepared('begin immediate');
    // A full disk makes SQLite roll back by itself; a second rollback would hide the first error.
    if (sql === 'rollback' && !this.#connection.inTransaction) return NOTHING;
    return this.#prepared(sql);
  }

  #prepared(sql: string): SqliteStatement {
    const known = this.#statements.get(sql);
    if (known !== undefined) return known;
    const statement = this.#guard(() => this.#connection.prepare<unknown[]>(sql));
    const guarded: SqliteStatement = {
      reader: statement.reader,
      all: (parameters) => this.#guard(() => statement.all(...parameters)),
      run: (parameters) => this.#guard(() => statement.run(...parameters)),
      iterate: (parameters) => this.#guard(() => statement.iterate(...parameters)),
    };
    if (this.#statements.size >= CACHED_STATEMENTS) this.#statements.clear();
    this.#statements.set(sql, guarded);
    return guarded;
  }

  #guard<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw asStorageError(error, this.#path);
    }
  }
}

const NOTHING: SqliteStatement = {
  reader: false,
  all: () => [],
  run: () => ({ changes: 0, lastInsertRowid: 0 }),
  iterate: () => [].values(),
};
