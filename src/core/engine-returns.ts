import { setTimeout as delay } from 'node:timers/promises';
import { Turns } from './keyed.js';
import type { Log } from './ports/log.js';

const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 30_000;

export interface EngineReturnsOptions {
  /** Takes up what an engine holds. @returns false when the engine did not say what that is */
  readonly takeUp: (engine: string) => Promise<boolean>;
  /** Whether an engine has gone once more; its next return is told of again. */
  readonly isAway: (engine: string) => boolean;
  readonly log: Log;
  /** Resolves after so long, or when aborted. */
  readonly wait?: (ms: number, signal: AbortSignal) => Promise<void>;
}

/** Engines that have come back are taken up one after another, and each again until it has worked. */
export class EngineReturns {
  readonly #options: EngineReturnsOptions;
  readonly #stop = new AbortController();
  readonly #turns = new Turns();
  /** Of each engine its last return, while it is not taken up. */
  readonly #last = new Map<string, AbortController>();
  readonly #running = new Set<Promise<void>>();

  constructor(options: EngineReturnsOptions) {
    this.#options = options;
  }

  /** The engine is there. What is still tried for an earlier return of it is given up for this one. */
  take(engine: string): void {
    this.#last.get(engine)?.abort();
    const newer = new AbortController();
    this.#last.set(engine, newer);
    const running = this.#untilTaken(engine, AbortSignal.any([newer.signal, this.#stop.signal])).finally(
      () => {
        this.#running.delete(running);
        if (this.#last.get(engine) === newer) this.#last.delete(engine);
      },
    );
    this.#running.add(running);
  }

  /** Nothing is begun any more. Resolves when what was under way has ended. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#running);
  }

  async #untilTaken(engine: string, signal: AbortSignal): Promise<void> {
    const wait =
      this.#options.wait ??
      ((ms, until) => delay(ms, undefined, { signal: until, ref: false }).catch(() => undefined));
    for (let waitMs = FIRST_WAIT_MS; !signal.aborted; waitMs = Math.min(2 * waitMs, LONGEST_WAIT_MS)) {
      // One at a time, so that each sees what the one before did.
      if (await this.#turns.run('', () => this.#attempt(engine, signal))) return;
      await wait(waitMs, signal);
    }
  }

  /** @returns whether nothing is left to do. */
  async #attempt(engine: string, signal: AbortSignal): Promise<boolean> {
    const { isAway, log, takeUp } = this.#options;
    if (signal.aborted || isAway(engine)) return true;
    try {
      if (await takeUp(engine)) return true;
      log.warn('an engine does not say what it holds; it is asked again', { engine });
    } catch (error) {
      log.error('an engine could not be taken up again; it is tried again', { engine, error });
    }
    return false;
  }
}
