/** A sweep that never meets the making of what it would take for left over. */
export class QuietSweep {
  readonly #work: () => Promise<void>;
  readonly #onError: (error: unknown) => void;
  #making = 0;
  #sweeping: Promise<void> | undefined;
  #owed = false;

  constructor(work: () => Promise<void>, onError: (error: unknown) => void) {
    this.#work = work;
    this.#onError = onError;
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

  /** Never throws. While something is made it does nothing, and is done once that has ended. */
  async sweep(): Promise<void> {
    while (this.#sweeping !== undefined) await this.#sweeping;
    this.#owed = this.#making > 0;
    if (this.#owed) return;
    this.#sweeping = this.#work()
      .catch(this.#onError)
      .finally(() => {
        this.#sweeping = undefined;
      });
    await this.#sweeping;
  }
}
