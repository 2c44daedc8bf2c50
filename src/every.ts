import type { Log } from './core/ports/log.js';

/** Calls `work` so long after its last end, until stopped. */
export function every(ms: number, failure: string, work: () => Promise<void>, log: Log): () => Promise<void> {
  let stopped = false;
  let running: Promise<void> = Promise.resolve();
  const next = (): NodeJS.Timeout =>
    setTimeout(() => {
      running = work()
        .catch((error: unknown) => log.error(failure, { error }))
        .then(() => {
          if (!stopped) timer = next();
        });
    }, ms).unref();
  let timer = next();
  return async () => {
    stopped = true;
    clearTimeout(timer);
    await running;
  };
}
