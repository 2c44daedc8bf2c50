import { FairSlots } from './fair-slots.js';

interface Shared<T> {
  readonly done: Promise<T>;
  readonly abort: AbortController;
  waiting: number;
}

/** Runs at most one piece of work per key at a time; who comes meanwhile shares its result. */
export class SharedWork<T> {
  readonly #running = new Map<string, Shared<T>>();

  /**
   * @param work its signal is aborted once everybody who waited for it has let go.
   * @param signal lets go. Whoever lets go last sees the work end, so that nothing of it is left behind.
   */
  async run(key: string, work: (signal: AbortSignal) => Promise<T>, signal?: AbortSignal): Promise<T> {
    let shared = this.#running.get(key);
    while (shared?.abort.signal.aborted) {
      // Given up by others: it ends, and is begun again.
      await shared.done.catch(() => undefined);
      shared = this.#running.get(key);
    }
    signal?.throwIfAborted();
    shared ??= this.#begin(key, work);
    shared.waiting++;
    return this.#wait(shared, signal);
  }

  #begin(key: string, work: (signal: AbortSignal) => Promise<T>): Shared<T> {
    const abort = new AbortController();
    const done = work(abort.signal).finally(() => this.#running.delete(key));
    const shared = { done, abort, waiting: 0 };
    this.#running.set(key, shared);
    return shared;
  }

  async #wait(shared: Shared<T>, signal: AbortSignal | undefined): Promise<T> {
    if (signal === undefined) return shared.done;
    let letGo = (): void => undefined;
    const left = new Promise<never>((_, reject) => {
      letGo = () => {
        if (--shared.waiting === 0) shared.abort.abort(signal.reason);
        else reject(signal.reason as Error);
      };
      signal.addEventListener('abort', letGo, { once: true });
    });
    try {
      return await Promise.race([shared.done, left]);
    } finally {
      signal.removeEventListener('abort', letGo);
    }
  }
}

/** At most `limit` pieces of work at a time, in the order of their asking. */
export class Slots {
  readonly #slots: FairSlots;

  constructor(limit: number) {
    this.#slots = new FairSlots(limit);
  }

  get waiting(): number {
    return this.#slots.waiting;
  }

  /** @param signal aborted: who still waits for a place leaves the line. */
  run<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    return this.#slots.run('everybody', work, signal === undefined ? {} : { signal });
  }
}

/** Runs pieces of work with the same key one after another. */
export class Turns {
  readonly #last = new Map<string, Promise<unknown>>();

  run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#last.get(key) ?? Promise.resolve();
    const mine = before.then(work, work);
    const settled = mine
      .catch(() => undefined)
      .finally(() => {
        if (this.#last.get(key) === settled) this.#last.delete(key);
      });
    this.#last.set(key, settled);
    return mine;
  }
}
