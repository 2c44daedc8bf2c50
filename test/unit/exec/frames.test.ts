import fc from 'fast-check';
import { expect, test } from 'vitest';
import { encodeHeader, FrameParser, MAX_PAYLOAD, Receive } from '../../../src/exec/frames.js';

interface Seen {
  type: number;
  stream: number;
  key: number;
  arg: number;
  offset: number;
  payload: Buffer;
}

/** Frames as they were sent: the pieces of one OUTPUT put together again. */
function parse(bytes: Buffer, cuts: readonly number[]): Seen[] {
  const seen: Seen[] = [];
  const parser = new FrameParser((type, stream, key, arg, offset, payload) => {
    const last = seen.at(-1);
    if (
      type === Receive.OUTPUT &&
      last?.type === type &&
      last.key === key &&
      last.offset + last.payload.length === offset
    ) {
      last.payload = Buffer.concat([last.payload, payload]);
    } else seen.push({ type, stream, key, arg, offset, payload: Buffer.from(payload) });
  });
  let at = 0;
  for (const cut of [...cuts, bytes.length].sort((a, b) => a - b)) {
    const end = Math.min(cut, bytes.length);
    if (end > at) parser.push(bytes.subarray(at, end));
    at = Math.max(at, end);
  }
  return seen;
}

test('frames come out as they went in, however the stream is cut', () => {
  const frame = fc.record({
    type: fc.constantFrom(...Object.values(Receive)),
    stream: fc.nat(255),
    key: fc.nat(0xffff_ffff),
    arg: fc.nat(0xffff_ffff),
    offset: fc.maxSafeNat(),
    payload: fc.uint8Array({ minLength: 1, maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
  });
  fc.assert(
    fc.property(
      fc.array(frame, { maxLength: 12 }),
      fc.array(fc.nat(4000), { maxLength: 30 }),
      (frames, cuts) => {
        // Two OUTPUT frames that follow on each other would be put together by `parse`: give each a key of its own.
        const sent = frames.map((item, i) => ({ ...item, key: (item.key - (item.key % 16) + i) >>> 0 }));
        const safe = sent.map((item) => ({ ...item, offset: Math.min(item.offset, 2 ** 52) }));
        const bytes = Buffer.concat(
          safe.flatMap((f) => [
            encodeHeader(f.type, f.payload.length, f.key, f.stream, f.arg, f.offset),
            f.payload,
          ]),
        );
        expect(parse(bytes, cuts)).toEqual(safe);
      },
    ),
  );
});

test('frames without a payload come out, also when a chunk ends right behind them', () => {
  const bytes = Buffer.concat([1, 2, 3].map((key) => encodeHeader(Receive.STARTED, 0, key)));
  expect(parse(bytes, []).map((frame) => frame.key)).toEqual([1, 2, 3]);
  expect(parse(bytes, [24, 48]).map((frame) => frame.key)).toEqual([1, 2, 3]);
  expect(
    parse(
      bytes,
      Array.from({ length: 72 }, (_, i) => i),
    ).map((frame) => frame.key),
  ).toEqual([1, 2, 3]);
});

test('a length beyond the maximum is refused', () => {
  const parser = new FrameParser(() => undefined);
  expect(() => parser.push(encodeHeader(Receive.OUTPUT, MAX_PAYLOAD + 1))).toThrow('bytes');
});
