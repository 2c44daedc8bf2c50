import type { ExecResponse } from '../../gen/codeset/v1/session_service.js';

// The one message that carries bulk. The generated encoder copies the bytes once per level of nesting; this one
// writes the few bytes around them by hand, and copies once. A test holds it to the generated codec.

const FRAME_OUTPUT = (2 << 3) | 2;
const OUTPUT_STREAM = (1 << 3) | 0;
const OUTPUT_OFFSET = (2 << 3) | 0;
const OUTPUT_DATA = (3 << 3) | 2;

/** The wire form of an `output` frame in memory of its own; undefined for any other frame. */
export function encodeExecOutput(message: ExecResponse): Uint8Array | undefined {
  const { frame } = message;
  if (frame?.$case !== 'output') return undefined;
  const { stream, offset, data } = frame.value;
  const position = Number(offset);
  const inner =
    (stream === 0 ? 0 : 2) +
    (position === 0 ? 0 : 1 + varintBytes(position)) +
    (data.length === 0 ? 0 : 1 + varintBytes(data.length) + data.length);
  // Not from the pool: the caller hands over the whole memory.
  const bytes = Buffer.allocUnsafeSlow(1 + varintBytes(inner) + inner);
  let at = 0;
  bytes[at++] = FRAME_OUTPUT;
  at = writeVarint(bytes, at, inner);
  if (stream !== 0) {
    bytes[at++] = OUTPUT_STREAM;
    bytes[at++] = stream;
  }
  if (position !== 0) {
    bytes[at++] = OUTPUT_OFFSET;
    at = writeVarint(bytes, at, position);
  }
  if (data.length !== 0) {
    bytes[at++] = OUTPUT_DATA;
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
