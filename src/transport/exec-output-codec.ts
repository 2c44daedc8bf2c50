import type { ExecEvent } from '../core/exec.js';
import { outputStreams } from './convert/exec.js';
import { FramedMessage, MESSAGE_HEADER } from './framed-message.js';

// The one message that carries bulk. The generated encoder copies the bytes once per level of nesting, and grpc-js
// once more; here the few bytes in front of them are written by hand into the room that is left there for them. A
// test holds it to the generated codec.

type OutputEvent = Extract<ExecEvent, { readonly type: 'output' }>;

const FRAME_OUTPUT = (2 << 3) | 2;
const OUTPUT_STREAM = (1 << 3) | 0;
const OUTPUT_OFFSET = (2 << 3) | 0;
const OUTPUT_DATA = (3 << 3) | 2;
/** The most that stands in front of the data: gRPC's header, four tags, and four varints. */
const FRONT = MESSAGE_HEADER + 4 + 5 + 1 + 8 + 5;

const nothing = (): void => undefined;

/** An `output` frame in the form that goes onto the wire; where the event lent memory, in that. */
export function frameOutput(event: OutputEvent): FramedMessage {
  const { data, lent } = event;
  if (lent === undefined || lent.front < FRONT) {
    const memory = Buffer.allocUnsafe(FRONT + data.length);
    memory.set(data, FRONT);
    return inFrontOf(memory, FRONT, event, lent?.giveBack ?? nothing);
  }
  const { memory, front, giveBack } = lent;
  return inFrontOf(Buffer.from(memory.buffer, memory.byteOffset, memory.length), front, event, giveBack);
}

function inFrontOf(memory: Buffer, dataAt: number, event: OutputEvent, giveBack: () => void): FramedMessage {
  const { offset, data } = event;
  const stream = outputStreams.toProto(event.stream);
  const inner =
    2 +
    (offset === 0 ? 0 : 1 + varintBytes(offset)) +
    (data.length === 0 ? 0 : 1 + varintBytes(data.length) + data.length);
  const bodyAt = dataAt + data.length - inner - varintBytes(inner) - 1;
  let at = bodyAt;
  memory[at++] = FRAME_OUTPUT;
  at = writeVarint(memory, at, inner);
  memory[at++] = OUTPUT_STREAM;
  memory[at++] = stream;
  if (offset !== 0) {
    memory[at++] = OUTPUT_OFFSET;
    at = writeVarint(memory, at, offset);
  }
  if (data.length !== 0) {
    memory[at++] = OUTPUT_DATA;
    writeVarint(memory, at, data.length);
  }
  return new FramedMessage(memory.subarray(bodyAt - MESSAGE_HEADER, dataAt + data.length), giveBack);
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
