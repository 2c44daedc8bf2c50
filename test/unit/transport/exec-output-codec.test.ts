import fc from 'fast-check';
import { expect, it } from 'vitest';
import { OutputStream } from '../../../gen/codeset/v1/exec.js';
import { ExecResponse } from '../../../gen/codeset/v1/session_service.js';
import { frameOutput } from '../../../src/transport/exec-output-codec.js';

const MESSAGES = fc.record({
  stream: fc.constantFrom('stdout' as const, 'stderr' as const),
  offset: fc.nat({ max: Number.MAX_SAFE_INTEGER }),
  bytes: fc.uint8Array({ maxLength: 70_000 }),
});

function generated(stream: 'stdout' | 'stderr', offset: number, data: Uint8Array): Buffer {
  const value = {
    stream: stream === 'stdout' ? OutputStream.STDOUT : OutputStream.STDERR,
    offset: BigInt(offset),
    data: Buffer.from(data),
  };
  const body = ExecResponse.encode({ frame: { $case: 'output', value } }).finish();
  const header = Buffer.alloc(5);
  header.writeUInt32BE(body.length, 1);
  return Buffer.concat([header, body]);
}

it('writes output frames byte for byte as the generated encoder does', () => {
  fc.assert(
    fc.property(MESSAGES, ({ stream, offset, bytes }) => {
      const message = frameOutput({ type: 'output', stream, offset, data: bytes });
      expect(message.bytes).toEqual(generated(stream, offset, bytes));
      expect(message.body).toEqual(message.bytes.subarray(5));
    }),
  );
});

it('writes them into the room in front of lent memory, and gives that back once it is written', () => {
  fc.assert(
    fc.property(MESSAGES, fc.nat({ max: 100 }), ({ stream, offset, bytes }, front) => {
      const memory = new Uint8Array(front + bytes.length + 10).fill(0xee);
      memory.set(bytes, front);
      let back = 0;
      const lent = { memory, front, giveBack: () => back++ };
      const data = memory.subarray(front, front + bytes.length);
      const message = frameOutput({ type: 'output', stream, offset, data, lent });
      expect(message.bytes).toEqual(generated(stream, offset, bytes));
      // Nothing behind the data was touched.
      expect(memory.subarray(front + bytes.length)).toEqual(new Uint8Array(10).fill(0xee));
      message.written();
      expect(back).toBe(1);
    }),
  );
});

it('leaves memory alone that a broken connection may still be reading', () => {
  let back = 0;
  const lent = { memory: new Uint8Array(100), front: 64, giveBack: () => back++ };
  const data = lent.memory.subarray(64);
  frameOutput({ type: 'output', stream: 'stdout', offset: 0, data, lent }).written(new Error('gone'));
  expect(back).toBe(0);
});
