import type { DockerClient } from './docker-client.js';

const EVERY_MS = 1000;

/** Looks for a daemon that went, until it is back. */
export class DaemonWatch {
  readonly #client: DockerClient;
  readonly #onBack: () => Promise<void>;
  #timer: NodeJS.Timeout | undefined;
  #looking = false;
  #closed = false;

  /** @param onBack called once for each time that it was away; again after it failed */
  constructor(client: DockerClient, onBack: () => Promise<void>) {
    this.#client = client;
    this.#onBack = onBack;
  }

  /** A call found it away. */
  away(): void {
    if (this.#closed || this.#timer !== undefined || this.#looking) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      void this.#look();
    }, EVERY_MS);
    this.#timer.unref();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  async #look(): Promise<void> {
    this.#looking = true;
    let back = false;
    try {
      await this.#client.api.ping();
      await this.#onBack();
      back = true;
    } catch {
      // Not yet, or gone again.
    } finally {
      this.#looking = false;
    }
    if (!back) this.away();
  }
}
