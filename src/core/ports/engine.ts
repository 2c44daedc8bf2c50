import type { Duplex, Readable } from 'node:stream';
import type { Environment, Ground, GroundImage, NetworkMode, Resources } from '../environment.js';

// Files cross ports as streams, never as host paths, so that a sandbox may live on another machine.

/** How well an engine holds a limit on this machine. */
export type Enforcement = 'enforced' | 'sampled' | 'none';

export interface ResolveOptions {
  /** The sample's folder as a tar, without what is hidden: what a Dockerfile may use. Undefined where there is none. */
  readonly files?: () => Promise<Readable>;
  /** Told sentences and lines as it goes on. @param bytes of how many have come, where that is known */
  readonly progress: (message: string, bytes?: { readonly done: number; readonly total: number }) => void;
}

export interface EngineCapabilities {
  /** `local`, `docker`. */
  readonly engine: string;
  /** The runtime in use with its version: `runc 1.1.5`. */
  readonly runtime: string;
  /** How the service reaches what runs inside; undefined where it does not apply. */
  readonly link?: 'socket' | 'attach' | 'exec';
  readonly userNamespace: boolean;
  /**
   * Whether a sandbox's users have ids of their own. Where not, root and agent have the same one and differ in
   * capabilities alone, and a change of owner does nothing.
   */
  readonly separateUsers: boolean;
  /** Whether rename(2) of a folder that a layer has works; where not, it says EXDEV, and tools such as mv copy. */
  readonly renamesFolders: boolean;
  readonly seccomp: boolean;
  readonly memory: Enforcement;
  readonly processes: Enforcement;
  readonly cpu: Enforcement;
  readonly disk: Enforcement;
  /** Whether network PUBLIC can be given. */
  readonly publicNetwork: boolean;
  /**
   * What a layer of a root keeps: `exact` everything, `image` what an image holds: whole seconds of times, no sockets, no
   * attributes of users, no holes. Workspaces are exact everywhere.
   */
  readonly rootFiles: 'exact' | 'image';
  /** One sentence for each thing that this machine can't give, with what to do about it. */
  readonly warnings: readonly string[];
}

/** What engines with images tell of them, and how those that nobody needs go. */
export interface EngineImages {
  /** Whether an image is there, so that none has to be brought. */
  has(image: GroundImage): Promise<boolean>;
  /** What images that were brought for environments take, and may take. */
  usage(): Promise<{ readonly bytes: number; readonly maxBytes: number }>;
  /** Removes what the engine's policy lets go. @param inUse ids (GroundImage.id) that something on record refers to. */
  collect(inUse: ReadonlySet<string>): Promise<void>;
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
  /** How long the limit on CPUs held it back. */
  readonly cpuThrottledUs: number;
  /**
   * How long, since some beginning, at least one task waited for a CPU: of the sandbox, or of the whole machine where
   * the kernel counts only that (cgroup v1); undefined where it counts neither.
   */
  readonly cpuWaitedUs?: number | undefined;
  readonly memoryBytes: number;
  readonly memoryPeakBytes: number;
  /** Times that the kernel killed a process of this sandbox for want of memory; -1 where it can't be known. */
  readonly outOfMemoryKills: number;
  /** Bytes in the sandbox's own uppers, as last sampled. */
  readonly diskBytes: number;
}

/**
 * Makes sandboxes. All methods are safe to call at the same time for different ids. Failures are
 * CodesetErrors: ENGINE_UNSUPPORTED, ENVIRONMENT_UNMET, DISK_FULL (nothing half-made stays), ENGINE_FAILED, and
 * ENGINE_UNAVAILABLE (kind unavailable): as EngineAway while the engine itself is away, a daemon that does not answer.
 */
export interface Engine {
  readonly name: string;
  /** Undefined for an engine without images. */
  readonly images?: EngineImages | undefined;
  /** @param sandboxId what one that lives was given, where that may be other than what new ones are */
  capabilities(sandboxId?: string): EngineCapabilities;

  /** Throws ENGINE_UNSUPPORTED or ENVIRONMENT_UNMET with what is missing; otherwise the environment can be made. */
  check(environment: Environment): Promise<void>;
  /**
   * Brings what the environment stands on, an image say, and tells what it came down to. `environment.ground` is
   * undefined, or an earlier answer for the same environment: what it names is then brought again where it is gone.
   * @throws ENVIRONMENT_UNMET when there is no such image or it may not be had, ENGINE_UNAVAILABLE.
   */
  resolve(environment: Environment, options: ResolveOptions, signal?: AbortSignal): Promise<Ground>;
  /**
   * What every command in such a sandbox finds in its environment before the sample's own: PATH, and with
   * network `public` what reaching the world takes here (proxies, certificates).
   */
  baseEnv(environment: Environment, network: NetworkMode): Readonly<Record<string, string>>;
  /** Changes whenever a set-up layer made on this environment would no longer fit (toolchain, image, id map). */
  fingerprint(environment: Environment): Promise<string>;

  /**
   * Keeps a tar stream's content as a read-only layer. Owners in the tar are ids inside the sandbox (0 root,
   * 1000 agent). For workspaces and mounts: a root's layers come from `commit` and `flatten`. Idempotent by `layerId`: one that exists is kept and the stream drained. The stream is destroyed
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
