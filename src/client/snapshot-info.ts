import type { Snapshot } from '../../gen/codeset/v1/snapshot.js';
import { limitsOf, networkOf, type Limits, type Network } from './session-info.js';

/** What a session's files were at one moment, kept apart from the session. */
export interface SnapshotInfo {
  readonly snapshotId: string;
  /** The session that it was taken of, which may have ended meanwhile. */
  readonly sessionId: string;
  /** The sample that session was made from; undefined for an environment alone. */
  readonly sample: { readonly sampleId: string; readonly version: number } | undefined;
  readonly labels: Readonly<Record<string, string>>;
  /** When the files were as they are kept. */
  readonly createTime: Date | undefined;
  /** Bytes on disk of what was copied for it. */
  readonly sizeBytes: number;
  /** What sessions made from it have unless they ask for other: limits, network and variables of its session. */
  readonly limits: Limits;
  readonly network: Network | undefined;
  readonly env: Readonly<Record<string, string>>;
}

export function snapshotInfo(snapshot: Snapshot): SnapshotInfo {
  const { source } = snapshot;
  return {
    snapshotId: snapshot.snapshotId,
    sessionId: snapshot.sessionId,
    sample:
      source?.$case === 'sample'
        ? { sampleId: source.value.sampleId, version: source.value.version }
        : undefined,
    labels: snapshot.labels,
    createTime: snapshot.createTime,
    sizeBytes: Number(snapshot.sizeBytes),
    limits: limitsOf(snapshot.resources),
    network: networkOf(snapshot.network),
    env: snapshot.env,
  };
}
