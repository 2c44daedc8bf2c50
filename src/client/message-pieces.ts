/** gRPC's own header of a message: a byte for compression, four for the length. */
const HEADER_BYTES = 5;
/** Smaller messages are put together: a copy costs less than keeping the connection's memory for them. */
const LEAST_BYTES = 16 * 1024;
/** So much of a message's beginning stands in for it. */
const HEAD_BYTES = 64;

/** The memory of a head; it knows the message that the head stands for. */
class HeadMemory extends ArrayBuffer {
  readonly pieces: readonly Buffer[];

  constructor(pieces: readonly Buffer[]) {
    super(HEADER_BYTES + HEAD_BYTES);
    this.pieces = pieces;
  }
}

/** The whole of a message of which `bytes` is only the head, as the connection delivered it; undefined for any other. */
export function piecesOf(bytes: Uint8Array): readonly Buffer[] | undefined {
  return bytes.buffer instanceof HeadMemory ? bytes.buffer.pieces : undefined;
}

/**
 * Has a call of grpc-js hand on its large messages as the connection delivered them. By itself it copies each into
 * memory of its own, which V8 then collects with a look at the whole heap for every few messages; it offers no way
 * around, so this replaces the inner call's decoder, where there is one of the form that is known. Elsewhere messages
 * come whole, and cost the copy. To be called when the call's metadata comes, before any message.
 */
export function takeInPieces(call: object): void {
  const attempts = at(call, 'call', 'call', 'child', 'underlyingCalls');
  if (!Array.isArray(attempts)) return;
  for (const attempt of attempts) {
    const inner = at(attempt, 'call', 'child') as { decoder?: KnownDecoder } | undefined;
    const decoder = inner?.decoder;
    // One that is within a message has to see it through.
    if (inner === undefined || typeof decoder?.write !== 'function' || decoder.readState !== 0) continue;
    if (typeof decoder.maxReadMessageLength === 'number')
      inner.decoder = new PieceDecoder(decoder.maxReadMessageLength);
  }
}

/** What grpc-js has in this place. */
interface KnownDecoder {
  readonly readState?: unknown;
  readonly maxReadMessageLength?: unknown;
  readonly write?: unknown;
}

function at(value: unknown, ...names: readonly string[]): unknown {
  let found = value;
  for (const name of names) {
    if (typeof found !== 'object' || found === null) return undefined;
    found = (found as Readonly<Record<string, unknown>>)[name];
  }
  return found;
}

/** Cuts a stream of bytes into messages with gRPC's header, large ones as a head that knows its pieces. */
export class PieceDecoder {
  readonly #limit: number;
  readonly #header = Buffer.alloc(HEADER_BYTES);
  #headerHave = 0;
  #left = 0;
  #pieces: Buffer[] = [];

  /** @param limit the most bytes that a message may have; -1 is no limit. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** @returns the messages that are complete with it. @throws for one above the limit. */
  write(chunk: Buffer): Buffer[] {
    const messages: Buffer[] = [];
    let from = 0;
    while (from < chunk.length) {
      if (this.#headerHave < HEADER_BYTES) from = this.#readHeader(chunk, from);
      const take = Math.min(this.#left, chunk.length - from);
      if (take > 0) this.#pieces.push(chunk.subarray(from, from + take));
      from += take;
      this.#left -= take;
      if (this.#headerHave === HEADER_BYTES && this.#left === 0) messages.push(this.#message());
    }
    return messages;
  }

  #readHeader(chunk: Buffer, from: number): number {
    const take = Math.min(HEADER_BYTES - this.#headerHave, chunk.length - from);
    chunk.copy(this.#header, this.#headerHave, from, from + take);
    this.#headerHave += take;
    if (this.#headerHave === HEADER_BYTES) {
      this.#left = this.#header.readUInt32BE(1);
      if (this.#limit !== -1 && this.#left > this.#limit)
        throw new Error(`Received message larger than max (${this.#left} vs ${this.#limit})`);
    }
    return from + take;
  }

  #message(): Buffer {
    const pieces = this.#pieces;
    this.#pieces = [];
    this.#headerHave = 0;
    const compressed = this.#header[0] !== 0;
    if (compressed || this.#header.readUInt32BE(1) < LEAST_BYTES)
      return Buffer.concat([this.#header, ...pieces]);
    const head = Buffer.from(new HeadMemory(pieces));
    this.#header.copy(head);
    let have = HEADER_BYTES;
    for (const piece of pieces) {
      if (have === head.length) break;
      have += piece.copy(head, have);
    }
    return head;
  }
}
