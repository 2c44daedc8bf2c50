import { sql, type Kysely, type Migration } from 'kysely';

/** The highest version number that each sample ever had: a deleted version's number is never given out again. */
export const sampleNumbers: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await db.schema
      .createTable('sample_numbers')
      .addColumn('sample_id', 'text', (c) => c.primaryKey())
      .addColumn('last_version', 'integer', (c) => c.notNull())
      .execute();
    const known = sql`select sample_id, max(version) from sample_versions group by sample_id`;
    await sql`insert into sample_numbers ${known}`.execute(db);
  },
};
