export interface RemovalsOptions {
  readonly remove: (sandboxId: string) => Promise<void>;
  /** What failed is tried again this much later. */
  readonly retryMs: number;
  readonly onError: (sandboxId: string, error: unknown) => void;
}

/**
 * Removes sandboxes, one removal at a time for each. What can't be removed now (a process that hangs in the kernel,
 * a mount that is busy) is tried again for as long as it takes: whoever asked has nobody to ask a second time.
 */
export class Removals {
  readonly #options: RemovalsOptions;
  readonly #running = new Map<string, Promise<void>>();
  readonly #failed = new Set<string>();
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: RemovalsOptions) {
    this.#options = options;
  }

  /** @throws what the removal failed with, for this first time. */
  remove(sandboxId: string): Promise<void> {
    const running = this.#running.get(sandboxId);
    if (running !== undefined) return running;
    const done = this.#options
      .remove(sandboxId)
      .then(
        () => void this.#failed.delete(sandboxId),
        (error: unknown) => {
          this.#failed.add(sandboxId);
          this.#options.onError(sandboxId, error);
          throw error;
        },
      )
      .finally(() => {
        this.#running.delete(sandboxId);
        this.#schedule();
      });
    this.#running.set(sandboxId, done);
    return done;
  }

  /** Waits for what runs; what is still there is the next start's. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await Promise.allSettled(this.#running.values());
  }

  #schedule(): void {
    if (this.#closed || this.#timer !== undefined || this.#failed.size === 0) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      // Its failure has been told, and has scheduled the next try.
      for (const sandboxId of this.#failed) this.remove(sandboxId).catch(() => undefined);
    }, this.#options.retryMs);
    this.#timer.unref();
  }
}
