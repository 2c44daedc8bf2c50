import fc from 'fast-check';
import { expect, test } from 'vitest';
import { OutputStream } from '../../../gen/codeset/v1/exec.js';
import { ExecResponse } from '../../../gen/codeset/v1/session_service.js';
import { ExecResponseCodec } from '../../../src/client/exec-response-codec.js';

const data = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes));
const stream = fc.constantFrom(OutputStream.UNSPECIFIED, OutputStream.STDOUT, OutputStream.STDERR);
const offset = fc.oneof(
  fc.bigInt({ min: 0n, max: 300n }),
  fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }),
  fc.bigInt({ min: -(2n ** 63n), max: -1n }),
);

test('an output is read as the generated codec reads it', () => {
  fc.assert(
    fc.property(stream, offset, data, (of, at, bytes) => {
      const frame = { $case: 'output' as const, value: { stream: of, offset: at, data: bytes } };
      const wire = ExecResponse.encode({ frame }).finish();
      expect(ExecResponseCodec.decode(wire)).toEqual(ExecResponse.decode(wire));
    }),
    { numRuns: 500 },
  );
});

test('any bytes are read, or refused, as the generated codec does', () => {
  const outcome = (codec: typeof ExecResponse, bytes: Uint8Array): unknown => {
    try {
      return codec.decode(bytes);
    } catch {
      return 'refused';
    }
  };
  const output = fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from([0x12, bytes.length, ...bytes]));
  const small = fc.array(fc.constantFrom(0x08, 0x10, 0x1a, 0, 1, 2, 0x80, 0xff), { maxLength: 12 });
  const likely = small.map((bytes) => Buffer.from([0x12, bytes.length, ...bytes]));
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 40 }), output, likely), (bytes) => {
      expect(outcome(ExecResponseCodec, bytes)).toEqual(outcome(ExecResponse, bytes));
    }),
    { numRuns: 2000 },
  );
});

test('the bytes of an output are not copied', () => {
  const value = { stream: OutputStream.STDOUT, offset: 5n, data: Buffer.alloc(1000, 7) };
  const wire = ExecResponse.encode({ frame: { $case: 'output', value } }).finish();
  const { frame } = ExecResponseCodec.decode(wire);
  expect(frame?.$case === 'output' && frame.value.data.buffer).toBe(wire.buffer);
});
