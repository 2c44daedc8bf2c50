import type { Snapshot } from '../../core/snapshot.js';
import type * as pb from '../../../gen/codeset/v1/snapshot.js';
import { networkModes, resourcesToProto } from './environment.js';
import { sourceToProto } from './session.js';

/** `summary` is for lists, whose answers have to stay small. */
export function snapshotToProto(snapshot: Snapshot, depth: 'summary' | 'basic'): pb.Snapshot {
  const summary = depth === 'summary';
  return {
    snapshotId: snapshot.snapshotId,
    sessionId: snapshot.sessionId,
    source: sourceToProto(snapshot.source, summary),
    labels: { ...snapshot.labels },
    createTime: snapshot.createTime,
    sizeBytes: BigInt(snapshot.sizeBytes),
    resources: resourcesToProto(snapshot.resources),
    network: networkModes.toProto(snapshot.network),
    env: summary ? {} : { ...snapshot.env },
    engine: snapshot.engine,
    transient: snapshot.transient,
  };
}
