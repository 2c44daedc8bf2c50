type Clock = 'timeout' | 'idle' | 'grace' | 'lease';

const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** The clocks that may end an exec. */
export class ExecClocks {
  readonly #timers = new Map<Clock, NodeJS.Timeout>();

  /** Starts a clock anew. */
  start(clock: Clock, ms: number, expired: () => void): void {
    this.stop(clock);
    this.#timers.set(clock, setTimeout(expired, Math.min(Math.max(0, Math.ceil(ms)), LONGEST_TIMER_MS)));
  }

  stop(clock: Clock): void {
    clearTimeout(this.#timers.get(clock));
    this.#timers.delete(clock);
  }

  stopAll(): void {
    for (const clock of [...this.#timers.keys()]) this.stop(clock);
  }
}
