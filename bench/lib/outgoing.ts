/**
 * What a client sends on a stream. `push` resolves when the message was taken, which on a slow connection is
 * later than now: awaiting it is the backpressure.
 */
export class Outgoing<T> implements AsyncIterable<T> {
  readonly #waiting: { readonly message: T; readonly taken: () => void }[] = [];
  #wake: (() => void) | undefined;
  #closed = false;

  /** After `close` a message goes nowhere. */
  push(message: T): Promise<void> {
    if (this.#closed) return Promise.resolve();
    return new Promise((taken) => {
      this.#waiting.push({ message, taken });
      this.#wake?.();
    });
  }

  /** No more messages; those not taken yet are dropped and count as taken. Idempotent. */
  close(): void {
    this.#closed = true;
    for (const { taken } of this.#waiting.splice(0)) taken();
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T> {
    for (;;) {
      const next = this.#waiting.shift();
      if (next !== undefined) {
        // Before the yield: a stream that ends meanwhile never comes back here.
        next.taken();
        yield next.message;
      } else if (this.#closed) {
        return;
      } else {
        await new Promise<void>((wake) => {
          this.#wake = wake;
        });
        this.#wake = undefined;
      }
    }
  }
}
