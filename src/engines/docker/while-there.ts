import { setTimeout as delay } from 'node:timers/promises';
import type { DockerClient } from './docker-client.js';

const EVERY_MS = 5000;

/**
 * Waits for work that takes what it takes, as long as the daemon answers meanwhile: one that has stopped answering would
 * be waited for without end.
 * @param everyMs how often it is asked
 * @throws what the work throws, or ENGINE_UNAVAILABLE; the work goes on then, if it can
 */
export async function whileThere<T>(
  client: DockerClient,
  work: Promise<T>,
  everyMs: number = EVERY_MS,
): Promise<T> {
  const over = new AbortController();
  const watch = async (): Promise<never> => {
    for (;;) {
      await delay(everyMs, undefined, { signal: over.signal });
      await client.ask('Docker could not be asked whether it is there.', (api, abortSignal) =>
        api.listContainers({ limit: 1, abortSignal }),
      );
    }
  };
  try {
    return await Promise.race([work, watch()]);
  } finally {
    over.abort();
  }
}
