import fc from 'fast-check';
import { expect, it } from 'vitest';
import { ExecRequest } from '../../../gen/codeset/v1/session_service.js';
import { decodeExecRequest } from '../../../src/transport/exec-input-codec.js';

it('reads stdin as the generated decoder does', () => {
  const offsets = fc.option(fc.bigInt({ min: -5n, max: 2n ** 60n }), { nil: undefined });
  fc.assert(
    fc.property(offsets, fc.uint8Array({ maxLength: 70_000 }), (offset, bytes) => {
      const value = { data: Buffer.from(bytes), offset };
      const wire = ExecRequest.encode({ frame: { $case: 'stdin', value } }).finish();
      expect(decodeExecRequest(wire)).toEqual(ExecRequest.decode(wire));
    }),
  );
});

it('reads whatever else comes, or refuses it, as the generated decoder does', () => {
  const outcome = (decode: (bytes: Uint8Array) => unknown, bytes: Uint8Array): unknown => {
    try {
      return decode(bytes);
    } catch {
      return 'refused';
    }
  };
  const stdin = fc.uint8Array({ maxLength: 40 }).map((rest) => Uint8Array.from([0x1a, rest.length, ...rest]));
  fc.assert(
    fc.property(fc.oneof(stdin, fc.uint8Array({ maxLength: 60 })), (bytes) => {
      expect(outcome(decodeExecRequest, bytes)).toEqual(outcome((wire) => ExecRequest.decode(wire), bytes));
    }),
    { numRuns: 2000 },
  );
});
