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

/** One call, and what may cut it short: its client goes, or the service stops. */
export class OpenCall implements Disposable {
  /** Whether the answer is a stream, and so may last for ever. */
  readonly streams: boolean;
  readonly #onEnd: (call: OpenCall) => void;
  /** Made when somebody asks for its signal: most calls are over before anybody does. */
  #controller: AbortController | undefined;
  #waiting: Set<() => void> | undefined;
  #cut: 'no' | 'gone' | 'stopped' = 'no';
  #over = false;

  constructor(streams: boolean, onEnd: (call: OpenCall) => void) {
    this.streams = streams;
    this.#onEnd = onEnd;
  }

  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#cut !== 'no') this.#controller.abort();
    return this.#controller.signal;
  }

  /** Whether its signal has aborted. */
  get aborted(): boolean {
    return this.#cut !== 'no';
  }

  /** Whether it was the service that ended it. */
  get stopped(): boolean {
    return this.#cut === 'stopped';
  }

  /** Whether the client went before the call was over. */
  get clientGone(): boolean {
    return this.#cut === 'gone';
  }

  /** Calls back when it is cut short, at once when it was. */
  onAbort(callback: () => void): void {
    if (this.aborted) callback();
    else (this.#waiting ??= new Set()).add(callback);
  }

  offAbort(callback: () => void): void {
    this.#waiting?.delete(callback);
  }

  /** Only the first reason counts, and none once the call is over. */
  cut(reason: 'gone' | 'stopped'): void {
    if (this.#over || this.aborted) return;
    this.#cut = reason;
    this.#controller?.abort();
    const waiting = this.#waiting;
    this.#waiting = undefined;
    for (const callback of waiting ?? []) callback();
  }

  [Symbol.dispose](): void {
    this.#over = true;
    this.#onEnd(this);
  }
}

/** Knows the calls in flight, so that a stop can let short ones finish and end the rest. */
export class OpenCalls {
  readonly #open = new Set<OpenCall>();
  readonly #changed = new Set<() => void>();
  #stopping = false;
  readonly #ended = (call: OpenCall): void => {
    if (this.#open.delete(call) && this.#changed.size > 0) for (const wake of [...this.#changed]) wake();
  };

  get count(): number {
    return this.#open.size;
  }

  begin(streams: boolean): OpenCall {
    const call = new OpenCall(streams, this.#ended);
    this.#open.add(call);
    return call;
  }

  /** @throws SHUTTING_DOWN once `refuse` was called. */
  admit(): void {
    if (this.#stopping) throw shuttingDown();
  }

  /** New calls are refused from here on. */
  refuse(): void {
    this.#stopping = true;
  }

  /** Ends what is still open; each sees its signal abort. */
  abort(): void {
    for (const call of [...this.#open]) call.cut('stopped');
  }

  /** Resolves when no call is open, or no short one, or after `ms`. */
  async settle(ms: number, which: 'all' | 'short' = 'all'): Promise<void> {
    const done = (): boolean => {
      for (const call of this.#open) if (which === 'all' || !call.streams) return false;
      return true;
    };
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
