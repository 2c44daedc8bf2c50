import type { Duplex } from 'node:stream';
import type { MountSettings } from 'dockerode';
import type { Environment, Ground, GroundImage } from '../../core/environment.js';
import type { ResolveOptions } from '../../core/ports/engine.js';

// What the engine is put together from; each part can be told apart and tried by itself.

/** Where what sandboxes stand on comes from. */
export interface Images {
  /** As Engine.resolve. */
  resolve(environment: Environment, options: ResolveOptions, signal?: AbortSignal): Promise<Ground>;
  /**
   * The id of the image that containers are made from: the sample's with the agent's user in it. Brought again where it
   * is gone. Cheap when it is there.
   * @throws ENVIRONMENT_UNMET, ENGINE_UNAVAILABLE
   */
  groundImage(ground: GroundImage): Promise<string>;
  /** The id of the image that side sandboxes of host environments stand on. */
  toolbox(): Promise<string>;
  /** Whether an image is there, so that none has to be brought. */
  has(image: GroundImage): Promise<boolean>;
  /** Of the images that are there because of this service: what they take, and may take. */
  usage(): Promise<{ readonly bytes: number; readonly maxBytes: number }>;
  /** Removes what the policy lets go. @param inUse ids (GroundImage.id) that something on record refers to */
  collect(inUse: ReadonlySet<string>): Promise<void>;
  /** Removes what was left half-made, of a life of the service or the daemon that was killed. Never throws. */
  sweep(): Promise<void>;
  /** Ends what runs by itself. */
  close(): Promise<void>;
}

/** A container with our init in it. */
export interface LinkedContainer {
  readonly sandboxId: string;
  /** Docker's own, or the name. */
  readonly containerId: string;
  /** Where a socket of it lies, as LinkSettings said; undefined: where it always does. */
  readonly socketFolder?: string | undefined;
}

/** What a container needs so that its init can be reached. */
export interface LinkSettings {
  /** Init's own arguments. */
  readonly initArguments: readonly string[];
  readonly env: readonly string[];
  readonly mounts: readonly MountSettings[];
  readonly tmpfs: Readonly<Record<string, string>>;
  readonly openStdin: boolean;
  /** Of this machine: where its socket will lie. */
  readonly socketFolder?: string;
  /** In place of init, where init can't run. */
  readonly command?: readonly string[];
}

/** A way to a sandbox's init, one for each LinkMode. */
export interface Link {
  readonly mode: 'socket' | 'attach' | 'exec';
  /** Makes what has to be there before the container. */
  prepare(sandboxId: string): Promise<LinkSettings>;
  /**
   * A connection to the init of a container that was started; it waits a moment for an init that is about to listen.
   * Whatever goes wrong is thrown as it comes.
   * @param received may get what comes, in place of `data` events; the chunk is good during the call only.
   */
  open(container: LinkedContainer, received?: (chunk: Buffer) => void): Promise<Duplex>;
  /** Removes what `prepare` made. @param socketFolder as LinkSettings said, where that is known */
  remove(sandboxId: string, socketFolder?: string): Promise<void>;
  /** Sandboxes that `prepare` made something for. */
  prepared(): Promise<readonly string[]>;
}
