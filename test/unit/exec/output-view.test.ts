import fc from 'fast-check';
import { expect, it } from 'vitest';
import { bounded, WholeView } from '../../../src/exec/output-view.js';

it('head and tail of an output keep to the limit, whatever it is', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uint8Array({ maxLength: 300 }),
      fc.integer({ min: 1, max: 310 }),
      async (bytes, limit) => {
        const content = Buffer.from(bytes);
        const { head, tail, tailOffset, totalBytes } = await bounded(
          new WholeView(content, content.length),
          limit,
        );
        expect(head.length + tail.length).toBe(Math.min(limit, content.length));
        expect(head).toEqual(content.subarray(0, head.length));
        expect(tail).toEqual(content.subarray(tailOffset));
        expect(totalBytes).toBe(content.length);
      },
    ),
  );
});
