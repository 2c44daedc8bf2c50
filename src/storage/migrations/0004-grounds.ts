import { sql, type Kysely, type Migration } from 'kysely';

/** What environments came down to. All that was made until now stands on the host's own toolchain. */
export const grounds: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    for (const table of ['sample_versions', 'sessions', 'snapshots']) {
      await db.schema.alterTable(table).addColumn('ground', 'text').execute();
    }
    const local = JSON.stringify({ engine: 'local' });
    await sql`update sample_versions set ground = ${local} where state = 'READY'`.execute(db);
    await sql`update sessions set ground = ${local}`.execute(db);
    await sql`update snapshots set ground = ${local}`.execute(db);
  },
};
