import { once } from 'node:events';
import { Client, credentials, Server, ServerCredentials, type ServerDuplexStream } from '@grpc/grpc-js';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { OutputStream } from '../../../gen/codeset/v1/exec.js';
import { ExecResponse } from '../../../gen/codeset/v1/session_service.js';
import { decodeExecResponse } from '../../../src/client/exec-response-codec.js';
import { PieceDecoder, piecesOf, takeInPieces } from '../../../src/client/message-pieces.js';

const PATH = '/test.Pieces/Stream';
const KIB = 1024;
const same = (bytes: Buffer): Buffer => bytes;

let server: Server;
let client: Client;
let answer: (call: ServerDuplexStream<Buffer, Buffer>) => void;

beforeAll(async () => {
  server = new Server();
  const method = {
    path: PATH,
    requestStream: true as const,
    responseStream: true as const,
    requestSerialize: same,
    requestDeserialize: same,
    responseSerialize: same,
    responseDeserialize: same,
  };
  server.addService(
    { stream: method },
    { stream: (call: ServerDuplexStream<Buffer, Buffer>) => answer(call) },
  );
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    ),
  );
  client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
});

afterAll(() => {
  client.close();
  server.forceShutdown();
});

/** Bytes that tell where they come from. */
function pattern(size: number, seed = 1): Buffer {
  const bytes = Buffer.allocUnsafe(size);
  for (let i = 0; i < size; i++) bytes[i] = (i * 31 + seed * 7 + (i >> 8)) & 255;
  return bytes;
}

function whole(bytes: Uint8Array): Buffer {
  return Buffer.concat(piecesOf(bytes) ?? [bytes]);
}

/** As it lies on the wire. */
function framed(body: Buffer, compressed = false): Buffer {
  const header = Buffer.alloc(5);
  header[0] = compressed ? 1 : 0;
  header.writeUInt32BE(body.length, 1);
  return Buffer.concat([header, body]);
}

/** Cuts bytes where the sizes say, and what is left as HTTP/2 does. */
function cut(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const chunks: Buffer[] = [];
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const size = sizes[i] ?? 16 * KIB;
    chunks.push(bytes.subarray(at, at + size));
    at += size;
  }
  return chunks;
}

const sizes = fc.array(fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 40 * KIB })), {
  maxLength: 20,
});

it('however its bytes arrive, each message comes whole and in order', () => {
  const size = fc.oneof(
    fc.integer({ min: 0, max: 20 }),
    fc.integer({ min: 16 * KIB - 2, max: 16 * KIB + 2 }),
    fc.integer({ min: 0, max: 70 * KIB }),
  );
  const messages = fc.array(fc.record({ size, compressed: fc.boolean() }), { maxLength: 6 });
  fc.assert(
    fc.property(messages, sizes, (wanted, chunks) => {
      const sent = wanted.map((one, i) => framed(pattern(one.size, i), one.compressed));
      const decoder = new PieceDecoder(-1);
      const came = cut(Buffer.concat(sent), chunks).flatMap((chunk) => decoder.write(chunk));
      expect(came.length).toBe(sent.length);
      came.forEach((message, i) => {
        const wire = sent[i] ?? Buffer.alloc(0);
        // As grpc-js looks at it: the first byte, and what is behind the header.
        expect(message[0]).toBe(wire[0]);
        expect(whole(message.subarray(5)).equals(wire.subarray(5))).toBe(true);
        const inPieces = wire[0] === 0 && wire.length - 5 >= 16 * KIB;
        expect(piecesOf(message) !== undefined).toBe(inPieces);
      });
    }),
    { numRuns: 100 },
  );
});

it('a message above the limit is refused as soon as its size is known', () => {
  const decoder = new PieceDecoder(100);
  const wire = framed(pattern(101));
  expect(decoder.write(wire.subarray(0, 4))).toEqual([]);
  expect(() => decoder.write(wire.subarray(4, 5))).toThrow('larger than max (101 vs 100)');
});

it('an output in pieces is the same output in several frames, and none of its bytes are copied', () => {
  const stream = fc.constantFrom(OutputStream.STDOUT, OutputStream.STDERR);
  const offset = fc.bigInt({ min: 0n, max: 2n ** 50n });
  const size = fc.integer({ min: 16 * KIB, max: 70 * KIB });
  fc.assert(
    fc.property(stream, offset, size, sizes, (of, from, bytes, chunks) => {
      const data = pattern(bytes);
      const frame = { $case: 'output' as const, value: { stream: of, offset: from, data } };
      const wire = framed(Buffer.from(ExecResponse.encode({ frame }).finish()));
      const decoder = new PieceDecoder(-1);
      const [message] = cut(wire, chunks).flatMap((chunk) => decoder.write(chunk));
      const decoded = decodeExecResponse((message ?? Buffer.alloc(5)).subarray(5));
      const responses = 'frame' in decoded ? [decoded] : decoded;
      let at = from;
      const parts: Buffer[] = [];
      for (const response of responses) {
        if (response.frame?.$case !== 'output') throw new Error('another frame');
        const { value } = response.frame;
        expect([value.stream, value.offset]).toEqual([of, at]);
        expect(value.data.length).toBeGreaterThan(0);
        expect(value.data.buffer === wire.buffer).toBe(true);
        at += BigInt(value.data.length);
        parts.push(value.data);
      }
      expect(Buffer.concat(parts).equals(data)).toBe(true);
    }),
    { numRuns: 100 },
  );
});

it('a large message that is no output is read as the generated codec reads it', () => {
  const frame = { $case: 'started' as const, value: { execId: 'x'.repeat(30 * KIB), stdinOffset: 3n } };
  const wire = Buffer.from(ExecResponse.encode({ frame }).finish());
  const decoder = new PieceDecoder(-1);
  const [message] = cut(framed(wire), [7, 16 * KIB]).flatMap((chunk) => decoder.write(chunk));
  expect(decodeExecResponse((message ?? Buffer.alloc(5)).subarray(5))).toEqual(ExecResponse.decode(wire));
});

async function received(
  onMetadata: (call: object) => void,
): Promise<{ readonly messages: Buffer[]; readonly inPieces: number }> {
  let inPieces = 0;
  const deserialize = (bytes: Buffer): Buffer => {
    if (piecesOf(bytes) !== undefined) inPieces++;
    return whole(bytes);
  };
  const call = client.makeBidiStreamRequest<Buffer, Buffer>(PATH, same, deserialize);
  const messages: Buffer[] = [];
  call.on('metadata', () => onMetadata(call));
  call.on('data', (message: Buffer) => messages.push(message));
  call.end();
  await once(call, 'end');
  return { messages, inPieces };
}

const SENT = [10, 100 * KIB, 0, 16 * KIB, 3 * KIB, 300 * KIB, 1].map((size, i) => pattern(size, i));

function sendAll(call: ServerDuplexStream<Buffer, Buffer>): void {
  for (const message of SENT) call.write(message);
  call.end();
}

it('grpc-js hands on the large messages of a call in pieces, the others whole', async () => {
  answer = sendAll;
  const { messages, inPieces } = await received(takeInPieces);
  expect(messages.map((message, i) => message.equals(SENT[i] ?? Buffer.alloc(0)))).toEqual(
    SENT.map(() => true),
  );
  // Should this be 0, grpc-js has changed inside: the way around its copy has to be found again.
  expect(inPieces).toBe(3);
});

it('where grpc-js gives no way in, messages come whole', async () => {
  answer = sendAll;
  const { messages, inPieces } = await received((call) => {
    for (const strange of [{}, { call: 1 }, { call: { call: { child: { underlyingCalls: [null, {}] } } } }])
      takeInPieces(strange);
    expect(call).toBeDefined();
  });
  expect(messages.length).toBe(SENT.length);
  expect(inPieces).toBe(0);
});

it('a message above the limit of the channel ends the call as it does without pieces', async () => {
  answer = (call) => {
    call.write(pattern(5 * KIB * KIB));
    call.end();
  };
  const call = client.makeBidiStreamRequest<Buffer, Buffer>(PATH, same, same);
  call.on('metadata', () => takeInPieces(call));
  call.resume();
  const [error] = (await once(call, 'error')) as [Error];
  expect(error.message).toContain('RESOURCE_EXHAUSTED: Received message larger than max');
});
