import type { Kysely, Migration } from 'kysely';

/** What verifications got of the machine. Nobody measured that of earlier ones. */
export const pressure: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await db.schema.alterTable('verifications').addColumn('pressure', 'text').execute();
  },
};
