import { expect, test } from 'vitest';
import { QuietSweep } from '../../../../src/engines/docker/quiet-sweep.js';

function sweeping(answers: readonly (boolean | Error)[]) {
  const errors: unknown[] = [];
  let calls = 0;
  const quiet = new QuietSweep({
    sweep: () => {
      const answer = answers[calls++] ?? true;
      return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
    },
    retryMs: 1,
    onError: (error) => errors.push(error),
  });
  return { quiet, errors, calls: () => calls };
}

test('what could not be removed is swept again until it is gone, and then no more', async () => {
  const failure = new Error('Docker is away');
  const { quiet, errors, calls } = sweeping([false, failure, false]);
  await quiet.sweep();
  expect(calls()).toBe(1);
  await expect.poll(calls).toBe(4);
  expect(errors).toEqual([failure]);
  await quiet.close();
  expect(calls()).toBe(4);
});

test('nothing is swept while something is made, and once at its end', async () => {
  const { quiet, calls } = sweeping([]);
  await quiet.during(async () => {
    await quiet.sweep();
    await quiet.sweep();
    expect(calls()).toBe(0);
  });
  await expect.poll(calls).toBe(1);
  await quiet.close();
});

test('one that is closed sweeps no more', async () => {
  const { quiet, calls } = sweeping([false, false]);
  await quiet.sweep();
  await quiet.close();
  quiet.later();
  await quiet.sweep();
  expect(calls()).toBe(1);
});
