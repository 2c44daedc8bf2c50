import { expect, test } from 'vitest';
import type { EngineRouter } from '../../../src/core/engine-router.js';
import { VerificationQueue } from '../../../src/core/verification-queue.js';
import type { VerificationRecords } from '../../../src/core/verification-records.js';
import type { VerificationRunner } from '../../../src/core/verification-runner.js';
import { memoryLog, type Logged } from '../../rpc/scripted.js';
import { aVerification } from '../../support/entities.js';

/** A queue of one place and two in all, whose runs end, and whose engine comes back, when the test says so. */
function queueOf() {
  const runs: string[] = [];
  const log: Logged[] = [];
  const ends = new Map<string, (away?: string) => void>();
  let comeBack = (): void => undefined;
  const back = new Promise<void>((resolve) => (comeBack = resolve));
  const runner = {
    run: (verificationId: string) =>
      new Promise<string | undefined>((resolve) => {
        runs.push(verificationId);
        ends.set(verificationId, resolve);
      }),
  } as unknown as VerificationRunner;
  const records = {
    get: async (verificationId: string) => aVerification({ verificationId }),
    again: async () => 2,
  } as unknown as VerificationRecords;
  const queue = new VerificationQueue({
    records,
    runner,
    engine: { whenThere: () => back } as unknown as EngineRouter,
    limits: { concurrent: 1, queued: 2 },
    log: memoryLog(log),
  });
  const add = (verificationId: string): void => queue.add(aVerification({ verificationId }));
  const end = (verificationId: string, away?: string): void => ends.get(verificationId)?.(away);
  return { queue, runs, log, add, end, comeBack };
}

test('one that waits for its place is cancelled at once, and leaves its room to others', async () => {
  const { queue, runs, log, add, end } = queueOf();
  add('runs');
  add('waits');
  expect(() => queue.requireRoom()).toThrow('2 verifications are waiting or running already');
  await queue.cancel('waits');
  queue.requireRoom();
  expect(queue.log('waits')).toBeUndefined();
  add('later');
  end('runs');
  await expect.poll(() => runs).toEqual(['runs', 'later']);
  end('later');
  await queue.stop();
  expect(log).toEqual([]);
});

test('one whose engine was away waits for no other when it is cancelled', async () => {
  const { queue, runs, log, add, end, comeBack } = queueOf();
  add('first');
  add('second');
  end('first', 'docker');
  await expect.poll(() => runs).toEqual(['first', 'second']);
  comeBack();
  // Told of its further attempt it stands in the line again, behind one that does not end.
  for await (const item of queue.log('first')?.read(0, new AbortController().signal) ?? []) {
    expect(item.type).toBe('state');
    break;
  }
  await queue.cancel('first');
  queue.requireRoom();
  end('second');
  await queue.stop();
  expect(runs).toEqual(['first', 'second']);
  expect(log.map(({ message }) => message)).toEqual(['a verification waits for its engine']);
});

test('a stop ends those that wait without running them', async () => {
  const { queue, runs, log, add, end } = queueOf();
  add('runs');
  add('waits');
  const stopped = queue.stop();
  end('runs');
  await stopped;
  expect(runs).toEqual(['runs']);
  expect(log).toEqual([]);
});
