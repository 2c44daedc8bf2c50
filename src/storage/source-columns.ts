import type { Environment } from '../core/environment.js';
import type { SessionSource } from '../core/session.js';
import { jsonIn } from './columns.js';
import type { SourceColumns } from './schema.js';

/** Columns of what a session was made from. */
export function sourceOut(source: SessionSource): SourceColumns {
  switch (source.kind) {
    case 'sample':
      return {
        source_kind: source.kind,
        sample_id: source.sampleId,
        sample_version: source.version,
        environment: null,
      };
    case 'environment':
      return {
        source_kind: source.kind,
        sample_id: null,
        sample_version: null,
        environment: JSON.stringify(source.environment),
      };
  }
}

/** @param id names the row in an error */
export function sourceIn(row: SourceColumns, id: string): SessionSource {
  if (row.source_kind === 'sample' && row.sample_id !== null && row.sample_version !== null) {
    return { kind: 'sample', sampleId: row.sample_id, version: row.sample_version };
  }
  if (row.source_kind === 'environment' && row.environment !== null) {
    return { kind: 'environment', environment: jsonIn<Environment>(row.environment) };
  }
  throw new Error(`What is stored of ${id} has no source.`);
}
