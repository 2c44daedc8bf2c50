import fc from 'fast-check';
import { expect, test } from 'vitest';
import { CollectedOutput } from '../../../src/client/collected-output.js';

test('what fits is whole; of more stay the first and the last half, however it came', () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 12 }), { maxLength: 12 }),
      fc.integer({ min: 0, max: 40 }),
      (pieces, limit) => {
        const output = new CollectedOutput(limit);
        for (const piece of pieces) output.add(piece);
        const all = Buffer.concat(pieces);
        const head = Math.ceil(limit / 2);
        const kept =
          all.length <= limit
            ? all
            : Buffer.concat([all.subarray(0, head), all.subarray(all.length - (limit - head))]);
        expect(output.bytes()).toEqual(kept);
        expect(output.cutBytes).toBe(all.length - kept.length);
      },
    ),
  );
});

test('bytes that never came count as missing, and nothing is joined over them', () => {
  const output = new CollectedOutput(10);
  output.add(Buffer.from('12345678'));
  output.skip(100);
  output.add(Buffer.from('ab'));
  expect(output.bytes().toString()).toBe('12345ab');
  expect(output.text()).toBe('12345\n[… 103 bytes left out …]\nab');
});
