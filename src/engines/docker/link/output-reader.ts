import { DockerFrames, STDOUT } from './docker-frames.js';
import { MARK_SIZE, PACKET_HEADER, payloadLength } from './packets.js';

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
  readonly #frames = new DockerFrames({
    data: (stream, chunk, from, end) => {
      if (stream === STDOUT) this.#readOutput(chunk, from, end);
    },
    broken: (why) => this.#end(why),
  });
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
    this.#frames.push(chunk);
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
    this.#frames.end();
    this.#sink.ended(why);
  }
}
