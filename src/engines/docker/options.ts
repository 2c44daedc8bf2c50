import type { Log } from '../../core/ports/log.js';

/** How the service talks to a sandbox's init; `auto` tries what is fastest first. */
export type LinkMode = 'auto' | 'socket' | 'attach' | 'exec';

export interface DockerTls {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

export interface DockerEngineOptions {
  /** The service's data folder. A file in it says whose the containers, volumes and images are. */
  readonly dataDir: string;
  /** Sockets of sandboxes whose daemon shares this machine; short, since a socket's path holds 107 bytes. */
  readonly runDir: string;
  /**
   * The codeset-init for an image's architecture as Docker calls it (`amd64`, `arm64`); undefined where this
   * installation has none.
   */
  readonly initPath: (architecture: string) => string | undefined;
  readonly log: Log;
  /** `unix:///var/run/docker.sock`, `tcp://host:2375`, `https://host:2376`. */
  readonly address: string;
  /** For `https`; also turns `tcp` into it. */
  readonly tls?: DockerTls;
  /**
   * Of new sandboxes. Default `auto`: the first of `socket` and `attach` that works, `attach` with a runtime that is not
   * the daemon's own, and `exec` for each sandbox in which init turns out not to run.
   */
  readonly link?: LinkMode;
  /** An OCI runtime that the daemon knows: `runsc`, `kata`. Undefined: the daemon's default. */
  readonly runtime?: string;
  /** Docker's own folder of settings, for the credentials of registries. Undefined: pulls are anonymous. */
  readonly configDir?: string;
  /** When images that nothing refers to go. */
  readonly imagePolicy?: { readonly maxBytes: number; readonly graceMs: number };
  /** An image that side sandboxes stand on, in place of one made of this machine's own tools. */
  readonly toolboxImage?: string;
  /** Given to sandboxes with network `public`: proxies, certificates, package indexes. */
  readonly passThroughEnv?: Readonly<Record<string, string>>;
  /** Bytes kept free on the daemon's file system; nothing new is made below that. Default 512 MiB. */
  readonly reserveBytes?: number;
  /** Between two looks at how much the sandboxes wrote, in milliseconds. Default 10,000. */
  readonly diskSampleMs?: number;
}
