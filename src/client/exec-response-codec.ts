import { ExecResponse } from '../../gen/codeset/v1/session_service.js';

// The one message that carries bulk. The generated decoder copies its bytes; this one reads the few bytes around
// them by hand and hands on the message's own memory. A test holds it to the generated codec.

const FRAME_OUTPUT = (2 << 3) | 2;
const OUTPUT_STREAM = (1 << 3) | 0;
const OUTPUT_OFFSET = (2 << 3) | 0;
const OUTPUT_DATA = (3 << 3) | 2;

export const ExecResponseCodec: typeof ExecResponse = {
  ...ExecResponse,
  decode: (input, length) =>
    (input instanceof Uint8Array ? outputOf(input) : undefined) ?? ExecResponse.decode(input, length),
};

/** The message when it is one `output` frame with fields that are known, each at most once, in order. */
function outputOf(bytes: Uint8Array): ExecResponse | undefined {
  if (bytes[0] !== FRAME_OUTPUT) return undefined;
  const reader = new Reader(bytes, 1);
  const length = reader.varint();
  if (reader.at + length !== bytes.length) return undefined;
  let stream = 0;
  let offset = 0;
  let data = EMPTY;
  if (bytes[reader.at] === OUTPUT_STREAM) stream = reader.skip().varint();
  if (bytes[reader.at] === OUTPUT_OFFSET) offset = reader.skip().varint();
  if (bytes[reader.at] === OUTPUT_DATA) {
    const size = reader.skip().varint();
    if (reader.at + size !== bytes.length) return undefined;
    data = Buffer.from(bytes.buffer as ArrayBuffer, bytes.byteOffset + reader.at, size);
    reader.at += size;
  }
  if (reader.at !== bytes.length || reader.wrong) return undefined;
  return { frame: { $case: 'output', value: { stream, offset: BigInt(offset), data } } };
}

const EMPTY = Buffer.alloc(0);

/** Numbers below 2^53; anything else is `wrong` and left to the generated decoder. */
class Reader {
  at: number;
  wrong = false;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes;
    this.at = at;
  }

  skip(): this {
    this.at++;
    return this;
  }

  varint(): number {
    let value = 0;
    let factor = 1;
    for (let i = 0; i < 8; i++, factor *= 128) {
      const byte = this.#bytes[this.at++];
      if (byte === undefined) break;
      value += (byte & 127) * factor;
      if (byte < 128) {
        this.wrong ||= value > Number.MAX_SAFE_INTEGER;
        return value;
      }
    }
    this.wrong = true;
    return 0;
  }
}
