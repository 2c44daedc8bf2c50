import { ExecRequest } from '../../gen/codeset/v1/session_service.js';

// The one request that carries bulk. The generated decoder copies its bytes; this one reads the few bytes around
// them by hand and hands on the message's own memory. A test holds it to the generated codec.

const FRAME_STDIN = (3 << 3) | 2;
const STDIN_OFFSET = (1 << 3) | 0;
const STDIN_DATA = (2 << 3) | 2;

/** A request of Exec. @throws when it is malformed. */
export function decodeExecRequest(bytes: Uint8Array): ExecRequest {
  return stdinOf(bytes) ?? ExecRequest.decode(bytes);
}

/** The message when it is one `stdin` frame with fields that are known, each at most once, in order. */
function stdinOf(bytes: Uint8Array): ExecRequest | undefined {
  if (bytes[0] !== FRAME_STDIN) return undefined;
  const reader = new Reader(bytes, 1);
  if (reader.varint() !== bytes.length - reader.at) return undefined;
  let offset: bigint | undefined;
  if (bytes[reader.at] === STDIN_OFFSET) {
    reader.at++;
    offset = BigInt(reader.varint());
  }
  let data: Buffer = EMPTY;
  if (bytes[reader.at] === STDIN_DATA) {
    reader.at++;
    const size = reader.varint();
    if (reader.at + size !== bytes.length) return undefined;
    data = Buffer.from(bytes.buffer, bytes.byteOffset + reader.at, size);
    reader.at += size;
  }
  if (reader.at !== bytes.length || reader.wrong) return undefined;
  const value = offset === undefined ? { data, offset: undefined } : { data, offset };
  return { frame: { $case: 'stdin', value } };
}

const EMPTY = Buffer.alloc(0);

/** Numbers below 2^49; anything else is `wrong` and left to the generated decoder. */
class Reader {
  at: number;
  wrong = false;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes;
    this.at = at;
  }

  varint(): number {
    let value = 0;
    let factor = 1;
    for (let i = 0; i < 7; i++, factor *= 128) {
      const byte = this.#bytes[this.at++];
      if (byte === undefined) break;
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
    this.wrong = true;
    return -1;
  }
}
