import fc from 'fast-check';
import { expect, it } from 'vitest';
import { ExecRequest, type DeepPartial } from '../../../gen/codeset/v1/session_service.js';
import { encodeExecRequest } from '../../../src/client/exec-request-codec.js';

function generated(message: DeepPartial<ExecRequest>): Buffer {
  return Buffer.from(ExecRequest.encode(ExecRequest.fromPartial(message)).finish());
}

it('writes stdin byte for byte as the generated encoder does', () => {
  const offsets = fc.option(fc.maxSafeInteger(), { nil: undefined });
  fc.assert(
    fc.property(offsets, fc.uint8Array({ maxLength: 70_000 }), (at, bytes) => {
      const data = Buffer.from(bytes);
      const value = at === undefined ? { data } : { data, offset: BigInt(at) };
      const message: DeepPartial<ExecRequest> = { frame: { $case: 'stdin', value } };
      expect(encodeExecRequest(message)).toEqual(generated(message));
    }),
  );
});

it('leaves every other frame to the generated encoder', () => {
  const frames: NonNullable<DeepPartial<ExecRequest>['frame']>[] = [
    { $case: 'signal', value: { signal: 'SIGINT' } },
    { $case: 'endOfInput', value: {} },
    { $case: 'stdin', value: {} },
    { $case: 'start', value: { sessionId: 'ses_1', spec: { stdin: true } } },
  ];
  for (const frame of frames) {
    expect(encodeExecRequest({ frame })).toEqual(generated({ frame }));
  }
});
