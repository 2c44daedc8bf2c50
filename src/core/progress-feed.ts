/** How much progress waits for a reader who is behind. */
const MOST_WAITING = 500;

/** What a long call tells its one reader: every result, and of progress what a slow one leaves room for. */
export class ProgressFeed<T extends { readonly type: string }> {
  readonly #waiting: T[] = [];
  #wake: () => void = () => undefined;
  #ended = false;

  push(event: T): void {
    if (this.#ended || (event.type === 'stage' && this.#waiting.length >= MOST_WAITING)) return;
    this.#waiting.push(event);
    this.#wake();
  }

  /** The reader finishes after the last event. Idempotent. */
  end(): void {
    this.#ended = true;
    this.#wake();
  }

  /** Yields each event as it comes; returns at the end or when aborted. */
  async *read(signal: AbortSignal): AsyncGenerator<T, void> {
    const wake = (): void => this.#wake();
    signal.addEventListener('abort', wake);
    try {
      while (!signal.aborted) {
        const event = this.#waiting.shift();
        if (event !== undefined) yield event;
        else if (this.#ended) return;
        else await new Promise<void>((resolve) => (this.#wake = resolve));
      }
    } finally {
      signal.removeEventListener('abort', wake);
    }
  }
}
