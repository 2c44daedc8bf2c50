import { expect, test } from 'vitest';
import { whileWanted } from '../../../src/core/while-wanted.js';

const never = new Promise<never>(() => undefined);

test('who waits has the result, or leaves when it is not wanted any more', async () => {
  const abort = new AbortController();
  expect(await whileWanted(Promise.resolve(1), abort.signal)).toBe(1);
  await expect(whileWanted(Promise.reject(new Error('failed')), abort.signal)).rejects.toThrow('failed');
  const waits = whileWanted(never, abort.signal);
  abort.abort(new Error('left'));
  await expect(waits).rejects.toThrow('left');
  await expect(whileWanted(never, abort.signal)).rejects.toThrow('left');
});

test("work that fails after everybody has left is nobody's error", async () => {
  const abort = new AbortController();
  let fail = (): void => undefined;
  const work = new Promise<void>((_, reject) => (fail = () => reject(new Error('late'))));
  const waits = whileWanted(work, abort.signal);
  abort.abort(new Error('left'));
  await expect(waits).rejects.toThrow('left');
  fail();
  // An unhandled rejection would end the run a turn later.
  await new Promise((resolve) => setImmediate(resolve));
});
