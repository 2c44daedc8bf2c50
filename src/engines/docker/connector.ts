import type { Duplex } from 'node:stream';
import { CodesetError } from '../../core/errors.js';
import type { KnownContainers } from './known-containers.js';
import type { Links } from './links.js';
import { SocketGone } from './link/socket-link.js';
import type { Sandboxes } from './sandboxes.js';

/** Connects to the inits of sandboxes, and knows what it means when that fails. */
export class Connector {
  readonly #containers: KnownContainers;
  readonly #links: Links;
  readonly #sandboxes: Sandboxes;

  constructor(parts: {
    readonly containers: KnownContainers;
    readonly links: Links;
    readonly sandboxes: Sandboxes;
  }) {
    this.#containers = parts.containers;
    this.#links = parts.links;
    this.#sandboxes = parts.sandboxes;
  }

  /** As Engine.connect. */
  async connect(sandboxId: string, received?: (chunk: Buffer) => void): Promise<Duplex> {
    let cause: unknown;
    try {
      const container = await this.#containers.find(sandboxId);
      if (container !== undefined) return await this.#links.open(sandboxId, container, received);
    } catch (error) {
      cause = error;
    }
    const found = await this.#sandboxes.find(sandboxId);
    if (found?.alive !== true) throw lost(await this.#sandboxes.whyEnded(sandboxId), cause);
    if (cause instanceof SocketGone) {
      throw lost(
        "The sandbox can't be reached any more: it was made for a socket on the service's machine, where nothing listens by now. Close the session and create another; with docker_link `attach` the next does not depend on that.",
        cause,
      );
    }
    throw new CodesetError(
      'unavailable',
      'ENGINE_FAILED',
      "The sandbox's init does not answer just now; try again.",
      { cause, retryAfterMs: 1000 },
    );
  }
}

function lost(why: string, cause: unknown): CodesetError {
  return new CodesetError('failed-precondition', 'SESSION_LOST', why, { cause });
}
