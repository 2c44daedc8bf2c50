import { expect, test } from 'vitest';
import { Removals } from '../../../../src/engines/shared/removals.js';

test('what could not be removed is tried again until it is gone', async () => {
  const told: string[] = [];
  let tries = 0;
  let gone = (): void => undefined;
  const removed = new Promise<void>((resolve) => (gone = resolve));
  const removals = new Removals({
    remove: async () => {
      if (++tries < 3) throw new Error(`busy ${tries}`);
      gone();
    },
    retryMs: 1,
    onError: (sandboxId, error) => told.push(`${sandboxId}: ${String(error)}`),
  });
  await expect(removals.remove('a')).rejects.toThrow('busy 1');
  await removed;
  await removals.close();
  expect(told).toEqual(['a: Error: busy 1', 'a: Error: busy 2']);
});

test('who asks for the same removal shares it, and a close waits for it', async () => {
  let tries = 0;
  let finish = (): void => undefined;
  const removals = new Removals({
    remove: () => {
      tries++;
      return new Promise((resolve) => (finish = resolve));
    },
    retryMs: 1,
    onError: () => undefined,
  });
  const both = Promise.all([removals.remove('a'), removals.remove('a')]);
  const closed = removals.close();
  finish();
  await Promise.all([both, closed]);
  expect(tries).toBe(1);
});
