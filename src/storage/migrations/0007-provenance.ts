import type { Kysely, Migration } from 'kysely';

/** What verifications stand on, and what they got of the machine. Of earlier ones nobody wrote that down. */
export const provenance: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    for (const digest of ['sample_digest', 'environment_digest']) {
      await db.schema
        .alterTable('verifications')
        .addColumn(digest, 'text', (column) => column.notNull().defaultTo(''))
        .execute();
    }
    await db.schema.alterTable('verifications').addColumn('pressure', 'text').execute();
  },
};
