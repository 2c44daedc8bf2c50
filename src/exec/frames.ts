/** Frames of the link to init; init/PROTOCOL.md says what each means. */
export const PROTOCOL_VERSION = 1;
export const PROTOCOL_MAGIC = 'codeset-init-link';
export const HEADER_SIZE = 24;
/** The most that either side accepts in one frame, bytes. */
export const MAX_PAYLOAD = 4 * 1024 * 1024;

export const Send = {
  HELLO: 0x01,
  RESUME: 0x02,
  SPAWN: 0x04,
  STDIN: 0x05,
  STDIN_END: 0x06,
  ACK: 0x07,
  ACK_EXIT: 0x08,
  SIGNAL: 0x09,
  KILL_TREE: 0x0a,
  KILL_ALL: 0x0b,
  FREEZE: 0x0c,
  THAW: 0x0d,
  PING: 0x0e,
  RESIZE: 0x0f,
} as const;

export const Receive = {
  HELLO: 0x81,
  EXEC_STATE: 0x82,
  STATE_END: 0x83,
  STARTED: 0x84,
  SPAWN_FAILED: 0x85,
  OUTPUT: 0x86,
  OUTPUT_END: 0x87,
  EXITED: 0x88,
  STDIN_CREDIT: 0x89,
  STDIN_CLOSED: 0x8a,
  DONE: 0x8b,
  PONG: 0x8c,
  ERROR: 0x8d,
} as const;

const TWO_32 = 0x1_0000_0000;
const EMPTY = Buffer.alloc(0);

export function encodeHeader(
  type: number,
  length: number,
  key = 0,
  stream = 0,
  arg = 0,
  offset = 0,
  into: Buffer = Buffer.allocUnsafe(HEADER_SIZE),
): Buffer {
  into.writeUInt32LE(length, 0);
  into[4] = type;
  into[5] = stream;
  into[6] = into[7] = 0;
  into.writeUInt32LE(key, 8);
  into.writeUInt32LE(arg, 12);
  into.writeUInt32LE(offset % TWO_32, 16);
  into.writeUInt32LE(Math.floor(offset / TWO_32), 20);
  return into;
}

/** Offsets stay far below 2^53, so plain numbers hold them. */
export function readOffset(buffer: Buffer, at: number): number {
  return buffer.readUInt32LE(at) + buffer.readUInt32LE(at + 4) * TWO_32;
}

export function writeOffset(buffer: Buffer, value: number, at: number): void {
  buffer.writeUInt32LE(value % TWO_32, at);
  buffer.writeUInt32LE(Math.floor(value / TWO_32), at + 4);
}

/**
 * Gets each frame. OUTPUT comes in pieces as its bytes arrive, each with its own offset; every other frame
 * whole. A payload is a view of the received chunk: who keeps it copies it.
 */
export type FrameSink = (
  type: number,
  stream: number,
  key: number,
  arg: number,
  offset: number,
  payload: Buffer,
) => void;

/** Thrown by the parser when what came can't be frames; the connection is of no more use. */
export class FrameError extends Error {
  override readonly name = 'FrameError';
}

/** Cuts a stream of bytes into frames without copying what is large. */
export class FrameParser {
  readonly #sink: FrameSink;
  readonly #header = Buffer.alloc(HEADER_SIZE);
  #headerHave = 0;
  /** Payload bytes of the current frame that have not come yet; -1 while a header is being read. */
  #left = -1;
  #payload: Buffer = EMPTY;
  #payloadHave = 0;
  #outputOffset = 0;

  constructor(sink: FrameSink) {
    this.#sink = sink;
  }

  push(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length || this.#left === 0) {
      if (this.#left < 0) {
        at = this.#readHeader(chunk, at);
        if (this.#left < 0) return;
      }
      const take = Math.min(this.#left, chunk.length - at);
      if (this.#header[4] === Receive.OUTPUT) {
        if (take === 0 && this.#left > 0) return;
        this.#left -= take;
        const offset = this.#outputOffset;
        this.#outputOffset += take;
        const done = this.#left === 0;
        if (done) this.#left = -1;
        if (take > 0) this.#emit(offset, chunk.subarray(at, at + take));
      } else if (take === this.#left && this.#payloadHave === 0) {
        this.#left = -1;
        this.#emit(readOffset(this.#header, 16), take === 0 ? EMPTY : chunk.subarray(at, at + take));
      } else {
        this.#gather(chunk, at, take);
      }
      at += take;
    }
  }

  #readHeader(chunk: Buffer, at: number): number {
    const take = Math.min(HEADER_SIZE - this.#headerHave, chunk.length - at);
    chunk.copy(this.#header, this.#headerHave, at, at + take);
    this.#headerHave += take;
    if (this.#headerHave === HEADER_SIZE) {
      this.#headerHave = 0;
      this.#left = this.#header.readUInt32LE(0);
      if (this.#left > MAX_PAYLOAD) throw new FrameError(`a frame of ${this.#left} bytes`);
      this.#outputOffset = readOffset(this.#header, 16);
    }
    return at + take;
  }

  /** A frame other than OUTPUT that is spread over chunks. */
  #gather(chunk: Buffer, at: number, take: number): void {
    if (this.#payloadHave === 0) this.#payload = Buffer.allocUnsafe(this.#header.readUInt32LE(0));
    chunk.copy(this.#payload, this.#payloadHave, at, at + take);
    this.#payloadHave += take;
    this.#left -= take;
    if (this.#left > 0) return;
    const payload = this.#payload;
    this.#payload = EMPTY;
    this.#payloadHave = 0;
    this.#left = -1;
    this.#emit(readOffset(this.#header, 16), payload);
  }

  #emit(offset: number, payload: Buffer): void {
    const h = this.#header;
    this.#sink(h[4] ?? 0, h[5] ?? 0, h.readUInt32LE(8), h.readUInt32LE(12), offset, payload);
  }
}
