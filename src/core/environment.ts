/** What a sandbox is made of; the `environment`, `resources` and network parts of sample.yaml. */
export interface Environment {
  /** The host's own toolchain, seen read-only. `requires` names programs that must be found on PATH. */
  readonly host?: { readonly requires: readonly string[] };
  /** An image reference, for engines that have images. */
  readonly image?: string;
  /** Path of a Dockerfile in the sample's folder. */
  readonly dockerfile?: string;
  /** Folder of the sample that its Dockerfile is built in, which lies in it; undefined: the sample's own. */
  readonly context?: string;
  /** Shell lines run once, as the sandbox's root, without the codebase. */
  readonly setup: readonly string[];
  /** Shell lines run once per sample version, as the sandbox's root, in the workspace. */
  readonly prepare: readonly string[];
  readonly setupNetwork: NetworkMode;
  readonly network: NetworkMode;
  /** Only PATH may refer to `$PATH`; nothing else is expanded. */
  readonly env: Readonly<Record<string, string>>;
  /** Absolute path; default `/workspace`. IMAGE_WORKDIR on no ground yet: what that says. */
  readonly workdir: string;
  /** `agent` (uid 1000), `root`, or a name the image has. */
  readonly user: string;
  /** What all of this came down to; never part of a manifest or a request. */
  readonly ground?: Ground;
}

/**
 * What an environment came down to when its engine was first asked (Engine.resolve). It is kept with samples, sessions
 * and snapshots, so that everything that is made of them later stands on the same.
 */
export interface Ground {
  /** The engine that it went to: `local`, `docker`. */
  readonly engine: string;
  /** Undefined: the host's own toolchain. */
  readonly image?: GroundImage;
}

export interface GroundImage {
  /** The engine's own name of it, which never means another: `sha256:…`. */
  readonly id: string;
  /** For people: `python:3.12@sha256:…`, or what it was built from. */
  readonly name: string;
  /** Variables that the image sets. */
  readonly env: Readonly<Record<string, string>>;
  /** Where it starts commands; undefined: `/`, or resolved by a version that did not ask. */
  readonly workdir?: string;
  /** `amd64`, `arm64`, … */
  readonly architecture: string;
  /**
   * Ids of the environment's user, where it is one of the image's own. Undefined for `agent` and `root`, and in what was
   * resolved by a version that did not ask: that user's workspace is the agent's.
   */
  readonly user?: { readonly uid: number; readonly gid: number };
}

export type NetworkMode = 'none' | 'public';

export interface Resources {
  /** CPUs, may be a fraction. */
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly processes: number;
  /** Bytes that the session may write. */
  readonly diskBytes: number;
}

export const DEFAULT_RESOURCES: Resources = {
  cpus: 1,
  memoryBytes: 1024 ** 3,
  processes: 256,
  diskBytes: 2 * 1024 ** 3,
};

/** What may be asked for of each. A sandbox with less memory or processes than the least could not begin. */
export const RESOURCE_RANGES: Readonly<
  Record<keyof Resources, { readonly min: number; readonly max: number }>
> = {
  cpus: { min: 0.1, max: 256 },
  memoryBytes: { min: 16 * 1024 ** 2, max: 16 * 1024 ** 4 },
  processes: { min: 8, max: 65_536 },
  diskBytes: { min: 16 * 1024 ** 2, max: 16 * 1024 ** 4 },
};

export const WORKSPACE = '/workspace';
/** As `workdir`: where the image starts commands. */
export const IMAGE_WORKDIR = 'image';
/** Our own program in every sandbox, whose applets stand for what an image may lack; init/PROTOCOL.md tells of them. */
export const INIT = '/run/codeset/init';
export const AGENT_USER = 'agent';
/** Numeric ids of the `agent` user inside every sandbox of a host environment. */
export const AGENT_UID = 1000;

/** The environment on the ground that it came down to. */
export function standingOn(environment: Environment, ground: Ground): Environment {
  return { ...environment, ground, workdir: workdirOn(environment.workdir, ground) };
}

/** A working directory as paths go, once it is known what an environment came down to. */
export function workdirOn(workdir: string, { image }: Ground): string {
  return workdir === IMAGE_WORKDIR ? (image?.workdir ?? '/') : workdir;
}

/** The numeric id that a workspace and what is in it belong to, group too: the environment's user's. */
export function workspaceOwner({ user, ground }: Environment): number {
  if (user === 'root') return 0;
  return user === AGENT_USER ? AGENT_UID : (ground?.image?.user?.uid ?? AGENT_UID);
}
