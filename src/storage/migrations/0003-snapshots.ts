import type { Kysely, Migration } from 'kysely';

/** Snapshots of sessions, the sessions that began as one, and what a verification's kept layer stands on. */
export const snapshots: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await db.schema
      .createTable('snapshots')
      .addColumn('snapshot_id', 'text', (c) => c.primaryKey())
      .addColumn('request_id', 'text', (c) => c.unique())
      .addColumn('request_digest', 'text', (c) => c.notNull())
      // No foreign keys: it outlives the session that it was taken of.
      .addColumn('session_id', 'text', (c) => c.notNull())
      .addColumn('source_kind', 'text', (c) => c.notNull())
      .addColumn('sample_id', 'text')
      .addColumn('sample_version', 'integer')
      .addColumn('environment', 'text')
      .addColumn('labels', 'text', (c) => c.notNull())
      .addColumn('env', 'text', (c) => c.notNull())
      .addColumn('network', 'text', (c) => c.notNull())
      .addColumn('resources', 'text', (c) => c.notNull())
      .addColumn('engine', 'text', (c) => c.notNull())
      .addColumn('layers', 'text', (c) => c.notNull())
      .addColumn('size_bytes', 'bigint', (c) => c.notNull())
      .addColumn('transient', 'integer', (c) => c.notNull())
      .addColumn('create_time', 'bigint', (c) => c.notNull())
      .execute();
    await index(db, 'snapshots', ['transient', 'create_time', 'snapshot_id']);
    await index(db, 'snapshots', ['session_id', 'create_time', 'snapshot_id']);
    await index(db, 'snapshots', ['sample_id', 'create_time', 'snapshot_id']);

    await db.schema
      .createTable('snapshot_labels')
      .addColumn('snapshot_id', 'text', (c) =>
        c.notNull().references('snapshots.snapshot_id').onDelete('cascade'),
      )
      .addColumn('name', 'text', (c) => c.notNull())
      .addColumn('value', 'text', (c) => c.notNull())
      .addPrimaryKeyConstraint('snapshot_labels_key', ['snapshot_id', 'name'])
      .execute();
    await index(db, 'snapshot_labels', ['name', 'value', 'snapshot_id']);

    await db.schema.alterTable('sessions').addColumn('snapshot_id', 'text').execute();
    await index(db, 'sessions', ['snapshot_id', 'create_time', 'session_id']);
    await db.schema.alterTable('verifications').addColumn('kept_below', 'text').execute();
  },
};

async function index(db: Kysely<unknown>, table: string, columns: readonly string[]): Promise<void> {
  await db.schema
    .createIndex(`${table}_by_${columns.join('_')}`)
    .on(table)
    .columns([...columns])
    .execute();
}
