import { sql, type Kysely, type Migration } from 'kysely';

/** What verifications keep, how large it is, and what of it was given up; which service judged them. */
export const keptVerifications: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    const verifications = (): ReturnType<typeof db.schema.alterTable> =>
      db.schema.alterTable('verifications');
    await verifications()
      .addColumn('service_version', 'text', (c) => c.notNull().defaultTo(''))
      .execute();
    // Null: nobody wrote it down.
    for (const column of ['timeout_ms', 'patch_bytes', 'subject_expire_time', 'log_expire_time']) {
      await verifications().addColumn(column, 'bigint').execute();
    }
    await db.schema
      .createTable('removed_verifications')
      .addColumn('session_id', 'text', (c) => c.primaryKey())
      .addColumn('total', 'integer', (c) => c.notNull())
      .execute();
    await db.schema
      .createTable('released_blobs')
      .addColumn('blob', 'text', (c) => c.primaryKey())
      .execute();
    // The sizes are in the index: adding them up reads no verdicts.
    await index(db, 'verifications', ['log_blob', 'log_bytes', 'log_cut_bytes']);
    await sql`create index verifications_by_patch on verifications (kept_ref, patch_bytes)
      where kept_kind = 'patch'`.execute(db);
    await index(db, 'verifications', ['end_time', 'verification_id']);
    await sql`create index verifications_with_log on verifications (end_time, verification_id)
      where log_blob is not null`.execute(db);
    await sql`create index verifications_with_patch on verifications (end_time, verification_id)
      where kept_kind = 'patch'`.execute(db);
    await index(db, 'sample_versions', ['archive_blob']);
    await index(db, 'sample_versions', ['repository_blob']);
  },
};

async function index(db: Kysely<unknown>, table: string, columns: readonly string[]): Promise<void> {
  await db.schema
    .createIndex(`${table}_by_${columns.join('_')}`)
    .on(table)
    .columns([...columns])
    .execute();
}
