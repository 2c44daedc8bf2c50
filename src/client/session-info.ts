import type { Resources } from '../../gen/codeset/v1/sample.js';
import type { Session as WireSession } from '../../gen/codeset/v1/session.js';
import { msOf } from './wire-duration.js';
import { feedback, NETWORK_MODES, sessionState } from './words.js';

/** Where a session stands; `UNRECOGNIZED` is a state of a newer server. */
export type SessionState = 'CREATING' | 'READY' | 'ERROR' | 'CLOSED' | 'EXPIRED' | 'UNRECOGNIZED';

/** Where a sandbox can connect to: nowhere, or to addresses of the world, never the host's or private ones. */
export type Network = keyof typeof NETWORK_MODES;

/** The limits of one sandbox. */
export interface Limits {
  /** Processors, may be fractional. */
  readonly cpus: number;
  readonly memoryBytes: number;
  /** Processes and threads. */
  readonly processes: number;
  /** What the sandbox may write to disk, in bytes. */
  readonly diskBytes: number;
}

/** A session as the service sees it. */
export interface SessionInfo {
  readonly sessionId: string;
  readonly state: SessionState;
  /** Why it is in state ERROR, or was when it ended; else empty. */
  readonly error: string;
  /** The sample it was made from; undefined when it was made from an environment alone. */
  readonly sample: { readonly sampleId: string; readonly version: number } | undefined;
  /** The snapshot that its files began as; empty for none. */
  readonly snapshotId: string;
  readonly labels: Readonly<Record<string, string>>;
  /** The extra variables given at creation, secret ones never among them. */
  readonly env: Readonly<Record<string, string>>;
  readonly limits: Limits;
  readonly network: Network | undefined;
  /** Where commands run that name no place. */
  readonly workdir: string;
  /** Who runs commands that name nobody. */
  readonly user: string;
  /** What made the sandbox, `local` for instance. */
  readonly engine: string;
  /** What who has no admin's key is shown of its verifications at most. */
  readonly feedback: 'NONE' | 'VERDICT' | 'FULL' | 'UNSPECIFIED' | 'UNRECOGNIZED';
  /** What its agent is shown of them; undefined when it may not verify. */
  readonly agentFeedback: SessionInfo['feedback'] | undefined;
  /** How many it may have; 0: any number. */
  readonly maxVerifications: number;
  /** How many of them were used up before it began, by what its files were copied from. */
  readonly verificationsBefore: number;
  readonly createTime: Date | undefined;
  /** When it became READY; undefined until then. */
  readonly readyTime: Date | undefined;
  /** When its time to live ends. */
  readonly expireTime: Date | undefined;
  /** How long it may be idle before it expires, in milliseconds; undefined when there is no such limit. */
  readonly idleTimeoutMs: number | undefined;
  /** When it was CLOSED or EXPIRED; undefined until then. */
  readonly endTime: Date | undefined;
}

export function sessionInfo(session: WireSession): SessionInfo {
  const { source, resources, idleTimeout } = session;
  return {
    sessionId: session.sessionId,
    state: sessionState(session.state) as SessionState,
    error: session.error,
    sample:
      source?.$case === 'sample'
        ? { sampleId: source.value.sampleId, version: source.value.version }
        : undefined,
    snapshotId: session.snapshotId,
    labels: session.labels,
    env: session.env,
    limits: limitsOf(resources),
    network: networkOf(session.network),
    workdir: session.workdir,
    user: session.user,
    engine: session.engine,
    feedback: feedback(session.feedback) as SessionInfo['feedback'],
    agentFeedback: session.agentMayVerify
      ? (feedback(session.agentFeedback) as SessionInfo['feedback'])
      : undefined,
    maxVerifications: session.maxVerifications,
    verificationsBefore: session.verificationsBefore,
    createTime: session.createTime,
    readyTime: session.readyTime,
    expireTime: session.expireTime,
    idleTimeoutMs: idleTimeout === undefined ? undefined : msOf(idleTimeout),
    endTime: session.endTime,
  };
}

export function limitsOf(resources: Resources | undefined): Limits {
  return {
    cpus: resources?.cpus ?? 0,
    memoryBytes: Number(resources?.memoryBytes ?? 0n),
    processes: resources?.processes ?? 0,
    diskBytes: Number(resources?.diskBytes ?? 0n),
  };
}

export function networkOf(mode: number): Network | undefined {
  return (Object.keys(NETWORK_MODES) as Network[]).find((name) => NETWORK_MODES[name] === mode);
}
