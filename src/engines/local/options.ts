import type { Log } from '../../core/ports/log.js';

/** A folder of the host that sandboxes see read-only at the same path. */
export interface ToolchainPath {
  /** Absolute, outside the folders that belong to the sandbox; `/usr/local/go`. */
  readonly path: string;
  /** What goes in front of PATH, absolute; `/usr/local/go/bin`. */
  readonly bin?: string;
}

export interface LocalEngineOptions {
  /** The service's data folder: layers, uppers and specs live in it. */
  readonly dataDir: string;
  /** The built codeset-init. */
  readonly initPath: string;
  readonly log: Log;
  readonly toolchainPaths?: readonly ToolchainPath[];
  /** Given to sandboxes with network `public`: proxies, certificates, package indexes. */
  readonly passThroughEnv?: Readonly<Record<string, string>>;
  /** Sockets, mount points and the runtime's state; short, since a socket's path holds 107 bytes. */
  readonly runDir?: string;
  /** First of the 65,536 host ids that the sandboxes' ids are mapped to. */
  readonly hostIdBase?: number;
  /** Bytes kept free on the data folder's file system; nothing new is made below that. Default 512 MiB. */
  readonly reserveBytes?: number;
  /** Runtimes to try, in this order. Default crun, runc. */
  readonly runtimes?: readonly string[];
  /** Between two looks at how much the sandboxes wrote, in milliseconds. Default 10,000. */
  readonly diskSampleMs?: number;
}

export const ID_COUNT = 65_536;
export const DEFAULT_HOST_ID_BASE = 1_000_000;
