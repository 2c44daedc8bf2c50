import { MARK_SIZE, PACKET_HEADER, payloadLength } from './packets.js';

const FRAME_HEADER = 8;
const STDOUT = 1;
const SYSTEM_ERROR = 3;
const EMPTY = Buffer.alloc(0);

export interface OutputSink {
  /** Init has answered: what comes now is the connection's. */
  opened(): void;
  /** Bytes of the link, in order; a part of the chunk that was pushed. */
  data(piece: Buffer): void;
  /** Nothing more is to be expected. @param why undefined when init ended the connection */
  ended(why: string | undefined): void;
}

/**
 * What a daemon sends of an attached container, made into the bytes of one connection: Docker's frames around what
 * init wrote, and in them what older connections got, this one's mark, and its packets. Nothing is copied but
 * headers that came in two.
 */
export class OutputReader {
  readonly #mark: Buffer;
  readonly #nonce: Buffer;
  readonly #sink: OutputSink;
  readonly #frame = Buffer.alloc(FRAME_HEADER);
  #frameHad = 0;
  #frameLeft = 0;
  #isOutput = false;
  /** Before the mark: the last bytes that may be its beginning. */
  #tail = EMPTY;
  #isOpen = false;
  #isOver = false;
  readonly #packet = Buffer.alloc(PACKET_HEADER);
  #packetHad = 0;
  #packetLeft = 0;
  #sequence = 0;

  /** @param mark what init answers; @param nonce the connection's, in each of its packets */
  constructor(mark: Buffer, nonce: Buffer, sink: OutputSink) {
    this.#mark = mark;
    this.#nonce = nonce;
    this.#sink = sink;
  }

  push(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length && !this.#isOver) {
      if (this.#frameLeft === 0) {
        at = this.#readFrameHeader(chunk, at);
        continue;
      }
      const end = Math.min(chunk.length, at + this.#frameLeft);
      this.#frameLeft -= end - at;
      if (this.#isOutput) this.#readOutput(chunk, at, end);
      at = end;
    }
  }

  #readFrameHeader(chunk: Buffer, at: number): number {
    const end = Math.min(chunk.length, at + FRAME_HEADER - this.#frameHad);
    chunk.copy(this.#frame, this.#frameHad, at, end);
    this.#frameHad += end - at;
    if (this.#frameHad < FRAME_HEADER) return end;
    this.#frameHad = 0;
    const kind = this.#frame[0] ?? 0;
    if (kind > SYSTEM_ERROR || this.#frame.readUIntBE(1, 3) !== 0) {
      this.#end('The daemon sent what is no frame of an attached container.');
      return end;
    }
    if (kind === SYSTEM_ERROR) this.#end('The daemon could not go on sending what init writes.');
    this.#isOutput = kind === STDOUT;
    this.#frameLeft = this.#frame.readUInt32BE(4);
    return end;
  }

  #readOutput(chunk: Buffer, from: number, end: number): void {
    let at = this.#isOpen ? from : this.#findMark(chunk, from, end);
    while (at < end && !this.#isOver) {
      if (this.#packetLeft > 0) {
        const upto = Math.min(end, at + this.#packetLeft);
        this.#packetLeft -= upto - at;
        this.#sink.data(chunk.subarray(at, upto));
        at = upto;
      } else {
        at = this.#readPacketHeader(chunk, at, end);
      }
    }
  }

  #readPacketHeader(chunk: Buffer, at: number, end: number): number {
    const upto = Math.min(end, at + PACKET_HEADER - this.#packetHad);
    chunk.copy(this.#packet, this.#packetHad, at, upto);
    this.#packetHad += upto - at;
    if (this.#packetHad < PACKET_HEADER) return upto;
    this.#packetHad = 0;
    const length = payloadLength(this.#packet, this.#nonce, this.#sequence);
    if (length === undefined) this.#end('Another connection has taken the place of this one.');
    else if (length === 0) this.#end(undefined);
    else this.#packetLeft = length;
    this.#sequence = (this.#sequence + 1) % 2 ** 32;
    return upto;
  }

  /** Where the first packet begins; `end` when the mark has not come whole yet. */
  #findMark(chunk: Buffer, from: number, end: number): number {
    const before = this.#tail;
    const whole =
      before.length === 0 ? chunk.subarray(from, end) : Buffer.concat([before, chunk.subarray(from, end)]);
    const found = whole.indexOf(this.#mark);
    if (found < 0) {
      this.#tail = Buffer.from(whole.subarray(Math.max(0, whole.length - MARK_SIZE + 1)));
      return end;
    }
    this.#tail = EMPTY;
    this.#isOpen = true;
    this.#sink.opened();
    return from + found + MARK_SIZE - before.length;
  }

  #end(why: string | undefined): void {
    this.#isOver = true;
    this.#sink.ended(why);
  }
}
