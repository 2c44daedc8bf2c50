import { sql, type Kysely, type Migration } from 'kysely';

/** What sessions say of their verifications, and what of each verification is shown to whom. */
export const verifying: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    for (const table of ['sessions', 'snapshots']) {
      // Null: nothing is said.
      await db.schema.alterTable(table).addColumn('verifying', 'text').execute();
    }
    const verifications = (): ReturnType<typeof db.schema.alterTable> =>
      db.schema.alterTable('verifications');
    await verifications()
      .addColumn('feedback', 'text', (c) => c.notNull().defaultTo('FULL'))
      .execute();
    await verifications().addColumn('agent_feedback', 'text').execute();
    // Whose it is: of a snapshot's, the session that the snapshot was taken of.
    await verifications().addColumn('session_id', 'text').execute();
    await sql`update verifications set session_id = subject_ref where subject_kind = 'session'`.execute(db);
    await db.schema
      .createIndex('verifications_by_session_id_create_time_verification_id')
      .on('verifications')
      .columns(['session_id', 'create_time', 'verification_id'])
      .execute();
  },
};
