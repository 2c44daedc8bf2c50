import type { Readable } from 'node:stream';
import { readable } from './codec.js';

type Result<T> = IteratorResult<T, undefined>;

const DONE: Result<never> = { done: true, value: undefined };

/**
 * The messages that a client sends, read as they are asked for. Ends normally when the client has sent its last
 * one and also when it has gone, as that is all that the stream tells; a message that could not be read rejects.
 */
export class Requests<T> implements AsyncIterable<T>, AsyncIterator<T, undefined> {
  readonly #stream: Readable;
  #wake: (() => void) | undefined;
  #ended = false;
  #error: Error | undefined;

  constructor(stream: Readable) {
    this.#stream = stream;
    const wake = (): void => this.#wake?.();
    const end = (): void => {
      this.#ended = true;
      wake();
    };
    stream.on('readable', wake);
    stream.on('end', end);
    stream.on('close', end);
    stream.on('error', (error: Error) => this.fail(error));
  }

  /** What is asked for from here on rejects, what waits at once; what has come before is still handed out. */
  fail(error: Error): void {
    this.#error ??= error;
    this.#ended = true;
    this.#wake?.();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<Result<T>> {
    for (;;) {
      // One at a time: each is asked for when the one before is done with.
      const message = this.#stream.destroyed ? null : (this.#stream.read() as T | null);
      if (message !== null) return { done: false, value: readable(message) };
      if (this.#error !== undefined) throw this.#error;
      if (this.#ended) return DONE;
      await new Promise<void>((resolve) => (this.#wake = resolve));
      this.#wake = undefined;
    }
  }

  /** The reader wants no more. */
  return(): Promise<Result<T>> {
    this.#ended = true;
    this.#wake?.();
    return Promise.resolve(DONE);
  }
}
