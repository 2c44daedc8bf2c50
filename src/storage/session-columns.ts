import type { NetworkMode } from '../core/environment.js';
import type { Session, SessionState } from '../core/session.js';
import {
  jsonIn,
  optionalIn,
  optionalOut,
  optionalTimeIn,
  optionalTimeOut,
  timeIn,
  timeOut,
} from './columns.js';
import type { Encoders } from './columns.js';
import { groundIn, groundOut } from './ground-columns.js';
import { layersIn } from './sample-columns.js';
import type { SessionRow } from './schema.js';
import { sourceIn, sourceOut } from './source-columns.js';
import { verifyingIn, verifyingOut } from './verifying-columns.js';

export const SESSION_ENCODERS: Encoders<Session, SessionRow> = {
  sessionId: (session_id) => ({ session_id }),
  requestId: (id) => ({ request_id: optionalOut(id) }),
  requestDigest: (request_digest) => ({ request_digest }),
  source: sourceOut,
  snapshotId: (id) => ({ snapshot_id: optionalOut(id) }),
  state: (state) => ({ state }),
  error: (error) => ({ error }),
  labels: (labels) => ({ labels: JSON.stringify(labels) }),
  env: (env) => ({ env: JSON.stringify(env) }),
  network: (network) => ({ network }),
  resources: (resources) => ({ resources: JSON.stringify(resources) }),
  engine: (engine) => ({ engine }),
  layers: (layers) => ({ layers: JSON.stringify(layers) }),
  ground: groundOut,
  verifying: verifyingOut,
  sandboxId: (sandbox_id) => ({ sandbox_id }),
  user: (user_name) => ({ user_name }),
  workdir: (workdir) => ({ workdir }),
  ttlMs: (ttl_ms) => ({ ttl_ms }),
  idleTimeoutMs: (idle_timeout_ms) => ({ idle_timeout_ms }),
  createTime: (time) => ({ create_time: timeOut(time) }),
  readyTime: (time) => ({ ready_time: optionalTimeOut(time) }),
  expireTime: (time) => ({ expire_time: timeOut(time) }),
  endTime: (time) => ({ end_time: optionalTimeOut(time) }),
  lastActiveTime: (time) => ({ last_active_time: timeOut(time) }),
};

export function sessionIn(row: SessionRow): Session {
  return {
    sessionId: row.session_id,
    requestId: optionalIn(row.request_id),
    requestDigest: row.request_digest,
    source: sourceIn(row, row.session_id),
    snapshotId: optionalIn(row.snapshot_id),
    state: row.state as SessionState,
    error: row.error,
    labels: jsonIn(row.labels),
    env: jsonIn(row.env),
    network: row.network as NetworkMode,
    resources: jsonIn(row.resources),
    engine: row.engine,
    layers: layersIn(row.layers),
    ground: groundIn(row.ground),
    verifying: verifyingIn(row.verifying),
    sandboxId: row.sandbox_id,
    user: row.user_name,
    workdir: row.workdir,
    ttlMs: row.ttl_ms,
    idleTimeoutMs: row.idle_timeout_ms,
    createTime: timeIn(row.create_time),
    readyTime: optionalTimeIn(row.ready_time),
    expireTime: timeIn(row.expire_time),
    endTime: optionalTimeIn(row.end_time),
    lastActiveTime: timeIn(row.last_active_time),
  };
}
