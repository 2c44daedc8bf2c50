import type { Expression, ExpressionBuilder, Kysely, SqlBool, Transaction } from 'kysely';
import { CodesetError, failedPrecondition, notFound } from '../core/errors.js';
import type { Page, PageRequest, SessionRepository } from '../core/ports/storage.js';
import { sessionEnded } from '../core/session.js';
import type { Session, SessionFilter, SessionState } from '../core/session.js';
import { encode, encodeRow } from './columns.js';
import { limitOf, pageOf, placeIn, placeOut } from './paging.js';
import type { SessionRow, Schema } from './schema.js';
import { SESSION_ENCODERS, sessionIn } from './session-columns.js';
import { UniqueViolation } from './violations.js';

const STATES: readonly SessionState[] = ['CREATING', 'READY', 'ERROR', 'CLOSED', 'EXPIRED'];
const OPEN = STATES.filter((state) => !sessionEnded(state));

export class SqlSessionRepository implements SessionRepository {
  readonly #db: Kysely<Schema>;

  constructor(db: Kysely<Schema>) {
    this.#db = db;
  }

  async insert(session: Session): Promise<void> {
    try {
      await this.#db.transaction().execute(async (tx) => {
        await tx.insertInto('sessions').values(encodeRow(SESSION_ENCODERS, session)).execute();
        await insertLabels(tx, session.sessionId, session.labels);
      });
    } catch (error) {
      if (!(error instanceof UniqueViolation) || !error.columns.includes('request_id')) throw error;
      throw new CodesetError(
        'already-exists',
        'REQUEST_ID_REUSED',
        `The request id "${session.requestId ?? ''}" made another session: choose a new one.`,
        { metadata: { request_id: session.requestId ?? '' }, cause: error },
      );
    }
  }

  /** @throws SESSION_NOT_FOUND; SESSION_ENDED when the change would take a session out of a final state. */
  async update(sessionId: string, change: Partial<Session>): Promise<void> {
    const values = encode<Session, SessionRow>(SESSION_ENCODERS, change);
    if (Object.keys(values).length === 0) return;
    await this.#db.transaction().execute(async (tx) => {
      let query = tx.updateTable('sessions').set(values).where('session_id', '=', sessionId);
      if (change.state !== undefined) query = query.where('state', 'in', [...OPEN, change.state]);
      const { numUpdatedRows } = await query.executeTakeFirstOrThrow();
      if (numUpdatedRows === 0n) throw await refusal(tx, sessionId);
      if (change.labels === undefined) return;
      await tx.deleteFrom('session_labels').where('session_id', '=', sessionId).execute();
      await insertLabels(tx, sessionId, change.labels);
    });
  }

  async find(sessionId: string): Promise<Session | undefined> {
    const row = await this.#db
      .selectFrom('sessions')
      .selectAll()
      .where('session_id', '=', sessionId)
      .executeTakeFirst();
    return row && sessionIn(row);
  }

  async findByRequestId(requestId: string): Promise<Session | undefined> {
    const row = await this.#db
      .selectFrom('sessions')
      .selectAll()
      .where('request_id', '=', requestId)
      .executeTakeFirst();
    return row && sessionIn(row);
  }

  async withRequestPrefix(prefix: string): Promise<readonly Session[]> {
    // A range finds them by the index, which LIKE does not.
    const rows = await this.#db
      .selectFrom('sessions')
      .selectAll()
      .where('request_id', '>=', prefix)
      .where('request_id', '<', `${prefix}\u{10ffff}`)
      .orderBy('request_id')
      .execute();
    return rows.map(sessionIn);
  }

  async list(filter: SessionFilter, page: PageRequest): Promise<Page<Session>> {
    let query = this.#db.selectFrom('sessions').selectAll().where(matching(filter));
    if (page.after !== undefined) {
      const { createTime, id } = placeIn(page.after);
      query = query
        .where('create_time', '<=', createTime)
        .where((eb) => eb.or([eb('create_time', '<', createTime), eb('session_id', '<', id)]));
    }
    const rows = await query
      .orderBy('create_time', 'desc')
      .orderBy('session_id', 'desc')
      .limit(limitOf(page.size))
      .execute();
    return pageOf(rows, page.size, sessionIn, (row) =>
      placeOut({ createTime: row.create_time, id: row.session_id }),
    );
  }

  async count(filter: SessionFilter): Promise<number> {
    const row = await this.#db
      .selectFrom('sessions')
      .select((eb) => eb.fn.countAll<number>().as('total'))
      .where(matching(filter))
      .executeTakeFirstOrThrow();
    return Number(row.total);
  }

  async open(): Promise<readonly Session[]> {
    const rows = await this.#db
      .selectFrom('sessions')
      .selectAll()
      .where('state', 'in', OPEN)
      .orderBy('create_time')
      .orderBy('session_id')
      .execute();
    return rows.map(sessionIn);
  }
}

/** An empty list of states, or no labels, filters nothing. */
function matching(filter: SessionFilter) {
  return (eb: ExpressionBuilder<Schema, 'sessions'>) => {
    const conditions: Expression<SqlBool>[] = [];
    if (filter.sampleId) conditions.push(eb('sample_id', '=', filter.sampleId));
    if (filter.snapshotId) conditions.push(eb('snapshot_id', '=', filter.snapshotId));
    if (filter.states !== undefined && filter.states.length > 0) {
      conditions.push(eb('state', 'in', filter.states));
    }
    for (const [name, value] of Object.entries(filter.labels ?? {})) {
      conditions.push(
        eb.exists(
          eb
            .selectFrom('session_labels')
            .select('session_labels.name')
            .whereRef('session_labels.session_id', '=', 'sessions.session_id')
            .where('session_labels.name', '=', name)
            .where('session_labels.value', '=', value),
        ),
      );
    }
    return eb.and(conditions);
  };
}

async function insertLabels(
  tx: Transaction<Schema>,
  sessionId: string,
  labels: Session['labels'],
): Promise<void> {
  const rows = Object.entries(labels).map(([name, value]) => ({ session_id: sessionId, name, value }));
  if (rows.length > 0) await tx.insertInto('session_labels').values(rows).execute();
}

async function refusal(tx: Transaction<Schema>, sessionId: string): Promise<CodesetError> {
  const row = await tx
    .selectFrom('sessions')
    .select('state')
    .where('session_id', '=', sessionId)
    .executeTakeFirst();
  if (row === undefined) return notFound('SESSION_NOT_FOUND', 'session', sessionId);
  return failedPrecondition('SESSION_ENDED', `The session "${sessionId}" is ${row.state}, which is final.`, {
    metadata: { session_id: sessionId, state: row.state },
  });
}
