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
  /** Each call with whether it streams its answer, and so may last for ever. */
  readonly #open = new Map<AbortController, boolean>();
  readonly #changed = new Set<() => void>();
  #stopping = false;

  get count(): number {
    return this.#open.size;
  }

  /** @throws SHUTTING_DOWN once `stop` was called. */
  begin(client: AbortSignal, streams: boolean): OpenCall {
    if (this.#stopping) throw shuttingDown();
    const controller = new AbortController();
    const abort = (): void => controller.abort();
    client.addEventListener('abort', abort);
    if (client.aborted) abort();
    this.#open.set(controller, streams);
    let stopped = false;
    controller.signal.addEventListener('abort', () => (stopped = !client.aborted));
    return {
      signal: controller.signal,
      get stopped() {
        return stopped;
      },
      [Symbol.dispose]: () => {
        client.removeEventListener('abort', abort);
        if (this.#open.delete(controller)) for (const wake of [...this.#changed]) wake();
      },
    };
  }

  /** New calls are refused from here on. */
  refuse(): void {
    this.#stopping = true;
  }

  /** Ends what is still open; each sees its signal abort. */
  abort(): void {
    for (const controller of [...this.#open.keys()]) controller.abort();
  }

  /** Resolves when no call is open, or no short one, or after `ms`. */
  async settle(ms: number, which: 'all' | 'short' = 'all'): Promise<void> {
    const done = (): boolean =>
      which === 'all' ? this.#open.size === 0 : ![...this.#open.values()].includes(false);
    if (done()) return;
    await new Promise<void>((resolve) => {
      const finish = (): void => {
        clearTimeout(timer);
        this.#changed.delete(look);
        resolve();
      };
      const look = (): void => {
        if (done()) finish();
      };
      const timer = setTimeout(finish, ms);
      this.#changed.add(look);
    });
  }
}
