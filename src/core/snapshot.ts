import type { Ground, NetworkMode, Resources } from './environment.js';
import type { VerifyingRules } from './feedback.js';
import type { SampleLayers } from './sample.js';
import type { SessionSource } from './session.js';

/** What a session's files were at one moment, as it is stored and shown. Never changed. */
export interface Snapshot {
  readonly snapshotId: string;
  readonly requestId: string | undefined;
  /** SHA-256 over the canonical request: a request id sent again with other content is refused. */
  readonly requestDigest: string;
  /** Whose files they were. */
  readonly sessionId: string;
  /** What that session was made from. */
  readonly source: SessionSource;
  readonly labels: Readonly<Record<string, string>>;
  /** The session's own variables, secret ones never among them. */
  readonly env: Readonly<Record<string, string>>;
  readonly network: NetworkMode;
  readonly resources: Resources;
  /** The engine that holds the layers. */
  readonly engine: string;
  /** What its environment came down to. */
  readonly ground: Ground;
  /** What a sandbox that begins as this stands on, all of it. */
  readonly layers: SampleLayers;
  /** Those of the session; `before` counts what the session had used by then. */
  readonly verifying: VerifyingRules;
  /** Bytes on disk of the layers that were made for it. */
  readonly sizeBytes: number;
  /** Made for one fork: not listed, and gone with the last session that began as it. */
  readonly transient: boolean;
  readonly createTime: Date;
}

export interface SnapshotFilter {
  readonly sessionId?: string;
  readonly sampleId?: string;
  readonly sampleVersion?: number;
  readonly labels?: Readonly<Record<string, string>>;
  /** Undefined: both kinds. */
  readonly transient?: boolean;
}
