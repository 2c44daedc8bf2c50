import type { Readable } from 'node:stream';
import type { Principal } from '../core/key.js';
import type { EngineCapabilities } from '../core/ports/engine.js';
import type { SandboxExecs } from '../core/ports/execs.js';
import type { Page, PageRequest, SampleFilter } from '../core/ports/storage.js';
import type { Dataset, SampleVersion } from '../core/sample.js';
import type { Session, SessionFilter } from '../core/session.js';
import type { SampleEvent, SampleName } from '../core/sample-catalog.js';
import type { PrefetchEvent, PrefetchRequest } from '../core/sample-prefetch.js';
import type { FileEntry } from '../core/session-files.js';
import type { ForkRequest, ForkResult } from '../core/session-forks.js';
import type { SessionEvent } from '../core/open-sessions.js';
import type { SessionRequest } from '../core/session-planner.js';
import type { SnapshotRequest } from '../core/snapshot-taker.js';
import type { Snapshot, SnapshotFilter } from '../core/snapshot.js';
import type { AuditEvent, AuditRequest } from '../core/audit.js';
import type { ValidationEvent, ValidationRequest } from '../core/validation-run.js';
import type { SeenVerification, SeenVerificationEvent } from '../core/verification-access.js';
import type { VerificationRequest } from '../core/verification-manager.js';
import type { VerificationFilter } from '../core/verification.js';

// What the services ask of core, in one place: app.ts hands in the classes that fulfil it. Every method may
// throw a CodesetError; a missing thing is its NOT_FOUND.

export interface SampleUseCases {
  datasets(): Promise<readonly Dataset[]>;
  list(filter: SampleFilter, page: PageRequest): Promise<Page<SampleVersion>>;
  count(filter: SampleFilter): Promise<number>;
  get(name: SampleName): Promise<SampleVersion>;
  /** Bytes of a repository that is here already; undefined otherwise. */
  repositoryBytes(sha256: string): Promise<number | undefined>;
  addRepository(
    expected: { readonly sha256: string; readonly bytes: number },
    bundle: Readable,
  ): Promise<void>;
  register(
    request: {
      readonly requestId: string | undefined;
      readonly repository: { readonly sha256: string; readonly commit: string } | undefined;
    },
    tar: Readable,
  ): Promise<{ readonly sample: SampleVersion; readonly created: boolean }>;
  /** First the sample, then what happens; ends when it is READY or in ERROR. */
  watch(name: SampleName, signal: AbortSignal): AsyncIterable<SampleEvent>;
  download(name: SampleName): Promise<Readable>;
  /** Without a version: all of them. */
  remove(name: SampleName): Promise<void>;
  /** Brings the images that samples stand on: what happens, and a result for each. */
  prefetch(request: PrefetchRequest, signal: AbortSignal): AsyncIterable<PrefetchEvent>;
  /** Each verification as it ends, then what was found. */
  validate(request: ValidationRequest, signal: AbortSignal): AsyncIterable<ValidationEvent>;
  /** Each place of a session that holds something hidden, each cheat as it ends, then the audit. */
  audit(request: AuditRequest, signal: AbortSignal): AsyncIterable<AuditEvent>;
}

export interface SessionUseCases {
  /** Returns as soon as the session is on record; making the sandbox goes on. */
  create(request: SessionRequest): Promise<{ readonly session: Session; readonly agentToken: string }>;
  /** Resolves when the session has left CREATING, or with what it is when aborted. */
  settled(sessionId: string, signal: AbortSignal): Promise<Session>;
  get(sessionId: string): Promise<Session>;
  /** What its engine gives a session on its machine; undefined when the service has not got that engine. */
  capabilities(session: Session): EngineCapabilities | undefined;
  list(filter: SessionFilter, page: PageRequest): Promise<Page<Session>>;
  count(filter: SessionFilter): Promise<number>;
  /** First the session, then what happens; ends when it is CLOSED or EXPIRED. */
  watch(sessionId: string, signal: AbortSignal): AsyncIterable<SessionEvent>;
  extend(sessionId: string, ttlMs: number): Promise<Session>;
  close(sessionId: string): Promise<Session>;
  /** How many it closed. */
  closeMatching(filter: SessionFilter): Promise<number>;
  /** The commands of a READY session; winds its idle clock. */
  execs(sessionId: string): Promise<SandboxExecs>;
}

export interface FileUseCases {
  read(
    sessionId: string,
    path: string,
    offset: number,
    limit: number,
  ): Promise<{ readonly data: Uint8Array; readonly sizeBytes: number }>;
  write(
    sessionId: string,
    path: string,
    data: Uint8Array,
    options: { readonly mode: number | undefined; readonly makeParents: boolean },
  ): Promise<void>;
  stat(sessionId: string, path: string): Promise<FileEntry>;
  list(sessionId: string, path: string, page: PageRequest): Promise<Page<FileEntry>>;
  move(sessionId: string, source: string, destination: string, overwrite: boolean): Promise<void>;
  remove(sessionId: string, path: string, recursive: boolean): Promise<void>;
  unpack(sessionId: string, path: string, tar: AsyncIterable<Uint8Array>): Promise<void>;
  pack(sessionId: string, path: string, signal: AbortSignal): AsyncIterable<Uint8Array>;
  replace(
    sessionId: string,
    path: string,
    edit: { readonly oldText: string; readonly newText: string; readonly all: boolean },
  ): Promise<number>;
  applyPatch(sessionId: string, diff: Uint8Array, signal: AbortSignal): Promise<readonly string[]>;
  diff(sessionId: string, signal: AbortSignal): AsyncIterable<Uint8Array>;
}

export interface SnapshotUseCases {
  /** Yields what becomes of each session, as it happens. */
  fork(request: ForkRequest, signal: AbortSignal): AsyncIterable<ForkResult>;
  create(request: SnapshotRequest): Promise<Snapshot>;
  get(snapshotId: string): Promise<Snapshot>;
  list(filter: SnapshotFilter, page: PageRequest): Promise<Page<Snapshot>>;
  count(filter: SnapshotFilter): Promise<number>;
  delete(snapshotId: string): Promise<void>;
}

export interface VerificationUseCases {
  start(caller: Principal, request: VerificationRequest): Promise<SeenVerification>;
  get(caller: Principal, verificationId: string): Promise<SeenVerification>;
  list(caller: Principal, filter: VerificationFilter, page: PageRequest): Promise<Page<SeenVerification>>;
  count(caller: Principal, filter: VerificationFilter): Promise<number>;
  /** First the verification, then log and changes; ends after its final state. */
  watch(
    caller: Principal,
    verificationId: string,
    logOffset: number,
    signal: AbortSignal,
  ): AsyncIterable<SeenVerificationEvent>;
  cancel(caller: Principal, verificationId: string): Promise<SeenVerification>;
  remove(caller: Principal, verificationId: string): Promise<void>;
}

export interface KeyUseCases {
  /** Undefined for a secret that is unknown, revoked, or of a session that has ended. */
  authenticate(secret: string): Promise<Principal | undefined>;
}

export interface UseCases {
  readonly samples: SampleUseCases;
  readonly sessions: SessionUseCases;
  readonly files: FileUseCases;
  readonly snapshots: SnapshotUseCases;
  readonly verifications: VerificationUseCases;
  readonly keys: KeyUseCases;
}
