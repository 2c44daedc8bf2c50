import type Docker from 'dockerode';
import type { Log } from '../../../core/ports/log.js';
import type { DockerClient } from '../docker-client.js';
import { statusOf } from '../docker-errors.js';
import { hasOwnName } from '../names.js';
import { QuietSweep } from '../quiet-sweep.js';
import { ownLabels } from './names.js';

const RETRY_MS = 5000;

/**
 * Finds what the making of images left behind (steps of builds that failed, containers that only stood for files)
 * by its labels and removes it, while nothing is being made.
 */
export class Leftovers {
  readonly #client: DockerClient;
  readonly #owner: string;
  readonly #quiet: QuietSweep;

  constructor(client: DockerClient, owner: string, log: Log) {
    this.#client = client;
    this.#owner = owner;
    this.#quiet = new QuietSweep({
      sweep: () => this.#sweep().then(() => true),
      retryMs: RETRY_MS,
      onError: (error) => log.warn('what the making of images left is not removed yet', { error }),
    });
  }

  /** What the work makes on its way is left alone until its end. */
  during<T>(work: () => Promise<T>): Promise<T> {
    return this.#quiet.during(work);
  }

  /** Never throws: what is not removed now is looked at again, and when what is made meanwhile is done. */
  sweep(): Promise<void> {
    return this.#quiet.sweep();
  }

  close(): Promise<void> {
    return this.#quiet.close();
  }

  async #sweep(): Promise<void> {
    const label = Object.entries(ownLabels(this.#owner)).map(([key, value]) => `${key}=${value}`);
    const ask = <T>(work: (api: Docker, abortSignal: AbortSignal) => Promise<T>): Promise<T> =>
      this.#client.ask('What the making of images left could not be removed.', work);
    for (const { Id, Names } of await ask((api, abortSignal) =>
      api.listContainers({ all: true, filters: { label }, abortSignal }),
    )) {
      // A container has its image's labels, too: what is more than a step to an image has a name of ours.
      if (hasOwnName(this.#owner, Names)) continue;
      await ask((api, abortSignal) =>
        unlessGone(api.getContainer(Id).remove({ force: true, v: true, abortSignal })),
      );
    }
    for (let removed = 1; removed > 0;) {
      // A step's parent dangles only once the step is gone.
      const images = await ask((api, abortSignal) =>
        api.listImages({ filters: { label, dangling: ['true'] }, abortSignal }),
      );
      removed = 0;
      for (const { Id } of images)
        if (
          await ask((api, abortSignal) => unlessGone(api.getImage(Id).remove({ noprune: true, abortSignal })))
        )
          removed++;
    }
  }
}

/** @returns false where it is gone already, or something stands on it */
export async function unlessGone(removal: Promise<unknown>): Promise<boolean> {
  try {
    await removal;
    return true;
  } catch (error) {
    if (statusOf(error) === 404 || statusOf(error) === 409) return false;
    throw error;
  }
}
