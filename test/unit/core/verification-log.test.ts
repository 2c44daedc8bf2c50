import { expect, test } from 'vitest';
import { VerificationLog } from '../../../src/core/verification-log.js';

test('what prints without end is held bounded, for readers too', async () => {
  const log = new VerificationLog(1);
  const piece = Buffer.alloc(64 * 1024, 'y');
  for (let count = 0; count < 1024; count++) log.add(piece);
  log.end();
  let followed = 0;
  let end = 0;
  for await (const item of log.read(0, new AbortController().signal)) {
    if (item.type !== 'log') continue;
    followed += item.data.length;
    end = item.offset + item.data.length;
  }
  expect(followed).toBeLessThanOrEqual(8 * 1024 * 1024);
  expect(end).toBe(64 * 1024 * 1024);
  const kept = log.kept();
  expect(kept.content.length).toBe(1024 * 1024);
  expect(kept.cutBytes).toBe(63 * 1024 * 1024);
});
