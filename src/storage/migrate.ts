import { Migrator, sql } from 'kysely';
import type { Kysely, Migration } from 'kysely';
import { CodesetError } from '../core/errors.js';
import type { Schema } from './schema.js';

/** By name; names sort in the order in which they run. */
export type Migrations = Readonly<Record<string, Migration>>;

/** Kysely's own record of what ran. */
const RECORD = 'kysely_migration';

/**
 * Brings a database to this program's schema, all of it or nothing.
 * @param name of the database, for sentences to the operator.
 */
export async function migrate(db: Kysely<Schema>, name: string, migrations: Migrations): Promise<void> {
  await refuseForeign(db, name, migrations);
  const migrator = new Migrator({
    db,
    provider: { getMigrations: () => Promise.resolve({ ...migrations }) },
  });
  const { error, results } = await migrator.migrateToLatest();
  if (error === undefined) return;
  if (error instanceof CodesetError) throw error;
  const failed = results?.find((result) => result.status === 'Error')?.migrationName ?? 'the first step';
  throw new CodesetError(
    'internal',
    'INTERNAL',
    `The database ${name} could not be brought up to date (${failed}); it is as it was before.`,
    { cause: error },
  );
}

async function refuseForeign(db: Kysely<Schema>, name: string, migrations: Migrations): Promise<void> {
  const tables = await db.introspection.getTables({ withInternalKyselyTables: true });
  if (tables.length === 0) return;
  if (!tables.some((table) => table.name === RECORD)) {
    throw new CodesetError(
      'failed-precondition',
      'ENVIRONMENT_UNMET',
      `The database ${name} belongs to another program: choose another file or data folder.`,
    );
  }
  const ran = await sql<{ name: string }>`select name from ${sql.table(RECORD)} order by name`.execute(db);
  const unknown = ran.rows.filter((row) => !Object.hasOwn(migrations, row.name)).at(-1);
  if (unknown !== undefined) {
    throw new CodesetError(
      'failed-precondition',
      'ENVIRONMENT_UNMET',
      `The database ${name} was written by a newer codeset (schema ${unknown.name}): start that version or a later one, or choose another data folder.`,
    );
  }
}
