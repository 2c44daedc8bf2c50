import type { Expression, ExpressionBuilder, Kysely, SqlBool, Transaction } from 'kysely';
import { CodesetError, failedPrecondition, notFound } from '../core/errors.js';
import type { Page, PageRequest, VerificationRepository } from '../core/ports/storage.js';
import { BY_CHECKS } from '../core/validation-run.js';
import { sessionOfSubject, verificationEnded, verificationHides } from '../core/verification.js';
import type { Verification, VerificationFilter, VerificationState } from '../core/verification.js';
import { encode, encodeRow } from './columns.js';
import { limitOf, pageOf, placeIn, placeOut } from './paging.js';
import type { Schema, VerificationRow } from './schema.js';
import { keptLayers, VERIFICATION_ENCODERS, verificationIn } from './verification-columns.js';
import { UniqueViolation } from './violations.js';

const STATES: readonly VerificationState[] = [
  'PENDING',
  'RUNNING',
  'PASSED',
  'FAILED',
  'ERROR',
  'TIMED_OUT',
  'CANCELLED',
];
/** Neither is final. */
export const OPEN = STATES.filter((state) => !verificationEnded(state));
const NEVER_HIDDEN = STATES.filter((state) => !verificationHides(state));

export class SqlVerificationRepository implements VerificationRepository {
  readonly #db: Kysely<Schema>;

  constructor(db: Kysely<Schema>) {
    this.#db = db;
  }

  /** @throws REQUEST_ID_REUSED when the request id is taken (callers look first). */
  async insert(verification: Verification, most?: number): Promise<boolean> {
    const sessionId = sessionOfSubject(verification.subject);
    try {
      return await this.#db.transaction().execute(async (tx) => {
        if (most !== undefined && sessionId !== undefined && (await countFor(tx, sessionId)) >= most) {
          return false;
        }
        await tx.insertInto('verifications').values(encodeRow(VERIFICATION_ENCODERS, verification)).execute();
        return true;
      });
    } catch (error) {
      if (!(error instanceof UniqueViolation) || !error.columns.includes('request_id')) throw error;
      throw new CodesetError(
        'already-exists',
        'REQUEST_ID_REUSED',
        `The request id "${verification.requestId ?? ''}" started another verification: choose a new one.`,
        { metadata: { request_id: verification.requestId ?? '' }, cause: error },
      );
    }
  }

  countFor(sessionId: string): Promise<number> {
    return countFor(this.#db, sessionId);
  }

  /** @throws VERIFICATION_NOT_FOUND; VERIFICATION_ENDED when the change would leave a final state. */
  async update(verificationId: string, change: Partial<Verification>): Promise<void> {
    const values = encode<Verification, VerificationRow>(VERIFICATION_ENCODERS, change);
    if (Object.keys(values).length === 0) return;
    await this.#db.transaction().execute(async (tx) => {
      let query = tx.updateTable('verifications').set(values).where('verification_id', '=', verificationId);
      if (change.state !== undefined) query = query.where('state', 'in', [...OPEN, change.state]);
      const { numUpdatedRows } = await query.executeTakeFirstOrThrow();
      if (numUpdatedRows === 0n) throw await refusal(tx, verificationId);
    });
  }

  async find(verificationId: string): Promise<Verification | undefined> {
    const row = await this.#db
      .selectFrom('verifications')
      .selectAll()
      .where('verification_id', '=', verificationId)
      .executeTakeFirst();
    return row && verificationIn(row);
  }

  async findByRequestId(requestId: string): Promise<Verification | undefined> {
    const row = await this.#db
      .selectFrom('verifications')
      .selectAll()
      .where('request_id', '=', requestId)
      .executeTakeFirst();
    return row && verificationIn(row);
  }

  async list(filter: VerificationFilter, page: PageRequest): Promise<Page<Verification>> {
    let query = this.#db.selectFrom('verifications').selectAll().where(matching(filter));
    if (page.after !== undefined) {
      const { createTime, id } = placeIn(page.after);
      query = query
        .where('create_time', '<=', createTime)
        .where((eb) => eb.or([eb('create_time', '<', createTime), eb('verification_id', '<', id)]));
    }
    const rows = await query
      .orderBy('create_time', 'desc')
      .orderBy('verification_id', 'desc')
      .limit(limitOf(page.size))
      .execute();
    return pageOf(rows, page.size, verificationIn, (row) =>
      placeOut({ createTime: row.create_time, id: row.verification_id }),
    );
  }

  async count(filter: VerificationFilter): Promise<number> {
    const row = await this.#db
      .selectFrom('verifications')
      .select((eb) => eb.fn.countAll<number>().as('total'))
      .where(matching(filter))
      .executeTakeFirstOrThrow();
    return Number(row.total);
  }

  async open(): Promise<readonly Verification[]> {
    const rows = await this.#db
      .selectFrom('verifications')
      .selectAll()
      .where('state', 'in', OPEN)
      .orderBy('create_time')
      .orderBy('verification_id')
      .execute();
    return rows.map(verificationIn);
  }

  async findSibling(
    { verificationId, sampleId, sampleVersion, subjectDigest, scope }: Verification,
    states: readonly VerificationState[],
  ): Promise<Verification | undefined> {
    const row = await this.#db
      .selectFrom('verifications')
      .selectAll()
      .where('subject_digest', '=', subjectDigest)
      .where('sample_id', '=', sampleId)
      .where('sample_version', '=', sampleVersion)
      .where('scope', '=', scope)
      .where('state', 'in', states)
      .where('verification_id', '!=', verificationId)
      .limit(1)
      .executeTakeFirst();
    return row && verificationIn(row);
  }

  async endedWithLayer(): Promise<readonly Verification[]> {
    const rows = await this.#db
      .selectFrom('verifications')
      .selectAll()
      .where('state', 'not in', OPEN)
      .where('kept_kind', 'in', ['layer', 'layers'])
      .execute();
    return rows.map(verificationIn);
  }

  async references(): Promise<{ readonly blobs: ReadonlySet<string>; readonly layers: ReadonlySet<string> }> {
    const rows = await this.#db
      .selectFrom('verifications')
      .select(['kept_kind', 'kept_ref', 'kept_below', 'log_blob'])
      .execute();
    const blobs = new Set<string>();
    const layers = new Set<string>();
    for (const row of rows) {
      if (row.kept_kind === 'patch' && row.kept_ref !== null) blobs.add(row.kept_ref);
      for (const layer of keptLayers(row)) layers.add(layer);
      if (row.log_blob !== null) blobs.add(row.log_blob);
    }
    return { blobs, layers };
  }
}

function matching(filter: VerificationFilter) {
  return (eb: ExpressionBuilder<Schema, 'verifications'>) => {
    const conditions: Expression<SqlBool>[] = [];
    if (filter.sampleId) conditions.push(eb('sample_id', '=', filter.sampleId));
    if (filter.sessionId) conditions.push(eb('session_id', '=', filter.sessionId));
    const shown = filter.viewer === 'AGENT' ? 'agent_feedback' : 'feedback';
    if (filter.viewer === 'AGENT') conditions.push(eb(shown, 'is not', null));
    if (filter.states !== undefined && filter.states.length > 0) {
      // A filter must not tell what the answer keeps back.
      const states = filter.states.filter((state) => state !== 'ENDED');
      const asTheyAre = states.length === 0 ? eb.lit(false) : eb('state', 'in', states);
      conditions.push(
        filter.viewer === undefined
          ? asTheyAre
          : eb.or([
              eb.and([asTheyAre, eb.or([eb(shown, '!=', 'NONE'), eb('state', 'in', NEVER_HIDDEN)])]),
              ...(filter.states.includes('ENDED')
                ? [eb.and([eb(shown, '=', 'NONE'), eb('state', 'not in', NEVER_HIDDEN)])]
                : []),
            ]),
      );
    }
    if (filter.withoutValidations === true) {
      const own = BY_CHECKS.map((prefix) => eb('request_id', 'not like', `${prefix}%`));
      const others = eb.or([eb('request_id', 'is', null), eb.and(own)]);
      conditions.push(others);
    }
    return eb.and(conditions);
  };
}

async function countFor(db: Kysely<Schema>, sessionId: string): Promise<number> {
  const row = await db
    .selectFrom('verifications')
    .select((eb) => eb.fn.countAll<number>().as('total'))
    .where('session_id', '=', sessionId)
    .where(counts)
    .executeTakeFirstOrThrow();
  const removed = await db
    .selectFrom('removed_verifications')
    .select('total')
    .where('session_id', '=', sessionId)
    .executeTakeFirst();
  return Number(row.total) + (removed?.total ?? 0);
}

/** Whether a verification counts against its session's limit. */
export function counts(eb: ExpressionBuilder<Schema, 'verifications'>): Expression<SqlBool> {
  return eb.and([
    eb('state', '!=', 'CANCELLED'),
    eb.not(eb.and([eb('state', '=', 'ERROR'), eb('fault', '=', 'SERVICE')])),
  ]);
}

async function refusal(tx: Transaction<Schema>, verificationId: string): Promise<CodesetError> {
  const row = await tx
    .selectFrom('verifications')
    .select('state')
    .where('verification_id', '=', verificationId)
    .executeTakeFirst();
  if (row === undefined) return notFound('VERIFICATION_NOT_FOUND', 'verification', verificationId);
  return failedPrecondition(
    'VERIFICATION_ENDED',
    `The verification "${verificationId}" is ${row.state}, which is final.`,
    { metadata: { verification_id: verificationId, state: row.state } },
  );
}
