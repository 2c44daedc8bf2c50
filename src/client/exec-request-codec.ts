import { ExecRequest, type DeepPartial } from '../../gen/codeset/v1/session_service.js';

// The one request that carries bulk. The generated encoder copies its bytes once per level of nesting; this one
// writes the few bytes around them by hand, and copies once. A test holds it to the generated codec.

const FRAME_STDIN = (3 << 3) | 2;
const STDIN_OFFSET = (1 << 3) | 0;
const STDIN_DATA = (2 << 3) | 2;

export function encodeExecRequest(message: DeepPartial<ExecRequest>): Buffer {
  const { frame } = message;
  if (frame?.$case === 'stdin') {
    const { data, offset } = frame.value as {
      readonly data?: Uint8Array;
      readonly offset?: bigint | number | string;
    };
    // A negative offset is the generated encoder's to write: ten bytes of two's complement.
    if (data !== undefined && (offset === undefined || Number(offset) >= 0)) return encodeStdin(data, offset);
  }
  const bytes = ExecRequest.encode(ExecRequest.fromPartial(message)).finish();
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function encodeStdin(data: Uint8Array, offset: bigint | number | string | undefined): Buffer {
  const position = offset === undefined ? undefined : Number(offset);
  const inner =
    (position === undefined ? 0 : 1 + varintBytes(position)) +
    (data.length === 0 ? 0 : 1 + varintBytes(data.length) + data.length);
  const bytes = Buffer.allocUnsafe(1 + varintBytes(inner) + inner);
  bytes[0] = FRAME_STDIN;
  let at = writeVarint(bytes, 1, inner);
  if (position !== undefined) {
    bytes[at++] = STDIN_OFFSET;
    at = writeVarint(bytes, at, position);
  }
  if (data.length !== 0) {
    bytes[at++] = STDIN_DATA;
    at = writeVarint(bytes, at, data.length);
    bytes.set(data, at);
  }
  return bytes;
}

function varintBytes(value: number): number {
  let bytes = 1;
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) bytes++;
  return bytes;
}

// Offsets pass 2^32, so that bit operations would cut them.
function writeVarint(bytes: Buffer, at: number, value: number): number {
  let rest = value;
  let next = at;
  while (rest >= 128) {
    bytes[next++] = (rest % 128) + 128;
    rest = Math.floor(rest / 128);
  }
  bytes[next++] = rest;
  return next;
}
