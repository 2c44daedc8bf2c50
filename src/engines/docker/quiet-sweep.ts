export interface QuietSweepOptions {
  /** Returns whether all is gone that should be. */
  readonly sweep: () => Promise<boolean>;
  /** What could not be removed is tried again this much later, in ms; each further time twice that, up to a minute. */
  readonly retryMs: number;
  readonly onError: (error: unknown) => void;
}

const LONGEST_RETRY_MS = 60_000;

/** A sweep that never meets the making of what it would take for left over. */
export class QuietSweep {
  readonly #options: QuietSweepOptions;
  #making = 0;
  #sweeping: Promise<void> | undefined;
  #owed = false;
  #timer: NodeJS.Timeout | undefined;
  #tries = 0;
  #closed = false;

  constructor(options: QuietSweepOptions) {
    this.#options = options;
  }

  /** What the work makes on its way is left alone until its end. */
  async during<T>(work: () => Promise<T>): Promise<T> {
    while (this.#sweeping !== undefined) await this.#sweeping;
    this.#making++;
    try {
      return await work();
    } finally {
      this.#making--;
      if (this.#owed) void this.sweep();
    }
  }

  /**
   * Never throws. While something is made it does nothing, and is done once that has ended. What is left after it is
   * swept again later, for as long as it takes: whoever asked has nobody to ask a second time.
   */
  async sweep(): Promise<void> {
    while (this.#sweeping !== undefined) await this.#sweeping;
    if (this.#closed) return;
    this.#owed = this.#making > 0;
    if (this.#owed) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#sweeping = this.#options
      .sweep()
      .catch((error: unknown) => {
        this.#options.onError(error);
        return false;
      })
      .then((whole) => {
        this.#sweeping = undefined;
        if (whole) this.#tries = 0;
        else this.later();
      });
    await this.#sweeping;
  }

  /** Sweeps when it has waited for what may be in the way. */
  later(): void {
    if (this.#closed || this.#timer !== undefined) return;
    const delay = Math.min(this.#options.retryMs * 2 ** this.#tries++, LONGEST_RETRY_MS);
    this.#timer = setTimeout(() => void this.sweep(), delay);
    this.#timer.unref();
  }

  /** Waits for one that runs; what is left is the next start's. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#sweeping;
  }
}
