import fc from 'fast-check';
import { expect, it } from 'vitest';
import { ExecResponse } from '../../../gen/codeset/v1/session_service.js';
import { encodeExecOutput } from '../../../src/transport/exec-output-codec.js';

it('writes output frames byte for byte as the generated encoder does', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(0, 1, 2),
      fc.bigInt({ min: 0n, max: BigInt(Number.MAX_SAFE_INTEGER) }),
      fc.uint8Array({ maxLength: 70_000 }),
      (stream, offset, bytes) => {
        const message: ExecResponse = {
          frame: { $case: 'output', value: { stream, offset, data: Buffer.from(bytes) } },
        };
        expect(Buffer.from(encodeExecOutput(message) ?? [])).toEqual(
          Buffer.from(ExecResponse.encode(message).finish()),
        );
      },
    ),
  );
});

it('leaves every other frame to the generated encoder', () => {
  expect(
    encodeExecOutput({ frame: { $case: 'started', value: { execId: 'x', stdinOffset: 0n } } }),
  ).toBeUndefined();
});
