import type { NetworkMode } from '../core/environment.js';
import type { Snapshot } from '../core/snapshot.js';
import { jsonIn, optionalIn, optionalOut, timeIn, timeOut } from './columns.js';
import type { Encoders } from './columns.js';
import { groundOut, knownGroundIn } from './ground-columns.js';
import { layersIn } from './sample-columns.js';
import type { SnapshotRow } from './schema.js';
import { sourceIn, sourceOut } from './source-columns.js';
import { verifyingIn, verifyingOut } from './verifying-columns.js';

export const SNAPSHOT_ENCODERS: Encoders<Snapshot, SnapshotRow> = {
  snapshotId: (snapshot_id) => ({ snapshot_id }),
  requestId: (id) => ({ request_id: optionalOut(id) }),
  requestDigest: (request_digest) => ({ request_digest }),
  sessionId: (session_id) => ({ session_id }),
  source: sourceOut,
  labels: (labels) => ({ labels: JSON.stringify(labels) }),
  env: (env) => ({ env: JSON.stringify(env) }),
  network: (network) => ({ network }),
  resources: (resources) => ({ resources: JSON.stringify(resources) }),
  engine: (engine) => ({ engine }),
  layers: (layers) => ({ layers: JSON.stringify(layers) }),
  ground: groundOut,
  verifying: verifyingOut,
  sizeBytes: (size_bytes) => ({ size_bytes }),
  transient: (transient) => ({ transient: transient ? 1 : 0 }),
  createTime: (time) => ({ create_time: timeOut(time) }),
};

export function snapshotIn(row: SnapshotRow): Snapshot {
  return {
    snapshotId: row.snapshot_id,
    requestId: optionalIn(row.request_id),
    requestDigest: row.request_digest,
    sessionId: row.session_id,
    source: sourceIn(row, row.snapshot_id),
    labels: jsonIn(row.labels),
    env: jsonIn(row.env),
    network: row.network as NetworkMode,
    resources: jsonIn(row.resources),
    engine: row.engine,
    layers: layersIn(row.layers),
    ground: knownGroundIn(row.ground),
    verifying: verifyingIn(row.verifying),
    sizeBytes: row.size_bytes,
    transient: row.transient !== 0,
    createTime: timeIn(row.create_time),
  };
}
