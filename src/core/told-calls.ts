import { ProgressFeed } from './progress-feed.js';

/** Long calls that tell their one reader what happens, and end when that reader leaves or the service stops. */
export class ToldCalls {
  readonly #stopping = new AbortController();
  readonly #running = new Set<Promise<void>>();

  /**
   * What `work` tells, as it comes; then its error, when it has one. The reader is let go once the work has ended,
   * also when it leaves early.
   * @param work has to end soon once its signal is aborted.
   */
  async *call<T extends { readonly type: string }>(
    work: (events: ProgressFeed<T>, signal: AbortSignal) => Promise<void>,
    signal: AbortSignal,
  ): AsyncGenerator<T, void> {
    const events = new ProgressFeed<T>();
    const gone = new AbortController();
    const end = AbortSignal.any([signal, gone.signal, this.#stopping.signal]);
    const working = work(events, end).finally(() => events.end());
    const settled = working.catch(() => undefined);
    this.#running.add(settled);
    try {
      yield* events.read(signal);
      await working;
    } finally {
      gone.abort();
      await settled;
      this.#running.delete(settled);
    }
  }

  /** Ends every call, for a stop of the service. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.all(this.#running);
  }
}
