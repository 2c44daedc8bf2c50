import type {
  SampleLayers,
  SampleManifest,
  SampleState,
  SampleVersion,
  VerificationSpec,
} from '../core/sample.js';
import type { KeptAudit } from '../core/kept-audit.js';
import type { Disagreement, Validation } from '../core/validation.js';
import { jsonIn, optionalIn, optionalOut, timeIn, timeOut } from './columns.js';
import type { Encoders } from './columns.js';
import { groundIn, groundOut } from './ground-columns.js';
import type { SampleRow } from './schema.js';

export const SAMPLE_ENCODERS: Encoders<SampleVersion, SampleRow> = {
  sampleId: (sample_id) => ({ sample_id }),
  version: (version) => ({ version }),
  manifest: (manifest) => ({
    dataset: manifest.dataset,
    language: manifest.language,
    manifest: JSON.stringify(manifest),
  }),
  task: (task) => ({ task }),
  state: (state) => ({ state }),
  error: (error) => ({ error }),
  digest: (digest) => ({ digest }),
  archiveBlob: (archive_blob) => ({ archive_blob }),
  repositoryBlob: (blob) => ({ repository_blob: optionalOut(blob) }),
  baseCommit: (base_commit) => ({ base_commit }),
  hasSolution: (has) => ({ has_solution: has ? 1 : 0 }),
  layers: (layers) => ({ layers: JSON.stringify(layers) }),
  ground: groundOut,
  createTime: (time) => ({ create_time: timeOut(time) }),
  validation: (validation) => ({ validation: validation === undefined ? null : JSON.stringify(validation) }),
  audit: (audit) => ({ audit: audit === undefined ? null : JSON.stringify(audit) }),
  disagreement: (found) => ({ disagreement: found === undefined ? null : JSON.stringify(found) }),
};

/** Lower-cased here, not by the database: SQLite knows no case beyond ASCII. NUL would end its comparison. */
export function searchTextOf(sample: SampleVersion): string {
  const { sampleId, manifest, task } = sample;
  return [sampleId, manifest.description, task].join('\n').toLowerCase().replaceAll('\0', ' ');
}

export function sampleIn(row: SampleRow): SampleVersion {
  return {
    sampleId: row.sample_id,
    version: row.version,
    manifest: manifestIn(row.manifest),
    task: row.task,
    state: row.state as SampleState,
    error: row.error,
    digest: row.digest,
    archiveBlob: row.archive_blob,
    repositoryBlob: optionalIn(row.repository_blob),
    baseCommit: row.base_commit,
    hasSolution: row.has_solution !== 0,
    layers: layersIn(row.layers),
    ground: groundIn(row.ground),
    createTime: timeIn(row.create_time),
    validation: validationIn(row.validation),
    audit: auditIn(row.audit),
    disagreement: disagreementIn(row.disagreement),
  };
}

/** What an earlier version of the service stored has none of these. */
type LaterSpec = 'failToFail' | 'keep' | 'canary' | 'feedback' | 'maxVerifications';
type StoredSpec = Omit<VerificationSpec, LaterSpec> & Partial<Pick<VerificationSpec, LaterSpec>>;

function manifestIn(text: string): SampleManifest {
  const manifest = jsonIn<Omit<SampleManifest, 'verification'> & { verification: StoredSpec }>(text);
  const { verification, codebase } = manifest;
  return {
    ...manifest,
    verification: {
      failToFail: [],
      keep: [],
      feedback: 'FULL',
      maxVerifications: 0,
      ...verification,
      report: verification.report,
      canary: verification.canary,
    },
    codebase,
  };
}

function validationIn(text: string | null): Validation | undefined {
  if (text === null) return undefined;
  const found = jsonIn<Omit<Validation, 'endTime'> & { readonly endTime: string }>(text);
  return { ...found, reference: found.reference, endTime: new Date(found.endTime) };
}

function auditIn(text: string | null): KeptAudit | undefined {
  if (text === null) return undefined;
  const found = jsonIn<Omit<KeptAudit, 'endTime'> & { readonly endTime: string }>(text);
  return { ...found, endTime: new Date(found.endTime) };
}

function disagreementIn(text: string | null): Disagreement | undefined {
  if (text === null) return undefined;
  const found = jsonIn<Omit<Disagreement, 'time'> & { readonly time: string }>(text);
  return { ...found, time: new Date(found.time) };
}

export function layersIn(text: string): SampleLayers {
  const layers = jsonIn<SampleLayers>(text);
  return { ...layers, baseline: layers.baseline, hidden: layers.hidden };
}
