import { CodesetError } from '../../core/errors.js';

const RETRY_MS = 2000;

export function shuttingDown(): CodesetError {
  return new CodesetError(
    'unavailable',
    'SHUTTING_DOWN',
    'The service is stopping; try again when it is back.',
    { retryAfterMs: RETRY_MS },
  );
}

/** One call: its signal aborts when the client goes or the service stops. */
export interface OpenCall extends Disposable {
  readonly signal: AbortSignal;
  /** Whether it was the service that ended it. */
  readonly stopped: boolean;
}

/** Knows the calls in flight, so that a stop can let short ones finish and end the rest. */
export class OpenCalls {
  readonly #streams = new Set<AbortController>();
  readonly #idle: (() => void)[] = [];
  #count = 0;
  #stopping = false;

  get count(): number {
    return this.#count;
  }

  /** @throws SHUTTING_DOWN once `stop` was called. */
  begin(client: AbortSignal): OpenCall {
    if (this.#stopping) throw shuttingDown();
    const controller = new AbortController();
    const abort = (): void => controller.abort();
    client.addEventListener('abort', abort);
    if (client.aborted) abort();
    this.#streams.add(controller);
    this.#count++;
    let stopped = false;
    controller.signal.addEventListener('abort', () => (stopped = !client.aborted));
    return {
      signal: controller.signal,
      get stopped() {
        return stopped;
      },
      [Symbol.dispose]: () => {
        client.removeEventListener('abort', abort);
        if (!this.#streams.delete(controller)) return;
        this.#count--;
        if (this.#count === 0) for (const wake of this.#idle.splice(0)) wake();
      },
    };
  }

  /** New calls are refused from here on. */
  refuse(): void {
    this.#stopping = true;
  }

  /** Ends what is still open; each sees its signal abort. */
  abort(): void {
    for (const controller of [...this.#streams]) controller.abort();
  }

  /** Resolves when no call is open, or after `ms`. */
  async settle(ms: number): Promise<void> {
    if (this.#count === 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#idle.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }
}
