/**
 * Sandboxes that are closed while other work goes on: each is closed once, at the latest when this is disposed, and
 * that waits for all of them.
 */
export class Closings implements AsyncDisposable {
  readonly #open = new Set<AsyncDisposable>();
  readonly #closing = new Set<Promise<void>>();

  /** It is closed with all others, unless `close` comes first. */
  take<T extends AsyncDisposable>(resource: T): T {
    this.#open.add(resource);
    return resource;
  }

  /** Begins to close one that was taken. */
  close(resource: AsyncDisposable): void {
    if (!this.#open.delete(resource)) return;
    const closing = Promise.resolve(resource[Symbol.asyncDispose]());
    // Told at the end, also when it fails long before.
    closing.catch(() => undefined);
    this.#closing.add(closing);
  }

  /** Closes all, and waits for them. @throws what the first that failed says, when all are through */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const resource of this.#open) this.close(resource);
    const results = await Promise.allSettled(this.#closing);
    this.#closing.clear();
    for (const result of results) if (result.status === 'rejected') throw result.reason;
  }
}
