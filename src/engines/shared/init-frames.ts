// The little of init/PROTOCOL.md that engines speak; what agents run goes through src/exec.

export const HEADER_BYTES = 24;
export const WINDOW_BYTES = 1024 * 1024;

export const ToInit = {
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

export const FromInit = {
  HELLO: 0x81,
  EXEC_STATE: 0x82,
  STATE_END: 0x83,
  STARTED: 0x84,
  SPAWN_FAILED: 0x85,
  OUTPUT: 0x86,
  OUTPUT_END: 0x87,
  EXITED: 0x88,
  STDIN_CREDIT: 0x89,
  DONE: 0x8b,
  PONG: 0x8c,
  ERROR: 0x8d,
} as const;

export interface Frame {
  readonly type: number;
  readonly stream: number;
  readonly key: number;
  readonly arg: number;
  readonly offset: number;
  readonly payload: Buffer;
}

export function frame(
  type: number,
  { stream = 0, key = 0, arg = 0, offset = 0, payload = Buffer.alloc(0) }: Partial<Frame> = {},
): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES + payload.length);
  bytes.writeUInt32LE(payload.length, 0);
  bytes[4] = type;
  bytes[5] = stream;
  bytes.writeUInt32LE(key, 8);
  bytes.writeUInt32LE(arg, 12);
  bytes.writeBigUInt64LE(BigInt(offset), 16);
  payload.copy(bytes, HEADER_BYTES);
  return bytes;
}

/** The payload of SPAWN for a program that runs as the container's root. */
export function spawnPayload(execId: string, argv: readonly string[], stdin: boolean): Buffer {
  return Buffer.concat([
    u32(stdin ? 1 : 0, WINDOW_BYTES, WINDOW_BYTES, WINDOW_BYTES, 0),
    text(execId),
    text('/'),
    text('0:0'),
    text(''),
    u32(argv.length),
    ...argv.map(text),
    u32(0),
    u32(0),
  ]);
}

/** Cuts what comes into frames. */
export class FrameReader {
  #rest = Buffer.alloc(0);

  /** @param chunk may be changed after the call */
  *read(chunk: Buffer): Generator<Frame> {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    while (this.#rest.length >= HEADER_BYTES) {
      const length = this.#rest.readUInt32LE(0);
      if (this.#rest.length < HEADER_BYTES + length) return;
      const head = this.#rest;
      this.#rest = head.subarray(HEADER_BYTES + length);
      yield {
        type: head[4] ?? 0,
        stream: head[5] ?? 0,
        key: head.readUInt32LE(8),
        arg: head.readUInt32LE(12),
        offset: Number(head.readBigUInt64LE(16)),
        payload: head.subarray(HEADER_BYTES, HEADER_BYTES + length),
      };
    }
  }
}

function u32(...values: number[]): Buffer {
  const buffer = Buffer.alloc(values.length * 4);
  values.forEach((value, i) => buffer.writeUInt32LE(value, i * 4));
  return buffer;
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([u32(bytes.length), bytes]);
}
