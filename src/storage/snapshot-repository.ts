import type { Expression, ExpressionBuilder, Kysely, SqlBool } from 'kysely';
import { CodesetError } from '../core/errors.js';
import type { Page, PageRequest, SnapshotRepository } from '../core/ports/storage.js';
import type { Snapshot, SnapshotFilter } from '../core/snapshot.js';
import { encodeRow } from './columns.js';
import { groundIn } from './ground-columns.js';
import { limitOf, pageOf, placeIn, placeOut } from './paging.js';
import { layersIn } from './sample-columns.js';
import type { Schema } from './schema.js';
import { SNAPSHOT_ENCODERS, snapshotIn } from './snapshot-columns.js';
import { UniqueViolation } from './violations.js';

export class SqlSnapshotRepository implements SnapshotRepository {
  readonly #db: Kysely<Schema>;

  constructor(db: Kysely<Schema>) {
    this.#db = db;
  }

  async insert(snapshot: Snapshot): Promise<void> {
    const { snapshotId, labels } = snapshot;
    const rows = Object.entries(labels).map(([name, value]) => ({ snapshot_id: snapshotId, name, value }));
    try {
      await this.#db.transaction().execute(async (tx) => {
        await tx.insertInto('snapshots').values(encodeRow(SNAPSHOT_ENCODERS, snapshot)).execute();
        if (rows.length > 0) await tx.insertInto('snapshot_labels').values(rows).execute();
      });
    } catch (error) {
      if (!(error instanceof UniqueViolation) || !error.columns.includes('request_id')) throw error;
      throw new CodesetError(
        'already-exists',
        'REQUEST_ID_REUSED',
        `The request id "${snapshot.requestId ?? ''}" made another snapshot: choose a new one.`,
        { metadata: { request_id: snapshot.requestId ?? '' }, cause: error },
      );
    }
  }

  async find(snapshotId: string): Promise<Snapshot | undefined> {
    const row = await this.#db
      .selectFrom('snapshots')
      .selectAll()
      .where('snapshot_id', '=', snapshotId)
      .executeTakeFirst();
    return row && snapshotIn(row);
  }

  async findByRequestId(requestId: string): Promise<Snapshot | undefined> {
    const row = await this.#db
      .selectFrom('snapshots')
      .selectAll()
      .where('request_id', '=', requestId)
      .executeTakeFirst();
    return row && snapshotIn(row);
  }

  async list(filter: SnapshotFilter, page: PageRequest): Promise<Page<Snapshot>> {
    let query = this.#db.selectFrom('snapshots').selectAll().where(matching(filter));
    if (page.after !== undefined) {
      const { createTime, id } = placeIn(page.after);
      query = query
        .where('create_time', '<=', createTime)
        .where((eb) => eb.or([eb('create_time', '<', createTime), eb('snapshot_id', '<', id)]));
    }
    const rows = await query
      .orderBy('create_time', 'desc')
      .orderBy('snapshot_id', 'desc')
      .limit(limitOf(page.size))
      .execute();
    return pageOf(rows, page.size, snapshotIn, (row) =>
      placeOut({ createTime: row.create_time, id: row.snapshot_id }),
    );
  }

  async count(filter: SnapshotFilter): Promise<number> {
    const row = await this.#db
      .selectFrom('snapshots')
      .select((eb) => eb.fn.countAll<number>().as('total'))
      .where(matching(filter))
      .executeTakeFirstOrThrow();
    return Number(row.total);
  }

  async delete(snapshotId: string): Promise<boolean> {
    const { numDeletedRows } = await this.#db
      .deleteFrom('snapshots')
      .where('snapshot_id', '=', snapshotId)
      .executeTakeFirstOrThrow();
    return numDeletedRows > 0n;
  }

  async references(): ReturnType<SnapshotRepository['references']> {
    const rows = await this.#db.selectFrom('snapshots').select(['layers', 'ground']).execute();
    const layers = new Set<string>();
    const images = new Set<string>();
    for (const row of rows) {
      const image = groundIn(row.ground)?.image;
      if (image !== undefined) images.add(image.id);
      const { root, workspace, baseline } = layersIn(row.layers);
      for (const layer of [...root, ...workspace, baseline]) if (layer !== undefined) layers.add(layer);
    }
    return { layers, images };
  }
}

/** No labels filter nothing. */
function matching(filter: SnapshotFilter) {
  return (eb: ExpressionBuilder<Schema, 'snapshots'>) => {
    const conditions: Expression<SqlBool>[] = [];
    if (filter.sessionId) conditions.push(eb('session_id', '=', filter.sessionId));
    if (filter.sampleId) conditions.push(eb('sample_id', '=', filter.sampleId));
    if (filter.sampleVersion !== undefined) conditions.push(eb('sample_version', '=', filter.sampleVersion));
    if (filter.transient !== undefined) conditions.push(eb('transient', '=', filter.transient ? 1 : 0));
    for (const [name, value] of Object.entries(filter.labels ?? {})) {
      conditions.push(
        eb.exists(
          eb
            .selectFrom('snapshot_labels')
            .select('snapshot_labels.name')
            .whereRef('snapshot_labels.snapshot_id', '=', 'snapshots.snapshot_id')
            .where('snapshot_labels.name', '=', name)
            .where('snapshot_labels.value', '=', value),
        ),
      );
    }
    return eb.and(conditions);
  };
}
