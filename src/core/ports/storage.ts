import type { ExecInfo } from '../exec.js';
import type { Key } from '../key.js';
import type { Dataset, SampleVersion } from '../sample.js';
import type { Session, SessionFilter } from '../session.js';
import type { Snapshot, SnapshotFilter } from '../snapshot.js';
import type { Verification, VerificationFilter, VerificationState } from '../verification.js';

export interface Page<T> {
  readonly items: readonly T[];
  /** Continue after this; undefined at the end. */
  readonly next: string | undefined;
}

export interface PageRequest {
  readonly size: number;
  /** `next` of the page before. */
  readonly after: string | undefined;
}

export interface SampleFilter {
  readonly dataset?: string;
  /** Case-insensitive, in id, description and task. */
  readonly search?: string;
  readonly language?: string;
  /** All of them. */
  readonly tags?: readonly string[];
}

export interface SampleRepository {
  /** Fails with SAMPLE_EXISTS when that version is there. */
  insert(sample: SampleVersion): Promise<void>;
  update(
    sampleId: string,
    version: number,
    change: Partial<
      Pick<
        SampleVersion,
        'state' | 'error' | 'layers' | 'ground' | 'baseCommit' | 'validation' | 'audit' | 'disagreement'
      >
    >,
  ): Promise<void>;
  /** The latest version unless one is named. */
  find(sampleId: string, version?: number): Promise<SampleVersion | undefined>;
  /** The highest version that the sample ever had, deleted ones too; 0 when it never had one. */
  lastVersion(sampleId: string): Promise<number>;
  findByRequestId(requestId: string): Promise<{ sample: SampleVersion; requestDigest: string } | undefined>;
  rememberRequest(requestId: string, requestDigest: string, sampleId: string, version: number): Promise<void>;
  versions(sampleId: string): Promise<readonly SampleVersion[]>;
  /** Latest versions, by sample id. */
  list(filter: SampleFilter, page: PageRequest): Promise<Page<SampleVersion>>;
  count(filter: SampleFilter): Promise<number>;
  datasets(): Promise<readonly Dataset[]>;
  /** All versions in a state, for the start of the service. */
  inState(state: SampleVersion['state']): Promise<readonly SampleVersion[]>;
  /** Every blob, layer and image that any version refers to. */
  references(): Promise<{
    readonly blobs: ReadonlySet<string>;
    readonly layers: ReadonlySet<string>;
    readonly images: ReadonlySet<string>;
  }>;
  delete(sampleId: string, version?: number): Promise<void>;
}

export interface SessionRepository {
  /** Fails with REQUEST_ID_REUSED when the request id is taken (callers look first). */
  insert(session: Session): Promise<void>;
  update(sessionId: string, change: Partial<Session>): Promise<void>;
  find(sessionId: string): Promise<Session | undefined>;
  findByRequestId(requestId: string): Promise<Session | undefined>;
  /** Those whose request ids begin so. */
  withRequestPrefix(prefix: string): Promise<readonly Session[]>;
  /** Newest first. */
  list(filter: SessionFilter, page: PageRequest): Promise<Page<Session>>;
  count(filter: SessionFilter): Promise<number>;
  /** Neither CLOSED nor EXPIRED. */
  open(): Promise<readonly Session[]>;
}

export interface SnapshotRepository {
  /** Fails with REQUEST_ID_REUSED when the request id is taken (callers look first). */
  insert(snapshot: Snapshot): Promise<void>;
  find(snapshotId: string): Promise<Snapshot | undefined>;
  findByRequestId(requestId: string): Promise<Snapshot | undefined>;
  /** Newest first. */
  list(filter: SnapshotFilter, page: PageRequest): Promise<Page<Snapshot>>;
  count(filter: SnapshotFilter): Promise<number>;
  /** False when there is no such snapshot. */
  delete(snapshotId: string): Promise<boolean>;
  /** Every layer and image that a snapshot stands on. */
  references(): Promise<{ readonly layers: ReadonlySet<string>; readonly images: ReadonlySet<string> }>;
}

export interface ExecRepository {
  /** Inserts or replaces. Called off the fast path. */
  save(exec: ExecInfo): Promise<void>;
  forSession(sessionId: string): Promise<readonly ExecInfo[]>;
  /**
   * What is on record as not ended though its session has ended, whose life saw neither, ended with it.
   * @param sessionId only of this one
   */
  endLeft(time: Date, sessionId?: string): Promise<void>;
  deleteForSession(sessionId: string): Promise<void>;
}

export interface VerificationRepository {
  /**
   * @param most with it, in one step with the counting: as many may count for the subject's session, this one among them.
   * @returns false, and nothing is stored, where there are as many already.
   */
  insert(verification: Verification, most?: number): Promise<boolean>;
  /**
   * How many count for a session: all but those CANCELLED and those in ERROR by the service's own fault; those that
   * were removed, too.
   */
  countFor(sessionId: string): Promise<number>;
  update(verificationId: string, change: Partial<Verification>): Promise<void>;
  find(verificationId: string): Promise<Verification | undefined>;
  findByRequestId(requestId: string): Promise<Verification | undefined>;
  /** Newest first. */
  list(filter: VerificationFilter, page: PageRequest): Promise<Page<Verification>>;
  count(filter: VerificationFilter): Promise<number>;
  /** PENDING or RUNNING. */
  open(): Promise<readonly Verification[]>;
  /** One of the same subject digest, judged by the same version in the same scope, that ended in one of these states. */
  findSibling(
    verification: Verification,
    states: readonly VerificationState[],
  ): Promise<Verification | undefined>;
  /** Those that have ended and still refer to a layer that was kept for their run. */
  endedWithLayer(): Promise<readonly Verification[]>;
  /** Blobs and layers kept for verifications. */
  references(): Promise<{ readonly blobs: ReadonlySet<string>; readonly layers: ReadonlySet<string> }>;
}

/** What of an ended verification can go before its record does. */
export type KeptPart = 'subject' | 'log';

/** What verifications keep beside their records, and how it goes. */
export interface KeptVerificationRepository {
  /** Bytes of all blobs that verifications refer to, each counted once as a patch and once as a log. */
  bytes(): Promise<number>;
  /** Ids of ended verifications that have such a part, and not an empty one, the longest ended first. */
  endedWith(part: KeptPart, most: number): Promise<readonly string[]>;
  /** Ids of those that ended at this time or before it, the longest ended first. */
  endedBy(time: Date, most: number): Promise<readonly string[]>;
  /**
   * An ended verification refers to that part no more, and its blob is released, in one step.
   * @returns the bytes that nothing refers to any more: 0 where others share them, or it has no such part.
   */
  giveUp(verificationId: string, part: KeptPart, time: Date): Promise<number>;
  /**
   * An ended verification is gone, what it referred to is released, and its session's count stays as it is, in one
   * step. False when there is none that has ended.
   */
  remove(verificationId: string): Promise<boolean>;
  /** Digests of blobs that were released and have not been looked at since. */
  released(): Promise<readonly string[]>;
  /** Whether a verification or a sample refers to this blob. */
  refersTo(blob: string): Promise<boolean>;
  /** A released blob was looked at. */
  settle(blob: string): Promise<void>;
  /** Patches that an earlier version of the service kept without writing down their size. */
  unsized(): Promise<readonly string[]>;
  size(patchBlob: string, bytes: number): Promise<void>;
}

export interface KeyRepository {
  insert(key: Key): Promise<void>;
  findByHash(secretHash: string): Promise<Key | undefined>;
  /** Admins' and runners' keys, also revoked ones, oldest first. Agents' tokens are not listed. */
  list(): Promise<readonly Key[]>;
  /** False when there is no such key; a key that is revoked already keeps its time. */
  revoke(keyId: string, time: Date): Promise<boolean>;
  revokeForSession(sessionId: string, time: Date): Promise<void>;
  /** Of all sessions that have ended. */
  revokeOfEnded(time: Date): Promise<void>;
}

/**
 * Write-only environment of open sessions: it must outlive a restart of the service, and must be in no record,
 * log, snapshot, verification or backup of the database, so it is kept apart from Storage.
 */
export interface SecretStore {
  /** Replaces what was there; an empty `env` is kept as none. DISK_FULL leaves the earlier one. */
  put(sessionId: string, env: Readonly<Record<string, string>>): Promise<void>;
  /** `{}` when there is none. */
  get(sessionId: string): Promise<Readonly<Record<string, string>>>;
  /** Idempotent; called at the session's end. */
  delete(sessionId: string): Promise<void>;
  /** Sessions that have some, so that a start of the service can delete what ended sessions left. */
  list(): Promise<readonly string[]>;
}

export interface Storage {
  readonly samples: SampleRepository;
  readonly sessions: SessionRepository;
  readonly snapshots: SnapshotRepository;
  readonly execs: ExecRepository;
  readonly verifications: VerificationRepository;
  readonly keptVerifications: KeptVerificationRepository;
  readonly keys: KeyRepository;
  close(): Promise<void>;
}
