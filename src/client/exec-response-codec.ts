import { ExecResponse } from '../../gen/codeset/v1/session_service.js';
import { piecesOf } from './message-pieces.js';

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

/** What comes of one message: where its bytes came in pieces, an `output` frame for each. */
export function decodeExecResponse(bytes: Uint8Array): ExecResponse | readonly ExecResponse[] {
  const pieces = piecesOf(bytes);
  if (pieces === undefined) return ExecResponseCodec.decode(bytes);
  const total = pieces.reduce((sum, piece) => sum + piece.length, 0);
  const front = frontOf(bytes, total);
  return front === undefined ? ExecResponse.decode(Buffer.concat(pieces, total)) : outputsOf(front, pieces);
}

/** The message when it is one `output` frame with fields that are known, each at most once, in order. */
function outputOf(bytes: Uint8Array): ExecResponse | undefined {
  const front = frontOf(bytes, bytes.length);
  if (front === undefined) return undefined;
  const size = bytes.length - front.dataAt;
  const data =
    size === 0 ? EMPTY : Buffer.from(bytes.buffer as ArrayBuffer, bytes.byteOffset + front.dataAt, size);
  return outputFrame(front.stream, BigInt(front.offset), data);
}

function outputsOf(front: Front, pieces: readonly Buffer[]): readonly ExecResponse[] {
  const responses: ExecResponse[] = [];
  let { offset, dataAt: skip } = front;
  for (const piece of pieces) {
    if (skip >= piece.length) {
      skip -= piece.length;
      continue;
    }
    const data = skip === 0 ? piece : piece.subarray(skip);
    skip = 0;
    responses.push(outputFrame(front.stream, BigInt(offset), data));
    offset += data.length;
  }
  return responses;
}

function outputFrame(stream: number, offset: bigint, data: Buffer): ExecResponse {
  return { frame: { $case: 'output', value: { stream, offset, data } } };
}

/** What stands before the data, which reaches to the message's end. */
interface Front {
  readonly stream: number;
  readonly offset: number;
  readonly dataAt: number;
}

/** @param bytes the message's beginning at least. @param total how many bytes it has. */
function frontOf(bytes: Uint8Array, total: number): Front | undefined {
  if (bytes[0] !== FRAME_OUTPUT) return undefined;
  const reader = new Reader(bytes, 1);
  const length = reader.varint();
  if (reader.at + length !== total) return undefined;
  let stream = 0;
  let offset = 0;
  let size = 0;
  if (bytes[reader.at] === OUTPUT_STREAM) stream = reader.skip().varint();
  if (bytes[reader.at] === OUTPUT_OFFSET) offset = reader.skip().varint();
  if (bytes[reader.at] === OUTPUT_DATA) size = reader.skip().varint();
  if (reader.at + size !== total || reader.wrong) return undefined;
  return { stream, offset, dataAt: reader.at };
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
