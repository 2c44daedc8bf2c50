import type { DeepPartial, ExecRequest } from '../../gen/codeset/v1/session_service.js';
import { CodesetClientError } from './errors.js';

export type ExecFrame = NonNullable<DeepPartial<ExecRequest>['frame']>;

/** The size of a terminal, in characters. */
export interface TerminalSize {
  /** At most 10,000. */
  readonly rows: number;
  /** At most 10,000. */
  readonly columns: number;
}

/** A piece of stdin that waits, or was sent and may have to be sent again. */
interface Piece {
  readonly offset: number;
  readonly data: Buffer;
  readonly taken: () => void;
}

const PIECE_BYTES = 64 * 1024;
/** Several times what can lie between this client and the sandbox: the windows and queues on the way. */
const KEPT_BYTES = 16 * 1024 * 1024;
const TRIM_BYTES = 1024 * 1024;

/**
 * What a client sends to a command while it runs, over all the streams that carry it. What was sent is kept as far back
 * as a service that died may have lost it; each stream begins where the service says that it stands.
 */
export class ExecInput {
  /** In order, without holes; the first `#sent` of them were given to the present stream. */
  readonly #pieces: Piece[] = [];
  #sent = 0;
  /** Where the next piece begins; offsets here count from our own first byte. */
  #end = 0;
  /** How many bytes others had sent before our first. */
  #base: number | undefined;
  #ending: { readonly taken: () => void } | undefined;
  #endSent = false;
  #size: TerminalSize | undefined;
  #sizeSent = false;
  #closed = false;
  /** The stream that carries now; set once the service said where it stands. */
  #ready = false;
  #stream = 0;
  #wake: () => void = () => undefined;

  /** Resolves when the connection has taken all of it: on a command that reads slowly that is later than now. */
  async write(data: Uint8Array): Promise<void> {
    // A copy: the caller may use his memory again as soon as this has resolved.
    const own = Buffer.from(data);
    const pieces: Promise<void>[] = [];
    for (let at = 0; at < own.length; at += PIECE_BYTES) {
      pieces.push(this.#push(own.subarray(at, at + PIECE_BYTES)));
    }
    this.#wake();
    await Promise.all(pieces);
  }

  /** No more input after what was written; resolves when the connection has taken that. Idempotent. */
  end(): Promise<void> {
    if (this.#closed || this.#ending !== undefined) return Promise.resolve();
    return new Promise((taken) => {
      this.#ending = { taken };
      this.#wake();
    });
  }

  /** The terminal's new size; only the latest counts. */
  resize(size: TerminalSize): void {
    this.#size = size;
    this.#sizeSent = false;
    this.#wake();
  }

  /** Input goes nowhere any more: what waits counts as taken. Idempotent. */
  close(): void {
    this.#closed = true;
    for (const { taken } of this.#pieces.splice(0)) taken();
    this.#sent = 0;
    this.#ending?.taken();
    this.#wake();
  }

  /** The frames for a new stream, instead of the one before. They begin when `resume` is called. */
  async *frames(): AsyncGenerator<ExecFrame> {
    const stream = ++this.#stream;
    this.#ready = false;
    this.#wake();
    while (this.#stream === stream) {
      const frame = this.#ready ? this.#next() : undefined;
      if (frame !== undefined) yield frame;
      else await new Promise<void>((wake) => (this.#wake = wake));
    }
  }

  /** Ends the frames of the present stream. */
  pause(): void {
    this.#stream++;
    this.#wake();
  }

  /**
   * The present stream goes on at this byte of the command's stdin.
   * @throws CodesetClientError DATA_LOSS when that is no longer kept here.
   */
  resume(offset: number): void {
    this.#base ??= offset;
    const from = offset - this.#base;
    const kept = this.#pieces[0]?.offset ?? this.#end;
    if (from < kept) {
      const message = `The service lost stdin from byte ${offset} on; what is kept here begins at ${this.#base + kept}.`;
      throw new CodesetClientError('DATA_LOSS', '', message);
    }
    const at = this.#pieces.findIndex((piece) => piece.offset + piece.data.length > from);
    this.#sent = at === -1 ? this.#pieces.length : at;
    this.#endSent = false;
    this.#sizeSent = false;
    this.#ready = true;
    this.#wake();
  }

  #push(data: Buffer): Promise<void> {
    if (this.#closed || this.#ending !== undefined) return Promise.resolve();
    return new Promise((taken) => {
      this.#pieces.push({ offset: this.#end, data, taken });
      this.#end += data.length;
    });
  }

  #next(): ExecFrame | undefined {
    if (this.#size !== undefined && !this.#sizeSent) {
      this.#sizeSent = true;
      return { $case: 'resize', value: { size: this.#size } };
    }
    const piece = this.#pieces[this.#sent];
    if (piece !== undefined) {
      this.#sent++;
      this.#trim(piece.offset);
      // Before it goes out: a stream that ends meanwhile never comes back here, and the piece is kept.
      piece.taken();
      return {
        $case: 'stdin',
        value: { offset: BigInt((this.#base ?? 0) + piece.offset), data: piece.data },
      };
    }
    if (this.#ending === undefined || this.#endSent || this.#closed) return undefined;
    this.#endSent = true;
    this.#ending.taken();
    return { $case: 'endOfInput', value: {} };
  }

  /** Lets go of what is long past. @param upTo where the piece begins that goes out now. */
  #trim(upTo: number): void {
    const first = this.#pieces[0];
    if (first === undefined || upTo - first.offset <= KEPT_BYTES + TRIM_BYTES) return;
    const keep = this.#pieces.findIndex(({ offset }) => upTo - offset <= KEPT_BYTES);
    this.#pieces.splice(0, keep);
    this.#sent -= keep;
  }
}
