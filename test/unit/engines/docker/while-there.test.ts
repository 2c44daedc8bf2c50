import { expect, test } from 'vitest';
import { whileThere } from '../../../../src/engines/docker/while-there.js';
import { failure } from '../../../engines/contract/failure.js';
import { scriptedDaemon } from '../../../support/scripted-daemon.js';

const OFTEN_MS = 5;

test('work is waited for while the daemon answers, and its failure is its own', async () => {
  await using daemon = await scriptedDaemon(() => ({ status: 200, body: [] }));
  let end: (value: string) => void = () => undefined;
  const work = new Promise<string>((resolve) => (end = resolve));
  const waited = whileThere(daemon.client, work, OFTEN_MS);
  await expect.poll(() => daemon.asked.length).toBeGreaterThan(3);
  end('done');
  expect(await waited).toBe('done');
  await expect(whileThere(daemon.client, Promise.reject(new Error('mine')), OFTEN_MS)).rejects.toThrow(
    'mine',
  );
});

test('work of a daemon that answers no more is given up', async () => {
  await using daemon = await scriptedDaemon(() => ({ status: 200, body: [] }));
  const waited = failure(whileThere(daemon.client, new Promise<never>(() => undefined), OFTEN_MS));
  await daemon.stop();
  expect(await waited).toMatchObject({ reason: 'ENGINE_UNAVAILABLE' });
});
