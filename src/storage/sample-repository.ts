import { sql } from 'kysely';
import type { Expression, ExpressionBuilder, Kysely, SqlBool } from 'kysely';
import { CodesetError, invalidFields, notFound } from '../core/errors.js';
import type { Page, PageRequest, SampleFilter, SampleRepository } from '../core/ports/storage.js';
import type { Dataset, SampleState, SampleVersion } from '../core/sample.js';
import { encode, encodeRow } from './columns.js';
import { groundIn } from './ground-columns.js';
import { limitOf, pageOf } from './paging.js';
import { layersIn, SAMPLE_ENCODERS, sampleIn, searchTextOf } from './sample-columns.js';
import type { SampleRow, Schema } from './schema.js';
import { UniqueViolation } from './violations.js';

const MAX_SEARCH = 1000;

export class SqlSampleRepository implements SampleRepository {
  readonly #db: Kysely<Schema>;

  constructor(db: Kysely<Schema>) {
    this.#db = db;
  }

  async insert(sample: SampleVersion): Promise<void> {
    const row: SampleRow = { ...encodeRow(SAMPLE_ENCODERS, sample), search_text: searchTextOf(sample) };
    const { sample_id, version } = row;
    const tags = [...new Set(sample.manifest.tags)].map((tag) => ({ sample_id, version, tag }));
    try {
      await this.#db.transaction().execute(async (tx) => {
        await tx.insertInto('sample_versions').values(row).execute();
        await tx
          .insertInto('sample_numbers')
          .values({ sample_id, last_version: version })
          .onConflict((conflict) =>
            conflict.column('sample_id').doUpdateSet({
              last_version: sql<number>`case when excluded.last_version > sample_numbers.last_version then excluded.last_version else sample_numbers.last_version end`,
            }),
          )
          .execute();
        if (tags.length > 0) await tx.insertInto('sample_tags').values(tags).execute();
      });
    } catch (error) {
      if (!(error instanceof UniqueViolation)) throw error;
      throw new CodesetError(
        'already-exists',
        'SAMPLE_EXISTS',
        `Version ${sample.version} of the sample "${sample.sampleId}" is registered already.`,
        { metadata: { sample_id: sample.sampleId, version: String(sample.version) }, cause: error },
      );
    }
  }

  async update(
    sampleId: string,
    version: number,
    change: Parameters<SampleRepository['update']>[2],
  ): Promise<void> {
    const values = encode<SampleVersion, SampleRow>(SAMPLE_ENCODERS, change);
    if (Object.keys(values).length === 0) return;
    const { numUpdatedRows } = await this.#db
      .updateTable('sample_versions')
      .set(values)
      .where('sample_id', '=', sampleId)
      .where('version', '=', version)
      .executeTakeFirstOrThrow();
    if (numUpdatedRows === 0n) {
      throw notFound('SAMPLE_VERSION_NOT_FOUND', 'sample version', `${sampleId}@${version}`);
    }
  }

  async find(sampleId: string, version?: number): Promise<SampleVersion | undefined> {
    let query = this.#db.selectFrom('sample_versions').selectAll().where('sample_id', '=', sampleId);
    query = version === undefined ? query.orderBy('version', 'desc') : query.where('version', '=', version);
    const row = await query.limit(1).executeTakeFirst();
    return row && sampleIn(row);
  }

  async lastVersion(sampleId: string): Promise<number> {
    const row = await this.#db
      .selectFrom('sample_numbers')
      .select('last_version')
      .where('sample_id', '=', sampleId)
      .executeTakeFirst();
    return row?.last_version ?? 0;
  }

  async findByRequestId(
    requestId: string,
  ): Promise<{ sample: SampleVersion; requestDigest: string } | undefined> {
    const request = await this.#db
      .selectFrom('sample_requests')
      .selectAll()
      .where('request_id', '=', requestId)
      .executeTakeFirst();
    const sample = request && (await this.find(request.sample_id, request.version));
    return sample && { sample, requestDigest: request.request_digest };
  }

  /** The same content again is fine; other content is REQUEST_ID_REUSED. */
  async rememberRequest(
    requestId: string,
    requestDigest: string,
    sampleId: string,
    version: number,
  ): Promise<void> {
    try {
      await this.#db
        .insertInto('sample_requests')
        .values({ request_id: requestId, request_digest: requestDigest, sample_id: sampleId, version })
        .execute();
    } catch (error) {
      if (!(error instanceof UniqueViolation)) throw error;
      const known = await this.findByRequestId(requestId);
      if (known?.requestDigest === requestDigest) return;
      throw new CodesetError(
        'already-exists',
        'REQUEST_ID_REUSED',
        `The request id "${requestId}" was used with other content: choose a new one.`,
        { metadata: { request_id: requestId }, cause: error },
      );
    }
  }

  async versions(sampleId: string): Promise<readonly SampleVersion[]> {
    const rows = await this.#db
      .selectFrom('sample_versions')
      .selectAll()
      .where('sample_id', '=', sampleId)
      .orderBy('version')
      .execute();
    return rows.map(sampleIn);
  }

  async list(filter: SampleFilter, page: PageRequest): Promise<Page<SampleVersion>> {
    let query = this.#db.selectFrom('sample_versions').selectAll().where(latest).where(matching(filter));
    if (page.after !== undefined) query = query.where('sample_id', '>', page.after);
    const rows = await query.orderBy('sample_id').limit(limitOf(page.size)).execute();
    return pageOf(rows, page.size, sampleIn, (row) => row.sample_id);
  }

  async count(filter: SampleFilter): Promise<number> {
    const row = await this.#db
      .selectFrom('sample_versions')
      .select((eb) => eb.fn.countAll<number>().as('total'))
      .where(latest)
      .where(matching(filter))
      .executeTakeFirstOrThrow();
    return Number(row.total);
  }

  async datasets(): Promise<readonly Dataset[]> {
    const rows = await this.#db
      .selectFrom('sample_versions')
      .select((eb) => ['dataset', eb.fn.countAll<number>().as('total')])
      .where(latest)
      .groupBy('dataset')
      .orderBy('dataset')
      .execute();
    return rows.map((row) => ({ name: row.dataset, sampleCount: Number(row.total) }));
  }

  async inState(state: SampleState): Promise<readonly SampleVersion[]> {
    const rows = await this.#db
      .selectFrom('sample_versions')
      .selectAll()
      .where('state', '=', state)
      .orderBy('sample_id')
      .orderBy('version')
      .execute();
    return rows.map(sampleIn);
  }

  async references(): ReturnType<SampleRepository['references']> {
    const rows = await this.#db
      .selectFrom('sample_versions')
      .select(['archive_blob', 'repository_blob', 'layers', 'ground'])
      .execute();
    const blobs = new Set<string>();
    const layers = new Set<string>();
    const images = new Set<string>();
    for (const row of rows) {
      const image = groundIn(row.ground)?.image;
      if (image !== undefined) images.add(image.id);
      blobs.add(row.archive_blob);
      if (row.repository_blob !== null) blobs.add(row.repository_blob);
      const { root, workspace, baseline, hidden } = layersIn(row.layers);
      for (const layer of [...root, ...workspace, baseline, hidden]) {
        if (layer !== undefined) layers.add(layer);
      }
    }
    return { blobs, layers, images };
  }

  async delete(sampleId: string, version?: number): Promise<void> {
    let query = this.#db.deleteFrom('sample_versions').where('sample_id', '=', sampleId);
    if (version !== undefined) query = query.where('version', '=', version);
    await query.execute();
  }
}

function latest(eb: ExpressionBuilder<Schema, 'sample_versions'>) {
  return eb(
    'version',
    '=',
    eb
      .selectFrom('sample_versions as other')
      .select((inner) => inner.fn.max('other.version').as('version'))
      .whereRef('other.sample_id', '=', 'sample_versions.sample_id'),
  );
}

function matching(filter: SampleFilter) {
  const search = filter.search?.trim().toLowerCase() ?? '';
  if (search.length > MAX_SEARCH) {
    throw invalidFields([{ field: 'search', description: `At most ${MAX_SEARCH} characters.` }]);
  }
  return (eb: ExpressionBuilder<Schema, 'sample_versions'>) => {
    const conditions: Expression<SqlBool>[] = [];
    if (filter.dataset) conditions.push(eb('dataset', '=', filter.dataset));
    if (filter.language) conditions.push(eb('language', '=', filter.language));
    if (search !== '') {
      const pattern = `%${search.replace(/[\\%_]/g, '\\$&')}%`;
      conditions.push(sql<boolean>`${eb.ref('search_text')} like ${pattern} escape '\\'`);
    }
    for (const tag of filter.tags ?? []) {
      conditions.push(
        eb.exists(
          eb
            .selectFrom('sample_tags')
            .select('sample_tags.tag')
            .whereRef('sample_tags.sample_id', '=', 'sample_versions.sample_id')
            .whereRef('sample_tags.version', '=', 'sample_versions.version')
            .where('sample_tags.tag', '=', tag),
        ),
      );
    }
    return eb.and(conditions);
  };
}
