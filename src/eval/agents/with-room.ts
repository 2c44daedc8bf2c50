import { CodesetClientError } from '../../client/errors.js';
import { pause } from '../../client/pause.js';
import type { AttemptContext } from './agent.js';

/** What others use up, and give back when they have finished. */
const ROOM: ReadonlySet<string> = new Set(['SESSION_LIMIT', 'VERIFICATION_LIMIT', 'DISK_FULL']);
const WAIT_MS = 5_000;
/** How often room is waited for before that counts as an error. */
const MAX_WAITS = 120;

/**
 * Does one thing again and again until the service has room for it, so that nothing that went before it is lost.
 * @throws as `work`; what is in the way for ten minutes, too
 */
export async function withRoom<T>(
  { signal, onStage }: Pick<AttemptContext, 'signal' | 'onStage'>,
  work: () => Promise<T>,
): Promise<T> {
  for (let waits = 0; ; waits++) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof CodesetClientError) || !ROOM.has(error.reason) || waits >= MAX_WAITS)
        throw error;
      onStage('waiting');
      await pause(error.retryAfterMs ?? WAIT_MS, signal);
    }
  }
}
