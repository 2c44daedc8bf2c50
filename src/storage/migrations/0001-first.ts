import type { Kysely, Migration } from 'kysely';

// `bigint` for times and counts of bytes: PostgreSQL's `integer` ends at two thousand million.

export const first: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await samples(db);
    await sessions(db);
    await execs(db);
    await verifications(db);
    await keys(db);
  },
};

async function samples(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('sample_versions')
    .addColumn('sample_id', 'text', (c) => c.notNull())
    .addColumn('version', 'integer', (c) => c.notNull())
    .addColumn('dataset', 'text', (c) => c.notNull())
    .addColumn('language', 'text', (c) => c.notNull())
    .addColumn('search_text', 'text', (c) => c.notNull())
    .addColumn('manifest', 'text', (c) => c.notNull())
    .addColumn('task', 'text', (c) => c.notNull())
    .addColumn('state', 'text', (c) => c.notNull())
    .addColumn('error', 'text', (c) => c.notNull())
    .addColumn('digest', 'text', (c) => c.notNull())
    .addColumn('archive_blob', 'text', (c) => c.notNull())
    .addColumn('repository_blob', 'text')
    .addColumn('base_commit', 'text', (c) => c.notNull())
    .addColumn('has_solution', 'integer', (c) => c.notNull())
    .addColumn('layers', 'text', (c) => c.notNull())
    .addColumn('create_time', 'bigint', (c) => c.notNull())
    .addPrimaryKeyConstraint('sample_versions_key', ['sample_id', 'version'])
    .execute();
  await index(db, 'sample_versions', ['dataset', 'sample_id', 'version']);
  await index(db, 'sample_versions', ['language', 'sample_id', 'version']);
  await index(db, 'sample_versions', ['state']);

  await db.schema
    .createTable('sample_tags')
    .addColumn('sample_id', 'text', (c) => c.notNull())
    .addColumn('version', 'integer', (c) => c.notNull())
    .addColumn('tag', 'text', (c) => c.notNull())
    .addPrimaryKeyConstraint('sample_tags_key', ['sample_id', 'version', 'tag'])
    .addForeignKeyConstraint(
      'sample_tags_version',
      ['sample_id', 'version'],
      'sample_versions',
      ['sample_id', 'version'],
      (c) => c.onDelete('cascade'),
    )
    .execute();
  await index(db, 'sample_tags', ['tag', 'sample_id', 'version']);

  await db.schema
    .createTable('sample_requests')
    .addColumn('request_id', 'text', (c) => c.primaryKey())
    .addColumn('request_digest', 'text', (c) => c.notNull())
    .addColumn('sample_id', 'text', (c) => c.notNull())
    .addColumn('version', 'integer', (c) => c.notNull())
    .addForeignKeyConstraint(
      'sample_requests_version',
      ['sample_id', 'version'],
      'sample_versions',
      ['sample_id', 'version'],
      (c) => c.onDelete('cascade'),
    )
    .execute();
  await index(db, 'sample_requests', ['sample_id', 'version']);
}

async function sessions(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('sessions')
    .addColumn('session_id', 'text', (c) => c.primaryKey())
    .addColumn('request_id', 'text', (c) => c.unique())
    .addColumn('request_digest', 'text', (c) => c.notNull())
    .addColumn('source_kind', 'text', (c) => c.notNull())
    // No foreign key: a closed session outlives the sample that it was made from.
    .addColumn('sample_id', 'text')
    .addColumn('sample_version', 'integer')
    .addColumn('environment', 'text')
    .addColumn('state', 'text', (c) => c.notNull())
    .addColumn('error', 'text', (c) => c.notNull())
    .addColumn('labels', 'text', (c) => c.notNull())
    .addColumn('env', 'text', (c) => c.notNull())
    .addColumn('network', 'text', (c) => c.notNull())
    .addColumn('resources', 'text', (c) => c.notNull())
    .addColumn('engine', 'text', (c) => c.notNull())
    .addColumn('layers', 'text', (c) => c.notNull())
    .addColumn('sandbox_id', 'text', (c) => c.notNull())
    .addColumn('user_name', 'text', (c) => c.notNull())
    .addColumn('workdir', 'text', (c) => c.notNull())
    .addColumn('ttl_ms', 'bigint', (c) => c.notNull())
    .addColumn('idle_timeout_ms', 'bigint', (c) => c.notNull())
    .addColumn('create_time', 'bigint', (c) => c.notNull())
    .addColumn('ready_time', 'bigint')
    .addColumn('expire_time', 'bigint', (c) => c.notNull())
    .addColumn('end_time', 'bigint')
    .addColumn('last_active_time', 'bigint', (c) => c.notNull())
    .execute();
  await index(db, 'sessions', ['create_time', 'session_id']);
  await index(db, 'sessions', ['state', 'create_time', 'session_id']);
  await index(db, 'sessions', ['sample_id', 'create_time', 'session_id']);

  await db.schema
    .createTable('session_labels')
    .addColumn('session_id', 'text', (c) => c.notNull().references('sessions.session_id').onDelete('cascade'))
    .addColumn('name', 'text', (c) => c.notNull())
    .addColumn('value', 'text', (c) => c.notNull())
    .addPrimaryKeyConstraint('session_labels_key', ['session_id', 'name'])
    .execute();
  await index(db, 'session_labels', ['name', 'value', 'session_id']);
}

async function execs(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('execs')
    .addColumn('session_id', 'text', (c) => c.notNull().references('sessions.session_id').onDelete('cascade'))
    .addColumn('exec_id', 'text', (c) => c.notNull())
    .addColumn('command', 'text', (c) => c.notNull())
    .addColumn('spec', 'text', (c) => c.notNull())
    .addColumn('state', 'text', (c) => c.notNull())
    .addColumn('exit_status', 'text')
    .addColumn('stdout_bytes', 'bigint', (c) => c.notNull())
    .addColumn('stderr_bytes', 'bigint', (c) => c.notNull())
    .addColumn('create_time', 'bigint', (c) => c.notNull())
    .addColumn('start_time', 'bigint')
    .addColumn('end_time', 'bigint')
    .addPrimaryKeyConstraint('execs_key', ['session_id', 'exec_id'])
    .execute();
  await index(db, 'execs', ['session_id', 'create_time', 'exec_id']);
}

async function verifications(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('verifications')
    .addColumn('verification_id', 'text', (c) => c.primaryKey())
    .addColumn('request_id', 'text', (c) => c.unique())
    .addColumn('request_digest', 'text', (c) => c.notNull())
    .addColumn('sample_id', 'text', (c) => c.notNull())
    .addColumn('sample_version', 'integer', (c) => c.notNull())
    .addColumn('subject_kind', 'text', (c) => c.notNull())
    .addColumn('subject_ref', 'text', (c) => c.notNull())
    .addColumn('scope', 'text', (c) => c.notNull())
    .addColumn('kept_kind', 'text')
    .addColumn('kept_ref', 'text')
    .addColumn('state', 'text', (c) => c.notNull())
    .addColumn('attempt', 'integer', (c) => c.notNull())
    .addColumn('fault', 'text', (c) => c.notNull())
    .addColumn('retryable', 'integer', (c) => c.notNull())
    .addColumn('message', 'text', (c) => c.notNull())
    .addColumn('verdict', 'text')
    .addColumn('exit_code', 'integer')
    .addColumn('exit_signal', 'text')
    .addColumn('subject_digest', 'text', (c) => c.notNull())
    .addColumn('log_digest', 'text', (c) => c.notNull())
    .addColumn('log_bytes', 'bigint', (c) => c.notNull())
    .addColumn('log_blob', 'text')
    .addColumn('log_cut_bytes', 'bigint', (c) => c.notNull())
    .addColumn('engine', 'text', (c) => c.notNull())
    .addColumn('runtime', 'text', (c) => c.notNull())
    .addColumn('resources', 'text', (c) => c.notNull())
    .addColumn('create_time', 'bigint', (c) => c.notNull())
    .addColumn('start_time', 'bigint')
    .addColumn('end_time', 'bigint')
    .execute();
  await index(db, 'verifications', ['create_time', 'verification_id']);
  await index(db, 'verifications', ['state', 'create_time', 'verification_id']);
  await index(db, 'verifications', ['sample_id', 'create_time', 'verification_id']);
  await index(db, 'verifications', ['subject_ref', 'create_time', 'verification_id']);
}

async function keys(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('api_keys')
    .addColumn('key_id', 'text', (c) => c.primaryKey())
    .addColumn('role', 'text', (c) => c.notNull())
    .addColumn('name', 'text', (c) => c.notNull())
    .addColumn('secret_hash', 'text', (c) => c.notNull().unique())
    .addColumn('session_id', 'text')
    .addColumn('create_time', 'bigint', (c) => c.notNull())
    .addColumn('revoke_time', 'bigint')
    .execute();
  await index(db, 'api_keys', ['role', 'create_time', 'key_id']);
  await index(db, 'api_keys', ['session_id']);
}

async function index(db: Kysely<unknown>, table: string, columns: readonly string[]): Promise<void> {
  await db.schema
    .createIndex(`${table}_by_${columns.join('_')}`)
    .on(table)
    .columns([...columns])
    .execute();
}
