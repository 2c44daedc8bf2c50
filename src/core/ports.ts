import type { Duplex, Readable } from 'node:stream';
import type { Environment, NetworkMode, Resources } from './environment.js';
import type {
  AttachOffsets,
  BoundedOutput,
  ExecEvent,
  ExecExit,
  ExecInfo,
  ExecSpec,
  SignalName,
  TerminalSize,
} from './exec.js';
import type { Key } from './key.js';
import type { Dataset, SampleManifest, SampleVersion } from './sample.js';
import type { Session, SessionFilter } from './session.js';
import type { Snapshot, SnapshotFilter } from './snapshot.js';
import type { Grading, VerificationSpec } from './sample.js';
import type { Verdict, Verification, VerificationFilter } from './verification.js';

// What core needs of the world. Adapters fulfil these; files cross them as streams, never as host paths, so
// that a sandbox may live on another machine.

/** Where the service's own words go. */
export interface Log {
  debug(message: string, fields?: Readonly<Record<string, unknown>>): void;
  info(message: string, fields?: Readonly<Record<string, unknown>>): void;
  warn(message: string, fields?: Readonly<Record<string, unknown>>): void;
  error(message: string, fields?: Readonly<Record<string, unknown>>): void;
}

// ---------------------------------------------------------------- engines

/** How well an engine holds a limit on this machine. */
export type Enforcement = 'enforced' | 'sampled' | 'none';

export interface EngineCapabilities {
  /** `local`. */
  readonly engine: string;
  /** The runtime in use with its version: `runc 1.1.5`. */
  readonly runtime: string;
  readonly userNamespace: boolean;
  readonly seccomp: boolean;
  readonly memory: Enforcement;
  readonly processes: Enforcement;
  readonly cpu: Enforcement;
  readonly disk: Enforcement;
  /** Whether network PUBLIC can be given. */
  readonly publicNetwork: boolean;
  /** One sentence for each thing that this machine can't give, with what to do about it. */
  readonly warnings: readonly string[];
}

/**
 * What a sandbox is for. `side` is one of ours that only handles files as data: the host's toolchain, nothing
 * of the agent's runs in it.
 */
export type SandboxPurpose = 'session' | 'setup' | 'prepare' | 'verification' | 'side';

/** What of a sandbox's files a layer belongs to: `root` is everything but the workspace. */
export type SandboxPart = 'root' | 'workspace';

export interface SandboxSpec {
  /** Unique; made by core. `create` with an id that exists fails. */
  readonly sandboxId: string;
  readonly purpose: SandboxPurpose;
  readonly environment: Environment;
  /** Set-up results over the environment's root, lowest first. */
  readonly rootLayers: readonly string[];
  /** What /workspace shows under the sandbox's own upper, lowest first; may be empty. */
  readonly workspaceLayers: readonly string[];
  /** Layers seen read-only at a path inside, owned by the sandbox's root. */
  readonly mounts: readonly { readonly layer: string; readonly path: string }[];
  readonly resources: Resources;
  readonly network: NetworkMode;
  readonly hostname: string;
}

export interface LayerInfo {
  readonly layerId: string;
  readonly bytes: number;
  readonly createTime: Date;
}

/** The layers that parts of a sandbox become. */
export type PartLayers = Readonly<Partial<Record<SandboxPart, string>>>;

export interface CommitOptions {
  /** False spares bringing it to the disk, for a layer that is of no use after a power cut. Default true. */
  readonly lasting?: boolean;
}

export interface SandboxStatus {
  readonly sandboxId: string;
  readonly purpose: SandboxPurpose;
  /** Its init runs. */
  readonly alive: boolean;
}

export interface SandboxUsage {
  readonly cpuTimeUs: number;
  readonly memoryBytes: number;
  readonly memoryPeakBytes: number;
  /** Times that the kernel killed a process of this sandbox for want of memory; -1 where it can't be known. */
  readonly outOfMemoryKills: number;
  /** Bytes in the sandbox's own uppers, as last sampled. */
  readonly diskBytes: number;
}

/**
 * Makes sandboxes. All methods are safe to call at the same time for different ids. Failures are
 * CodesetErrors: ENGINE_UNSUPPORTED, ENVIRONMENT_UNMET, DISK_FULL (nothing half-made stays), ENGINE_FAILED.
 */
export interface Engine {
  readonly name: string;
  capabilities(): EngineCapabilities;

  /** Throws ENGINE_UNSUPPORTED or ENVIRONMENT_UNMET with what is missing; otherwise the environment can be made. */
  check(environment: Environment): Promise<void>;
  /**
   * What every command in such a sandbox finds in its environment before the sample's own: PATH, and with
   * network `public` what reaching the world takes here (proxies, certificates).
   */
  baseEnv(environment: Environment, network: NetworkMode): Readonly<Record<string, string>>;
  /** Changes whenever a set-up layer made on this environment would no longer fit (toolchain, image, id map). */
  fingerprint(environment: Environment): Promise<string>;

  /**
   * Keeps a tar stream's content as a read-only layer. Owners in the tar are ids inside the sandbox (0 root,
   * 1000 agent). Idempotent by `layerId`: one that exists is kept and the stream drained. The stream is destroyed
   * whatever comes of it.
   */
  importLayer(layerId: string, tar: Readable): Promise<LayerInfo>;
  hasLayer(layerId: string): Promise<boolean>;
  listLayers(): Promise<readonly LayerInfo[]>;
  /** Idempotent. The caller knows that no sandbox uses it. */
  deleteLayer(layerId: string): Promise<void>;

  /** Returns when init listens. On failure or abort nothing of it stays. */
  create(spec: SandboxSpec, signal?: AbortSignal): Promise<void>;
  /**
   * A new connection to the sandbox's init; it replaces the one before. Throws SESSION_LOST when the sandbox
   * or its init is gone for good; any other error may pass.
   * @param received may get what comes, in place of `data` events; the chunk is good during the call only.
   */
  connect(sandboxId: string, received?: (chunk: Buffer) => void): Promise<Duplex>;
  /**
   * Copies what the sandbox wrote into a new layer for each part that is named, all as of one moment for which it
   * is frozen. Idempotent by layer ids. All of them are made or none. Answers in the order root, workspace.
   * Throws SESSION_LOST when the sandbox is gone or goes meanwhile, TOO_LARGE for folders nested too deep.
   */
  commit(sandboxId: string, layers: PartLayers, options?: CommitOptions): Promise<readonly LayerInfo[]>;
  /** As many layers as a part of a sandbox may be made of. */
  readonly maxLayers: number;
  /**
   * Makes one layer that shows what a part made of `layers`, lowest first, shows, and needs nothing below it.
   * Idempotent by `layerId`.
   */
  flatten(
    part: SandboxPart,
    layers: readonly string[],
    layerId: string,
    options?: CommitOptions,
  ): Promise<LayerInfo>;
  usage(sandboxId: string): Promise<SandboxUsage>;
  /**
   * Ends and removes everything of it: processes, mounts, cgroups, folders. Idempotent. After a failure the engine
   * itself tries again until nothing is left.
   */
  destroy(sandboxId: string): Promise<void>;
  /** Every sandbox that this service's data folder owns, also half-made or dead ones. */
  list(): Promise<readonly SandboxStatus[]>;
  /** Stops helpers; sandboxes go on. */
  close(): Promise<void>;
}

// ---------------------------------------------------------------- exec

export interface ExecHostOptions {
  /** Session or sandbox that the execs belong to; names the folder of their records. */
  readonly ownerId: string;
  /** Opens a connection to init; see Engine.connect for what its errors mean. */
  /** `Engine.connect`. */
  readonly dial: (received: (chunk: Buffer) => void) => Promise<Duplex>;
  /** For commands that say nothing else. `env` includes PATH and HOME. */
  readonly defaults: {
    readonly env: Readonly<Record<string, string>>;
    readonly cwd: string;
    readonly user: string;
  };
  /** Added to every command, never stored. */
  readonly secretEnv: Readonly<Record<string, string>>;
  /** Counts the kernel's out-of-memory kills; -1 unknown. */
  readonly outOfMemoryKills: () => Promise<number>;
  /** Execs stored by an earlier life of the service, to be taken up again. */
  readonly stored: readonly ExecInfo[];
  /** Called once when the sandbox is gone for good. */
  readonly onLost: (message: string) => void;
  /** Called a moment after an exec began and after it ended, once when both were soon: idle clock, and storage. */
  readonly onChange: (exec: ExecInfo) => void;
}

/** Opens the link to a sandbox's init. */
export interface ExecHost {
  open(options: ExecHostOptions): Promise<SandboxExecs>;
  /** Removes the records of an owner whose link is closed. Idempotent. */
  forget(ownerId: string): Promise<void>;
  /** Owners that have records, so that a start of the service can forget those that are gone. */
  owners(): Promise<readonly string[]>;
}

/** A hold on an exec's input: one at a time. */
export interface StdinWriter {
  /** Where the next byte goes. */
  readonly offset: number;
  /**
   * Bytes below the current offset are dropped; a hole is INVALID_ARGUMENT STDIN_GAP. Resolves when there is
   * room for more. Bytes to a command that closed its stdin are dropped.
   */
  write(offset: number, data: Uint8Array): Promise<void>;
  /** Closes the command's stdin after what was written. Idempotent. */
  end(): Promise<void>;
  release(): void;
}

export interface AttachOptions {
  readonly from: AttachOffsets;
  /** Aborting ends the iteration. */
  readonly signal?: AbortSignal;
  /**
   * While such a reader is there the exec is not ended for want of one; when the last goes, an exec that is not
   * `detach` is ended after the lease.
   */
  readonly hold: boolean;
  /** `backpressure`: the command waits for this reader; `detached`: the record rolls on and gaps are told. */
  readonly pace: 'backpressure' | 'detached';
}

/** A command of ours inside a sandbox: not listed, not recorded, ended with its link. */
export interface InternalProcess {
  readonly stdin: { write(data: Uint8Array): Promise<void>; end(): Promise<void> };
  /** Must be read to its end; the command waits for the reader. */
  readonly stdout: AsyncIterable<Uint8Array>;
  /** Head of stderr, at most 64 KiB, complete once `exit` has resolved. */
  stderr(): string;
  readonly exit: Promise<ExecExit>;
  kill(): void;
}

export type InternalSpec = Pick<ExecSpec, 'argv' | 'env' | 'cwd' | 'user' | 'stdin' | 'timeoutMs'>;

/** The commands of one sandbox. */
export interface SandboxExecs {
  /** Idempotent by execId: the same spec again gives the first; another spec is EXEC_ID_REUSED. */
  start(spec: ExecSpec): Promise<ExecInfo>;
  /** started … exited; EXEC_NOT_FOUND, OFFSET_OUT_OF_RANGE. */
  attach(execId: string, options: AttachOptions): AsyncIterable<ExecEvent>;
  /** STDIN_BUSY while another holds it; STDIN_CLOSED when the exec has none or it was ended. */
  openStdin(execId: string): StdinWriter;
  /** Resolves at the exec's end, whatever it was. */
  wait(execId: string, signal?: AbortSignal): Promise<ExecInfo>;
  get(execId: string): ExecInfo;
  list(): readonly ExecInfo[];
  /** How many have not ended. */
  readonly running: number;
  /** False when it had ended already. */
  signal(execId: string, signal: SignalName): Promise<boolean>;
  /** Changes the terminal's size; nothing when the exec has ended. @throws NO_TERMINAL. */
  resize(execId: string, size: TerminalSize): void;
  /** Ends an exec and all it started: stop signal, grace, SIGKILL. */
  cancel(execId: string): Promise<void>;
  /** The head and tail of what is recorded, at most `limit` bytes a stream. */
  output(execId: string, limit: number): Promise<{ stdout: BoundedOutput; stderr: BoundedOutput }>;
  spawn(spec: InternalSpec): Promise<InternalProcess>;
  /** Ends every command (SESSION_ENDED), tells readers, closes the link. Records stay until `forget`. */
  end(): Promise<void>;
  /** Lets go of the link and leaves commands running, for a restart of the service. */
  detach(): Promise<void>;
}

// ---------------------------------------------------------------- blobs

export interface BlobInfo {
  /** SHA-256 of the content, hex. */
  readonly digest: string;
  readonly bytes: number;
}

/** Content-addressed files: written under a temporary name, fsynced, renamed. */
export interface BlobStore {
  /** @throws TOO_LARGE beyond `maxBytes`, INVALID_FIELD when `expectedDigest` differs, DISK_FULL. Nothing stays then. */
  put(content: Readable, options: { maxBytes: number; expectedDigest?: string }): Promise<BlobInfo>;
  get(digest: string): Promise<Readable>;
  has(digest: string): Promise<BlobInfo | undefined>;
  delete(digest: string): Promise<void>;
  list(): AsyncIterable<BlobInfo & { readonly createTime: Date }>;
}

// ---------------------------------------------------------------- samples

/** A tar of a sample's folder, read and found right. Its owner disposes it, which removes what was spooled. */
export interface SampleUpload extends AsyncDisposable {
  readonly manifest: SampleManifest;
  readonly task: string;
  /** SHA-256 (hex) of the canonical content: equal for equal samples, whatever the tar's times and order. */
  readonly digest: string;
  readonly hasSolution: boolean;
  /** Whether the archive brought a `codebase/` folder. */
  readonly hasCodebase: boolean;
  /** The whole sample folder again, as a canonical tar. */
  archive(): Readable;
  /** The verification folder as a tar, entries relative to it, owned by root. */
  hidden(): Readable;
}

export interface Codebase extends AsyncDisposable {
  readonly baseCommit: string;
  /** Tar of the work tree with its `.git`, owned by `uid` inside, nothing later than the base commit in it. */
  workTree(uid: number): Readable;
}

/** Reads what clients upload. Every failure is a CodesetError with file and line where there is one. */
export interface SampleReader {
  /** INVALID_ARCHIVE, INVALID_MANIFEST, TOO_LARGE, DISK_FULL. */
  read(tar: Readable): Promise<SampleUpload>;
  /** From the stored archive, whose `codebase/` folder it is. */
  codebaseFromFolder(archive: Readable, history: 'past' | 'squashed'): Promise<Codebase>;
  /** INVALID_REPOSITORY, COMMIT_NOT_FOUND. */
  codebaseFromBundle(bundle: Readable, commit: string, history: 'past' | 'squashed'): Promise<Codebase>;
  /** Throws INVALID_REPOSITORY unless it is a git bundle that git can read. */
  checkBundle(bundle: Readable): Promise<void>;
  /** The text of `solution/solution.patch` in a stored archive. */
  solutionPatch(archive: Readable): Promise<Uint8Array | undefined>;
}

/** Judges reports; pure. */
export interface Grader {
  grade(input: {
    readonly spec: VerificationSpec;
    readonly grading: Grading;
    /** Undefined after a signal. */
    readonly exitCode: number | undefined;
    readonly reports: readonly {
      readonly path: string;
      readonly bySubject: boolean;
      readonly content: Uint8Array;
    }[];
  }): Verdict;
}

// ---------------------------------------------------------------- storage

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
    change: Partial<Pick<SampleVersion, 'state' | 'error' | 'layers' | 'baseCommit'>>,
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
  /** Every blob and layer that any version refers to. */
  references(): Promise<{ readonly blobs: ReadonlySet<string>; readonly layers: ReadonlySet<string> }>;
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
  /** Every layer that a snapshot stands on. */
  references(): Promise<{ readonly layers: ReadonlySet<string> }>;
}

export interface ExecRepository {
  /** Inserts or replaces. Called off the fast path. */
  save(exec: ExecInfo): Promise<void>;
  forSession(sessionId: string): Promise<readonly ExecInfo[]>;
  deleteForSession(sessionId: string): Promise<void>;
}

export interface VerificationRepository {
  insert(verification: Verification): Promise<void>;
  update(verificationId: string, change: Partial<Verification>): Promise<void>;
  find(verificationId: string): Promise<Verification | undefined>;
  findByRequestId(requestId: string): Promise<Verification | undefined>;
  /** Newest first. */
  list(filter: VerificationFilter, page: PageRequest): Promise<Page<Verification>>;
  /** PENDING or RUNNING. */
  open(): Promise<readonly Verification[]>;
  /** Blobs and layers kept for verifications. */
  references(): Promise<{ readonly blobs: ReadonlySet<string>; readonly layers: ReadonlySet<string> }>;
}

export interface KeyRepository {
  insert(key: Key): Promise<void>;
  findByHash(secretHash: string): Promise<Key | undefined>;
  /** Admins' and runners' keys, also revoked ones, oldest first. Agents' tokens are not listed. */
  list(): Promise<readonly Key[]>;
  /** False when there is no such key; a key that is revoked already keeps its time. */
  revoke(keyId: string, time: Date): Promise<boolean>;
  revokeForSession(sessionId: string, time: Date): Promise<void>;
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
  readonly keys: KeyRepository;
  close(): Promise<void>;
}
