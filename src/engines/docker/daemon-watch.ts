import { CodesetError } from '../../core/errors.js';
import type { DockerClient } from './docker-client.js';

const EVERY_MS = 1000;

export interface DaemonWatchOptions {
  /** Called once for each time that it was away; again after it failed. */
  readonly onBack: () => Promise<void>;
  /** Called once for each kind of failure that is not the daemon's absence. */
  readonly onError: (error: unknown) => void;
}

/** Looks for a daemon that went, until it is back. */
export class DaemonWatch {
  readonly #client: DockerClient;
  readonly #options: DaemonWatchOptions;
  /** What was told since it was last back. */
  readonly #told = new Set<string>();
  #timer: NodeJS.Timeout | undefined;
  #looking = false;
  #closed = false;

  constructor(client: DockerClient, options: DaemonWatchOptions) {
    this.#client = client;
    this.#options = options;
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
      await this.#client.ask('Docker could not be asked whether it is there.', (api) => api.ping());
      await this.#options.onBack();
      this.#told.clear();
      back = true;
    } catch (error) {
      this.#tell(error);
    } finally {
      this.#looking = false;
    }
    if (!back) this.away();
  }

  /** That it is not there yet, or gone again, is nothing new. */
  #tell(error: unknown): void {
    if (error instanceof CodesetError && error.reason === 'ENGINE_UNAVAILABLE') return;
    const kind = String(error);
    if (this.#closed || this.#told.has(kind)) return;
    this.#told.add(kind);
    this.#options.onError(error);
  }
}
