import { CodesetError, failedPrecondition } from '../core/errors.js';
import type { StdinWriter } from '../core/ports/execs.js';
import { stdinClosed } from './exec-errors.js';
import type { KnownExec } from './link-target.js';
import type { SandboxLink } from './sandbox-link.js';
import { STDIN_WINDOW } from './spawn-frame.js';

const PIECE_BYTES = 64 * 1024;

/** A command's stdin: offsets, credit, and what may have to be sent again. One writer at a time. */
export class StdinChannel {
  readonly #link: SandboxLink;
  readonly #key: number;
  readonly #onAccepted: () => void;
  /** Next byte to be accepted. */
  #end = 0;
  /** Bytes that the command's pipe has taken. */
  #taken = 0;
  #unconfirmed: { offset: number; data: Uint8Array }[] = [];
  #ended = false;
  /** The command wants no more. */
  #closed: boolean;
  #writer: object | undefined;
  #waiting: (() => void)[] = [];

  /** @param onAccepted called when new bytes were taken from the writer. */
  constructor(link: SandboxLink, key: number, open: boolean, onAccepted: () => void = () => undefined) {
    this.#link = link;
    this.#key = key;
    this.#onAccepted = onAccepted;
    this.#closed = !open;
  }

  get offset(): number {
    return this.#end;
  }

  /** @throws STDIN_BUSY, STDIN_CLOSED */
  openWriter(): StdinWriter {
    if (this.#ended || this.#closed) {
      throw stdinClosed();
    }
    if (this.#writer !== undefined) {
      throw failedPrecondition('STDIN_BUSY', 'Another stream writes to this command; end that one first.');
    }
    const token = {};
    this.#writer = token;
    const channel = this;
    return {
      get offset() {
        return channel.#end;
      },
      write: (offset, data) => this.#write(token, offset, data),
      end: async () => {
        if (this.#writer === token) this.#finish();
      },
      release: () => {
        if (this.#writer !== token) return;
        this.#writer = undefined;
        this.#wake();
      },
    };
  }

  credit(offset: number): void {
    if (offset <= this.#taken) return;
    this.#taken = offset;
    let confirmed = 0;
    for (const chunk of this.#unconfirmed) {
      if (chunk.offset + chunk.data.length > offset) break;
      confirmed++;
    }
    this.#unconfirmed.splice(0, confirmed);
    this.#wake();
  }

  /** The command closed its end, or is over: what still comes is dropped. */
  close(): void {
    this.#closed = true;
    this.#unconfirmed = [];
    this.#wake();
  }

  /** An earlier life of the service wrote to it; what init has is where the next byte goes. */
  adopt(known: KnownExec): void {
    this.#end = known.stdinReceived;
    this.#ended = known.stdinEnded;
    this.#closed = known.stdinClosed;
  }

  resumed(known: KnownExec): void {
    if (known.stdinClosed) {
      this.close();
      return;
    }
    for (const { offset, data } of this.#unconfirmed) {
      if (offset + data.length > known.stdinReceived) this.#link.stdin(this.#key, offset, data);
    }
    if (this.#ended) this.#link.stdinEnd(this.#key, this.#end);
  }

  /** The command is being started again from the beginning: init never got the first start. */
  restarted(): void {
    for (const { offset, data } of this.#unconfirmed) this.#link.stdin(this.#key, offset, data);
    if (this.#ended) this.#link.stdinEnd(this.#key, this.#end);
  }

  async #write(token: object, offset: number, data: Uint8Array): Promise<void> {
    if (this.#writer !== token || this.#ended) {
      throw failedPrecondition('STDIN_CLOSED', 'The input of this command was ended.');
    }
    if (offset > this.#end) {
      throw new CodesetError(
        'invalid-argument',
        'STDIN_GAP',
        `Input at offset ${offset} leaves a hole; go on at ${this.#end}.`,
        { metadata: { expected_offset: String(this.#end) } },
      );
    }
    let rest = data.subarray(Math.min(this.#end - offset, data.length));
    while (rest.length > 0) {
      if (this.#closed) {
        this.#end += rest.length;
        return;
      }
      const room = this.#taken + STDIN_WINDOW - this.#end;
      if (room <= 0) {
        await new Promise<void>((resolve) => this.#waiting.push(resolve));
        if (this.#writer !== token) return;
        continue;
      }
      const piece = rest.subarray(0, Math.min(room, PIECE_BYTES));
      rest = rest.subarray(piece.length);
      this.#unconfirmed.push({ offset: this.#end, data: piece });
      this.#link.stdin(this.#key, this.#end, piece);
      this.#end += piece.length;
      this.#onAccepted();
    }
  }

  #finish(): void {
    if (this.#ended) return;
    this.#ended = true;
    if (!this.#closed) this.#link.stdinEnd(this.#key, this.#end);
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resume of waiting) resume();
  }
}
