import type { Kysely, Migration } from 'kysely';

/** What validations found of sample versions, and verifications of one subject that disagreed. */
export const validations: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    for (const column of ['validation', 'disagreement']) {
      await db.schema.alterTable('sample_versions').addColumn(column, 'text').execute();
    }
    await db.schema
      .createIndex('verifications_by_subject_digest')
      .on('verifications')
      .columns(['subject_digest', 'sample_id', 'sample_version'])
      .execute();
  },
};
