import type { Duplex } from 'node:stream';
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
  /** Ends what runs by itself. */
  close(): Promise<void>;
}

/** A container with our init in it. */
export interface LinkedContainer {
  readonly sandboxId: string;
  /** Docker's own, or the name. */
  readonly containerId: string;
}

/** Ways to a sandbox's init, one for each LinkMode. */
export interface Link {
  /** What the container's init is started with. */
  readonly initArguments: readonly string[];
  /**
   * As Engine.connect, but for a container that is known to be there; whatever else goes wrong is thrown as it comes.
   * @param received may get what comes, in place of `data` events; the chunk is good during the call only.
   */
  open(container: LinkedContainer, received?: (chunk: Buffer) => void): Promise<Duplex>;
}
