/** Bytes that a command wrote, or a hole where bytes are no longer there. */
export type OutputEvent =
  | {
      readonly type: 'output';
      readonly stream: 'stdout' | 'stderr';
      /** Where `data` begins in that output, in bytes from 0. */
      readonly offset: number;
      readonly data: Buffer;
    }
  | {
      readonly type: 'gap';
      readonly stream: 'stdout' | 'stderr';
      /** The offset of the first missing byte. */
      readonly from: number;
      /** The offset after the last missing byte. */
      readonly to: number;
    };

/** How many bytes wait for their reader before the command does. */
const ROOM_BYTES = 1024 * 1024;

/** What came and was not read yet. Whoever reads takes from the front; several readers share what comes. */
export class OutputQueue {
  #events: OutputEvent[] = [];
  #at = 0;
  #bytes = 0;
  #end: { readonly error?: unknown } | undefined;
  #ignored = false;
  #readers: (() => void)[] = [];
  #writer: (() => void) | undefined;

  /** @returns undefined, or what resolves when there is room again. */
  push(event: OutputEvent): Promise<void> | undefined {
    if (this.#ignored) return undefined;
    this.#events.push(event);
    this.#bytes += event.type === 'output' ? event.data.length : 0;
    this.#wakeReaders();
    if (this.#bytes < ROOM_BYTES) return undefined;
    return new Promise((resolve) => {
      this.#writer = resolve;
    });
  }

  /** Nothing follows; readers get what waits, then their end or the error. */
  end(error?: { readonly error: unknown }): void {
    this.#end ??= error ?? {};
    this.#wakeReaders();
  }

  /** Drops what waits and what will come. */
  ignore(): void {
    this.#ignored = true;
    this.#events = [];
    this.#at = 0;
    this.#took(this.#bytes);
  }

  /** The next event, undefined at the end. @throws what ended it */
  async next(): Promise<OutputEvent | undefined> {
    for (;;) {
      const event = this.#events[this.#at];
      if (event !== undefined) {
        if (++this.#at === this.#events.length) {
          this.#events = [];
          this.#at = 0;
        }
        this.#took(event.type === 'output' ? event.data.length : 0);
        return event;
      }
      if (this.#end !== undefined) {
        if ('error' in this.#end) throw this.#end.error;
        return undefined;
      }
      await new Promise<void>((wake) => this.#readers.push(wake));
    }
  }

  #took(bytes: number): void {
    this.#bytes -= bytes;
    if (this.#bytes >= ROOM_BYTES) return;
    this.#writer?.();
    this.#writer = undefined;
  }

  #wakeReaders(): void {
    for (const wake of this.#readers.splice(0)) wake();
  }
}
