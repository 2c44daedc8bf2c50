import { Readable } from 'node:stream';
import type { OutputQueue } from './output-queue.js';

const ROOM_BYTES = 1024 * 1024;

/** A command's two outputs as streams of their own. They share a connection: one that is full holds the other. */
export class SplitOutput {
  readonly stdout: Readable;
  readonly stderr: Readable;
  readonly #queue: OutputQueue;
  readonly #wanted = new Map<Readable, () => void>();

  constructor(queue: OutputQueue) {
    this.#queue = queue;
    this.stdout = this.#readable();
    this.stderr = this.#readable();
    void this.#feed();
  }

  async #feed(): Promise<void> {
    try {
      for (;;) {
        const event = await this.#queue.next();
        if (event === undefined) break;
        const readable = event.stream === 'stdout' ? this.stdout : this.stderr;
        if (event.type === 'gap') readable.emit('gap', { from: event.from, to: event.to });
        else if (!readable.destroyed && !readable.push(event.data)) await this.#wants(readable);
      }
      this.stdout.push(null);
      this.stderr.push(null);
    } catch (error) {
      this.#fail(this.stdout, error as Error);
      this.#fail(this.stderr, error as Error);
    }
  }

  /** Who does not read a stream learns of the failure from `exited`, not from an event that ends the process. */
  #fail(readable: Readable, error: Error): void {
    if (readable.listenerCount('error') === 0) readable.on('error', () => undefined);
    readable.destroy(error);
  }

  #wants(readable: Readable): Promise<void> {
    return new Promise((resolve) => {
      this.#wanted.set(readable, resolve);
      if (readable.destroyed) this.#serve(readable);
    });
  }

  #serve(readable: Readable): void {
    this.#wanted.get(readable)?.();
    this.#wanted.delete(readable);
  }

  #readable(): Readable {
    const serve = (readable: Readable): void => this.#serve(readable);
    return new Readable({
      highWaterMark: ROOM_BYTES,
      read() {
        serve(this);
      },
      destroy(error, done) {
        serve(this);
        done(error);
      },
    });
  }
}
