import { sql, type Kysely, type Transaction } from 'kysely';
import type { KeptPart, KeptVerificationRepository } from '../core/ports/storage.js';
import type { Schema } from './schema.js';
import { counts, OPEN } from './verification-repository.js';

/** Written out, as the indices have it. */
const PATCH = sql.lit('patch');

export class SqlKeptVerificationRepository implements KeptVerificationRepository {
  readonly #db: Kysely<Schema>;

  constructor(db: Kysely<Schema>) {
    this.#db = db;
  }

  async bytes(): Promise<number> {
    // Equal content has equal length. The two kinds apart: each is read in the order of its index.
    const { rows } = await sql<{ total: number | null }>`
      select sum(bytes) as total from (
        select max(log_bytes - log_cut_bytes) as bytes
          from verifications where log_blob is not null group by log_blob
        union all
        select max(coalesce(patch_bytes, 0)) from verifications where kept_kind = 'patch' group by kept_ref
      )`.execute(this.#db);
    return Number(rows[0]?.total ?? 0);
  }

  async endedWith(part: KeptPart, most: number): Promise<readonly string[]> {
    const ended = this.#db
      .selectFrom('verifications')
      .select('verification_id')
      .where('end_time', 'is not', null)
      .where('state', 'not in', OPEN);
    const having =
      part === 'log'
        ? ended.where('log_blob', 'is not', null).where('log_bytes', '>', 0)
        : ended.where('kept_kind', '=', PATCH).where('patch_bytes', '>', 0);
    const rows = await having.orderBy('end_time').orderBy('verification_id').limit(most).execute();
    return rows.map((row) => row.verification_id);
  }

  async endedBy(time: Date, most: number): Promise<readonly string[]> {
    const rows = await this.#db
      .selectFrom('verifications')
      .select('verification_id')
      .where('end_time', '<=', time.getTime())
      .where('state', 'not in', OPEN)
      .orderBy('end_time')
      .orderBy('verification_id')
      .limit(most)
      .execute();
    return rows.map((row) => row.verification_id);
  }

  giveUp(verificationId: string, part: KeptPart, time: Date): Promise<number> {
    return this.#db.transaction().execute(async (tx) => {
      const row = await ended(tx, verificationId);
      if (row === undefined) return 0;
      const isPatch = row.kept_kind === 'patch';
      const blob = part === 'log' ? row.log_blob : isPatch ? row.kept_ref : null;
      if (blob === null) return 0;
      await tx
        .updateTable('verifications')
        .set(
          part === 'log'
            ? { log_blob: null, log_expire_time: time.getTime() }
            : { kept_kind: null, kept_ref: null, subject_expire_time: time.getTime() },
        )
        .where('verification_id', '=', verificationId)
        .execute();
      await release(tx, [blob]);
      if (await isKept(tx, blob)) return 0;
      return part === 'log' ? row.log_bytes - row.log_cut_bytes : (row.patch_bytes ?? 0);
    });
  }

  remove(verificationId: string): Promise<boolean> {
    return this.#db.transaction().execute(async (tx) => {
      const row = await ended(tx, verificationId);
      if (row === undefined) return false;
      const counting = await tx
        .selectFrom('verifications')
        .select('session_id')
        .where('verification_id', '=', verificationId)
        .where(counts)
        .executeTakeFirst();
      if (counting?.session_id != null) {
        await tx
          .insertInto('removed_verifications')
          .values({ session_id: counting.session_id, total: 1 })
          .onConflict((c) =>
            c.column('session_id').doUpdateSet((eb) => ({
              total: eb('removed_verifications.total', '+', 1),
            })),
          )
          .execute();
      }
      await tx.deleteFrom('verifications').where('verification_id', '=', verificationId).execute();
      const patch = row.kept_kind === 'patch' ? row.kept_ref : null;
      await release(
        tx,
        [row.log_blob, patch].filter((blob) => blob !== null),
      );
      return true;
    });
  }

  async released(): Promise<readonly string[]> {
    const rows = await this.#db.selectFrom('released_blobs').select('blob').orderBy('blob').execute();
    return rows.map((row) => row.blob);
  }

  async refersTo(blob: string): Promise<boolean> {
    if (await isKept(this.#db, blob)) return true;
    for (const column of ['archive_blob', 'repository_blob'] as const) {
      const row = await this.#db
        .selectFrom('sample_versions')
        .select('sample_id')
        .where(column, '=', blob)
        .limit(1)
        .executeTakeFirst();
      if (row !== undefined) return true;
    }
    return false;
  }

  async settle(blob: string): Promise<void> {
    await this.#db.deleteFrom('released_blobs').where('blob', '=', blob).execute();
  }

  async unsized(): Promise<readonly string[]> {
    const rows = await this.#db
      .selectFrom('verifications')
      .select('kept_ref')
      .distinct()
      .where('kept_kind', '=', PATCH)
      .where('patch_bytes', 'is', null)
      .execute();
    return rows.flatMap(({ kept_ref }) => (kept_ref === null ? [] : [kept_ref]));
  }

  async size(patchBlob: string, bytes: number): Promise<void> {
    await this.#db
      .updateTable('verifications')
      .set({ patch_bytes: bytes })
      .where('kept_kind', '=', PATCH)
      .where('kept_ref', '=', patchBlob)
      .execute();
  }
}

function ended(tx: Transaction<Schema>, verificationId: string) {
  return tx
    .selectFrom('verifications')
    .select(['kept_kind', 'kept_ref', 'patch_bytes', 'log_blob', 'log_bytes', 'log_cut_bytes'])
    .where('verification_id', '=', verificationId)
    .where('state', 'not in', OPEN)
    .executeTakeFirst();
}

/** Whether a verification refers to it. */
async function isKept(db: Kysely<Schema>, blob: string): Promise<boolean> {
  const asLog = await db
    .selectFrom('verifications')
    .select('verification_id')
    .where('log_blob', '=', blob)
    .limit(1)
    .executeTakeFirst();
  if (asLog !== undefined) return true;
  const asPatch = await db
    .selectFrom('verifications')
    .select('verification_id')
    .where('kept_kind', '=', PATCH)
    .where('kept_ref', '=', blob)
    .limit(1)
    .executeTakeFirst();
  return asPatch !== undefined;
}

async function release(tx: Transaction<Schema>, blobs: readonly string[]): Promise<void> {
  for (const blob of blobs) {
    await tx
      .insertInto('released_blobs')
      .values({ blob })
      .onConflict((c) => c.column('blob').doNothing())
      .execute();
  }
}
