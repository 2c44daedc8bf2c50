import Docker from 'dockerode';
import { CodesetError, failedPrecondition } from '../../core/errors.js';
import { dockerFailed, statusOf } from './docker-errors.js';
import type { DockerTls } from './options.js';
import { type FitnessWords, unfit } from './unfit-daemon.js';

/** Docker 20.10, of 2020; newer daemons still speak it or are asked in the oldest that they speak. */
const OLDEST_API = '1.41';
/** What this engine was tried with. */
const NEWEST_API = '1.48';
const HELLO_MS = 10_000;
/** A daemon that makes dozens of containers answers late, too. */
const ANSWER_MS = 60_000;

/** What the daemon tells of itself, as far as anybody here asks. */
export interface Daemon {
  readonly version: string;
  readonly apiVersion: string;
  /** As Docker calls it: `amd64`. */
  readonly architecture: string;
  readonly kernel: string;
  readonly runtimes: readonly string[];
  readonly defaultRuntime: string;
  readonly userNamespace: boolean;
  /** What is added to an id inside a container for the one on its machine; undefined where they are the same. */
  readonly remap: { readonly uid: number; readonly gid: number } | undefined;
  readonly seccomp: boolean;
  readonly rootless: boolean;
  readonly cgroupVersion: string;
  readonly limits: {
    readonly memory: boolean;
    readonly swap: boolean;
    readonly processes: boolean;
    readonly cpu: boolean;
  };
  /** Containers stay when the daemon stops. */
  readonly liveRestore: boolean;
  /** Kinds of networks that it can make. */
  readonly networks: readonly string[];
}

/** The daemon's API through dockerode, with its errors as ours. */
export class DockerClient {
  readonly address: string;
  /** For streams and whatever `call` does not wrap; its errors go through `failed`. */
  readonly api: Docker;
  readonly daemon: Daemon;
  /** Called whenever a call found that the daemon is away. */
  onAway: () => void = () => undefined;

  private constructor(address: string, api: Docker, daemon: Daemon) {
    this.address = address;
    this.api = api;
    this.daemon = daemon;
  }

  /** @throws ENGINE_UNAVAILABLE, ENGINE_UNSUPPORTED for a daemon that is too old or has no Linux containers. */
  static async open(address: string, tls?: DockerTls): Promise<DockerClient> {
    const first = connectTo(address, tls);
    try {
      const signal = AbortSignal.timeout(HELLO_MS);
      const version = (await within(first.version(), signal, address)) as VersionAnswer;
      const apiVersion = commonVersion(version);
      const api = connectTo(address, tls, apiVersion);
      const info = (await within(api.info(), signal, address)) as InfoAnswer;
      const why = unfit(fitnessWords(version, info), address);
      if (why !== undefined) throw failedPrecondition('ENGINE_UNSUPPORTED', why);
      return new DockerClient(address, api, describe(version, info, apiVersion));
    } catch (error) {
      throw dockerFailed(error, `Docker at ${address} did not say what it is.`, address);
    }
  }

  /** @param doing a sentence for what failed, should it: `The sandbox could not be made.` */
  async call<T>(doing: string, work: (api: Docker) => Promise<T>): Promise<T> {
    try {
      return await work(this.api);
    } catch (error) {
      throw this.failed(error, doing);
    }
  }

  /**
   * The same for a question that is answered at once, if at all: a daemon that says nothing for a while is away.
   * @param work its signal is aborted then
   */
  async ask<T>(doing: string, work: (api: Docker, signal: AbortSignal) => Promise<T>): Promise<T> {
    return this.call(doing, (api) => this.within((signal) => work(api, signal)));
  }

  /** Work that is given up after a while, as that of a daemon that is away. */
  async within<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const signal = AbortSignal.timeout(ANSWER_MS);
    return within(work(signal), signal, this.address);
  }

  /** The same, with undefined where the daemon says that there is no such thing. */
  async find<T>(doing: string, work: (api: Docker) => Promise<T>): Promise<T | undefined> {
    try {
      return await work(this.api);
    } catch (error) {
      if (statusOf(error) === 404) return undefined;
      throw this.failed(error, doing);
    }
  }

  failed(error: unknown, doing: string): CodesetError {
    const failure = dockerFailed(error, doing, this.address);
    if (failure.reason === 'ENGINE_UNAVAILABLE') this.onAway();
    return failure;
  }
}

interface VersionAnswer {
  readonly Version?: string;
  readonly ApiVersion?: string;
  readonly MinAPIVersion?: string;
  readonly Arch?: string;
  readonly KernelVersion?: string;
  readonly Components?: readonly { readonly Name?: string }[] | null;
}

interface InfoAnswer {
  readonly OSType?: string;
  readonly DockerRootDir?: string;
  readonly Runtimes?: Readonly<Record<string, unknown>>;
  readonly DefaultRuntime?: string;
  readonly SecurityOptions?: readonly string[] | null;
  readonly CgroupVersion?: string;
  readonly CgroupDriver?: string;
  readonly MemoryLimit?: boolean;
  readonly SwapLimit?: boolean;
  readonly PidsLimit?: boolean;
  readonly CpuCfsQuota?: boolean;
  readonly LiveRestoreEnabled?: boolean;
  readonly Plugins?: { readonly Network?: readonly string[] | null };
}

function fitnessWords(version: VersionAnswer, info: InfoAnswer): FitnessWords {
  return {
    system: info.OSType,
    components: (version.Components ?? []).map(({ Name }) => Name ?? ''),
    rootless: secured(info, 'rootless'),
    cgroupDriver: info.CgroupDriver,
    kernel: version.KernelVersion ?? 'unknown',
  };
}

/** Whether a daemon names one of its kinds of walls. */
function secured({ SecurityOptions }: InfoAnswer, name: string): boolean {
  return (SecurityOptions ?? []).some((option) => option.startsWith(`name=${name}`));
}

function describe(version: VersionAnswer, info: InfoAnswer, apiVersion: string): Daemon {
  const has = (name: string): boolean => secured(info, name);
  return {
    version: version.Version ?? 'unknown',
    apiVersion,
    architecture: version.Arch ?? 'amd64',
    kernel: version.KernelVersion ?? 'unknown',
    runtimes: Object.keys(info.Runtimes ?? {}),
    defaultRuntime: info.DefaultRuntime ?? 'runc',
    userNamespace: has('userns') || has('rootless'),
    seccomp: has('seccomp'),
    remap: has('userns') && !has('rootless') ? remapOf(info.DockerRootDir ?? '') : undefined,
    rootless: has('rootless'),
    cgroupVersion: info.CgroupVersion ?? '1',
    limits: {
      memory: info.MemoryLimit === true,
      swap: info.SwapLimit === true,
      processes: info.PidsLimit === true,
      cpu: info.CpuCfsQuota === true,
    },
    liveRestore: info.LiveRestoreEnabled === true,
    networks: info.Plugins?.Network ?? [],
  };
}

/**
 * With userns-remap a daemon keeps its data below a folder that is called by the ids that root is mapped to.
 * @throws ENGINE_UNSUPPORTED
 */
function remapOf(root: string): Daemon['remap'] {
  const [, uid, gid] = /\/(\d+)\.(\d+)\/?$/.exec(root) ?? [];
  if (uid !== undefined && gid !== undefined) return { uid: Number(uid), gid: Number(gid) };
  throw failedPrecondition(
    'ENGINE_UNSUPPORTED',
    `This Docker has userns-remap and does not say which ids it maps to (its data folder is ${JSON.stringify(root)}): start it without userns-remap.`,
  );
}

/** The newest that both speak. */
function commonVersion({
  ApiVersion = '0',
  MinAPIVersion = '0',
  Version = 'unknown',
}: VersionAnswer): string {
  if (compare(ApiVersion, OLDEST_API) < 0 || compare(MinAPIVersion, NEWEST_API) > 0) {
    throw failedPrecondition(
      'ENGINE_UNSUPPORTED',
      `Docker ${Version} speaks API ${MinAPIVersion} to ${ApiVersion}, and this service ${OLDEST_API} to ${NEWEST_API}: use Docker 20.10 or newer.`,
    );
  }
  return compare(ApiVersion, NEWEST_API) > 0 ? NEWEST_API : ApiVersion;
}

function compare(a: string, b: string): number {
  const [major = 0, minor = 0] = a.split('.').map(Number);
  const [otherMajor = 0, otherMinor = 0] = b.split('.').map(Number);
  return major - otherMajor || minor - otherMinor;
}

function connectTo(address: string, tls?: DockerTls, version?: string): Docker {
  const versioned = version === undefined ? {} : { version: `v${version}` };
  const path = /^unix:\/\/(\/.+)$/.exec(address)?.[1] ?? (address.startsWith('/') ? address : undefined);
  if (path !== undefined) return new Docker({ socketPath: path, ...versioned });
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (url === undefined || !['tcp:', 'http:', 'https:'].includes(url.protocol)) {
    throw failedPrecondition(
      'ENGINE_UNSUPPORTED',
      `${JSON.stringify(address)} is no address of a Docker that can be used here: write unix:///path, tcp://host:port or https://host:port.`,
    );
  }
  const secure = url.protocol === 'https:' || tls !== undefined;
  return new Docker({
    protocol: secure ? 'https' : 'http',
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: url.port === '' ? (secure ? 2376 : 2375) : Number(url.port),
    ...tls,
    ...versioned,
  });
}

/** A daemon that takes the connection and says nothing is away, too. */
async function within<T>(work: Promise<T>, signal: AbortSignal, address: string): Promise<T> {
  let late: (() => void) | undefined;
  const tooLate = new Promise<never>((_resolve, reject) => {
    late = () => reject(Object.assign(new Error(`no answer from ${address} in time`), { code: 'ETIMEDOUT' }));
    signal.addEventListener('abort', late, { once: true });
  });
  try {
    return await Promise.race([work, tooLate]);
  } finally {
    if (late !== undefined) signal.removeEventListener('abort', late);
  }
}
