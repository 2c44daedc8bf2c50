import fc from 'fast-check';
import { expect, it } from 'vitest';
import { RecentBytes } from '../../../src/exec/recent-bytes.js';

const LIMIT = 4096;

function content(from: number, length: number): Buffer {
  return Buffer.from(Array.from({ length }, (_, i) => (from + i * 7 + ((from + i) >> 8)) & 0xff));
}

it('holds the last bytes by their offsets, whatever came in which pieces', () => {
  fc.assert(
    fc.property(
      fc.nat({ max: 100_000 }),
      fc.array(fc.nat({ max: 1500 }), { maxLength: 40 }),
      fc.nat({ max: 2000 }),
      (start, lengths, back) => {
        const whole = Buffer.concat([Buffer.alloc(0), ...lengths.map((length) => content(length, length))]);
        const recent = new RecentBytes(LIMIT, start);
        let done = 0;
        for (const length of lengths) {
          recent.append(whole.subarray(done, done + length), start + done);
          done += length;
        }
        expect(recent.end).toBe(start + whole.length);
        expect(recent.end - recent.start).toBeGreaterThanOrEqual(Math.min(whole.length, LIMIT / 2));
        const from = Math.max(recent.start, recent.end - back);
        const expected = whole.subarray(from - start);
        expect(Buffer.concat(recent.views(from, recent.end))).toEqual(expected);
        const into = Buffer.alloc(777);
        const length = recent.read(from, into);
        expect(into.subarray(0, length)).toEqual(expected.subarray(0, 777));
        recent.clear();
      },
    ),
  );
});

it('overwrites nothing that has to stay', () => {
  const recent = new RecentBytes(LIMIT, 0);
  recent.append(content(0, LIMIT), 0);
  expect(() => recent.append(content(0, 1), 0)).toThrow(RangeError);
  recent.append(content(0, 1), 1);
  expect(recent.start).toBe(1);
  expect(Buffer.concat(recent.views(1, 3))).toEqual(content(0, LIMIT).subarray(1, 3));
});
