/**
 * A bounded history of events that any number of readers follow from its beginning. The oldest are dropped when
 * the limit is passed; a reader that is behind then skips them and is never waited for.
 */
export class EventLog<T> {
  readonly #limit: number;
  readonly #events: T[] = [];
  readonly #waiting = new Set<() => void>();
  readonly #weight: { readonly of: (event: T) => number; readonly most: number } | undefined;
  #held = 0;
  #dropped = 0;
  #ended = false;

  /** @param weight what an event counts against `most` together with the others, where their sizes differ. */
  constructor(limit = 2000, weight?: { readonly of: (event: T) => number; readonly most: number }) {
    this.#limit = limit;
    this.#weight = weight;
  }

  get ended(): boolean {
    return this.#ended;
  }

  push(event: T): void {
    if (this.#ended) return;
    this.#events.push(event);
    this.#held += this.#weight?.of(event) ?? 0;
    while (
      this.#events.length > this.#limit ||
      (this.#weight !== undefined && this.#held > this.#weight.most)
    ) {
      const first = this.#events.shift();
      if (first === undefined) break;
      this.#held -= this.#weight?.of(first) ?? 0;
      this.#dropped++;
    }
    this.#wake();
  }

  /** Readers finish after the last event. Idempotent. */
  end(): void {
    this.#ended = true;
    this.#wake();
  }

  /** Yields every event kept so far, then each new one; returns at the end of the log or when aborted. */
  async *read(signal?: AbortSignal): AsyncGenerator<T, void, undefined> {
    let next = 0;
    for (;;) {
      if (signal?.aborted) return;
      if (next < this.#dropped) next = this.#dropped;
      const event = this.#events[next - this.#dropped];
      if (event !== undefined) {
        next++;
        yield event;
      } else if (this.#ended) {
        return;
      } else {
        await this.#change(signal);
      }
    }
  }

  #change(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        this.#waiting.delete(done);
        signal?.removeEventListener('abort', done);
        resolve();
      };
      this.#waiting.add(done);
      signal?.addEventListener('abort', done);
      if (signal?.aborted) done();
    });
  }

  #wake(): void {
    for (const wake of [...this.#waiting]) wake();
  }
}
