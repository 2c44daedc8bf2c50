import type { SampleLayers } from './sample.js';
import type { VerifyingRules } from './feedback.js';
import type { Environment, Ground, NetworkMode, Resources } from './environment.js';

export type SessionState = 'CREATING' | 'READY' | 'ERROR' | 'CLOSED' | 'EXPIRED';

export type SessionSource =
  | { readonly kind: 'sample'; readonly sampleId: string; readonly version: number }
  | { readonly kind: 'environment'; readonly environment: Environment };

/** A session as it is stored and shown. Secret env is held apart and never here. */
export interface Session {
  readonly sessionId: string;
  readonly requestId: string | undefined;
  /** SHA-256 over the canonical creation request: a request id sent again with other content is refused. */
  readonly requestDigest: string;
  readonly source: SessionSource;
  /** The snapshot that its files began as; undefined when they began as its source. */
  readonly snapshotId: string | undefined;
  readonly state: SessionState;
  /** Why state is ERROR. */
  readonly error: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly env: Readonly<Record<string, string>>;
  readonly network: NetworkMode;
  readonly resources: Resources;
  /** The engine that makes the sandbox: `local`, `docker`; empty until known. */
  readonly engine: string;
  /** What its environment came down to; undefined until known. */
  readonly ground: Ground | undefined;
  /** What its sandbox stands on; empty until known. */
  readonly layers: SampleLayers;
  /** Sandbox id in that engine; much as the session's id but kept apart on purpose. */
  readonly sandboxId: string;
  readonly user: string;
  readonly workdir: string;
  readonly verifying: VerifyingRules;
  readonly ttlMs: number;
  /** 0: no idle time-out. */
  readonly idleTimeoutMs: number;
  readonly createTime: Date;
  readonly readyTime: Date | undefined;
  readonly expireTime: Date;
  readonly endTime: Date | undefined;
  readonly lastActiveTime: Date;
}

const MOVES: Readonly<Record<SessionState, readonly SessionState[]>> = {
  CREATING: ['READY', 'ERROR', 'CLOSED', 'EXPIRED'],
  READY: ['ERROR', 'CLOSED', 'EXPIRED'],
  ERROR: ['CLOSED', 'EXPIRED'],
  CLOSED: [],
  EXPIRED: [],
};

/** Whether a session in `from` may become `to`. */
export function sessionMayBecome(from: SessionState, to: SessionState): boolean {
  return MOVES[from].includes(to);
}

export function sessionEnded(state: SessionState): boolean {
  return MOVES[state].length === 0;
}

export interface SessionFilter {
  readonly labels?: Readonly<Record<string, string>>;
  readonly states?: readonly SessionState[];
  readonly sampleId?: string;
  /** Only those that began as this snapshot. */
  readonly snapshotId?: string;
}
