import { expect, test } from 'vitest';
import { SharedWork, Slots } from '../../../src/core/keyed.js';

/** Work that ends when it is told to, or aborted. */
function heldWork() {
  let begun = 0;
  let finish = (_: string): void => undefined;
  const work = (signal: AbortSignal): Promise<string> => {
    begun++;
    return new Promise((resolve, reject) => {
      finish = resolve;
      signal.addEventListener('abort', () => reject(new Error('given up')));
    });
  };
  return { work, finish: (text: string) => finish(text), begun: () => begun };
}

test('work goes on for who still waits when another lets go', async () => {
  const shared = new SharedWork<string>();
  const held = heldWork();
  const leaver = new AbortController();
  const left = shared.run('k', held.work, leaver.signal);
  const stays = shared.run('k', held.work, new AbortController().signal);
  leaver.abort(new Error('I left'));
  await expect(left).rejects.toThrow('I left');
  held.finish('done');
  expect(await stays).toBe('done');
  expect(held.begun()).toBe(1);
});

test('work is given up with the last who waits, who sees it end; whoever comes then begins anew', async () => {
  const shared = new SharedWork<string>();
  const held = heldWork();
  const aborts = [new AbortController(), new AbortController()];
  const [first, last] = aborts.map((abort) => shared.run('k', held.work, abort.signal));
  aborts[0]?.abort(new Error('I left'));
  aborts[1]?.abort(new Error('me too'));
  const anew = shared.run('k', held.work);
  await expect(first).rejects.toThrow('I left');
  await expect(last).rejects.toThrow('given up');
  await expect.poll(held.begun).toBe(2);
  held.finish('again');
  expect(await anew).toBe('again');
});

test('who has let go before begins nothing', async () => {
  const shared = new SharedWork<string>();
  const held = heldWork();
  await expect(shared.run('k', held.work, AbortSignal.abort(new Error('gone')))).rejects.toThrow('gone');
  expect(held.begun()).toBe(0);
});

test('who is given up while waiting for a place leaves the line, and the others come in their order', async () => {
  const slots = new Slots(1);
  let finish = (): void => undefined;
  const first = slots.run(() => new Promise<void>((resolve) => (finish = resolve)));
  const seen: string[] = [];
  const leaver = new AbortController();
  const left = slots.run(async () => void seen.push('left'), leaver.signal);
  const stayed = new AbortController();
  const stays = slots.run(async () => void seen.push('stayed'), stayed.signal);
  leaver.abort(new Error('I left'));
  await expect(left).rejects.toThrow('I left');
  expect(slots.waiting).toBe(1);
  finish();
  await Promise.all([first, stays]);
  stayed.abort();
  await slots.run(async () => void seen.push('later'));
  expect(seen).toEqual(['stayed', 'later']);
});
