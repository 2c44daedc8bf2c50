import { join } from 'node:path';
import type { Kysely } from 'kysely';
import { invalidFields } from '../core/errors.js';
import type { Storage } from '../core/ports/storage.js';
import { openSqlite } from './database.js';
import { SqlExecRepository } from './exec-repository.js';
import { SqlKeptVerificationRepository } from './kept-verification-repository.js';
import { SqlKeyRepository } from './key-repository.js';
import { MIGRATIONS } from './migrations/migrations.js';
import { SqlSampleRepository } from './sample-repository.js';
import type { Schema } from './schema.js';
import { SqlSessionRepository } from './session-repository.js';
import { SqlSnapshotRepository } from './snapshot-repository.js';
import { SqlVerificationRepository } from './verification-repository.js';

/** The data folder, or a URL of its own: `sqlite:PATH`. */
export type StorageLocation = { readonly dataDir: string } | { readonly url: string };

/**
 * Opens the database, made or brought up to date as needed. Several processes may do so at once; only one of
 * them may be the service, which service-lock.ts sees to.
 * @throws CodesetError with a sentence for the operator.
 */
export async function openStorage(location: StorageLocation): Promise<Storage & AsyncDisposable> {
  const path = 'dataDir' in location ? join(location.dataDir, 'codeset.db') : pathOf(location.url);
  return new SqlStorage(await openSqlite(path, { migrations: MIGRATIONS }));
}

class SqlStorage implements Storage, AsyncDisposable {
  readonly #db: Kysely<Schema>;
  readonly samples: SqlSampleRepository;
  readonly sessions: SqlSessionRepository;
  readonly snapshots: SqlSnapshotRepository;
  readonly execs: SqlExecRepository;
  readonly verifications: SqlVerificationRepository;
  readonly keptVerifications: SqlKeptVerificationRepository;
  readonly keys: SqlKeyRepository;

  constructor(db: Kysely<Schema>) {
    this.#db = db;
    this.samples = new SqlSampleRepository(db);
    this.sessions = new SqlSessionRepository(db);
    this.snapshots = new SqlSnapshotRepository(db);
    this.execs = new SqlExecRepository(db);
    this.verifications = new SqlVerificationRepository(db);
    this.keptVerifications = new SqlKeptVerificationRepository(db);
    this.keys = new SqlKeyRepository(db);
  }

  async close(): Promise<void> {
    await this.#db.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

function pathOf(url: string): string {
  const [, scheme = '', rest = ''] = /^([a-z]+):(.*)$/s.exec(url) ?? [];
  if (scheme === 'sqlite' && rest !== '') return rest.replace(/^\/\/(?=\/)/, '');
  const description = scheme.startsWith('postgres')
    ? 'PostgreSQL is not supported yet: use "sqlite:PATH".'
    : 'Expected "sqlite:PATH".';
  throw invalidFields([{ field: 'database_url', description }]);
}
