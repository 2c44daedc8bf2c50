import { expect, test } from 'vitest';
import { Closings } from '../../../src/core/closings.js';

function resource(name: string, closed: string[], end: Promise<void> = Promise.resolve()): AsyncDisposable {
  return {
    [Symbol.asyncDispose]: async () => {
      closed.push(`${name} closes`);
      await end;
      closed.push(`${name} is closed`);
    },
  };
}

test('what is closed before goes on while other work does, and is waited for at the end', async () => {
  const closed: string[] = [];
  let done = (): void => undefined;
  const slow = new Promise<void>((resolve) => (done = resolve));
  const closings = new Closings();
  const first = closings.take(resource('first', closed, slow));
  closings.take(resource('second', closed));
  closings.close(first);
  closings.close(first);
  expect(closed).toEqual(['first closes']);
  const all = closings[Symbol.asyncDispose]();
  done();
  await all;
  expect(closed.toSorted()).toEqual(['first closes', 'first is closed', 'second closes', 'second is closed']);
  // It can be used again, and closes nothing twice.
  await closings[Symbol.asyncDispose]();
  expect(closed.length).toBe(4);
});

test('one that fails to close keeps none of the others open', async () => {
  const closed: string[] = [];
  const closings = new Closings();
  const broken = closings.take(resource('broken', closed, Promise.reject(new Error('stuck'))));
  closings.take(resource('whole', closed));
  closings.close(broken);
  await expect(closings[Symbol.asyncDispose]()).rejects.toThrow('stuck');
  expect(closed).toContain('whole is closed');
});
