import type { Kysely, Migration } from 'kysely';

/** What audits found of sample versions. */
export const audits: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await db.schema.alterTable('sample_versions').addColumn('audit', 'text').execute();
  },
};
