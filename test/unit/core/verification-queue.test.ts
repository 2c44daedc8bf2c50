import { expect, test } from 'vitest';
import type { EngineRouter } from '../../../src/core/engine-router.js';
import { VerificationQueue } from '../../../src/core/verification-queue.js';
import type { VerificationRecords } from '../../../src/core/verification-records.js';
import type { RunEnd, VerificationRunner } from '../../../src/core/verification-runner.js';
import { memoryLog, type Logged } from '../../rpc/scripted.js';
import { aVerification } from '../../support/entities.js';

/** A queue of one place and two in all, whose runs end, and whose engine comes back, when the test says so. */
function queueOf(queued = 2) {
  const runs: string[] = [];
  const log: Logged[] = [];
  const ends = new Map<string, (end: RunEnd) => void>();
  const alone: string[] = [];
  let comeBack = (): void => undefined;
  const back = new Promise<void>((resolve) => (comeBack = resolve));
  const runner = {
    run: (verificationId: string, _log: unknown, turn: { alone: boolean }) =>
      new Promise<RunEnd>((resolve) => {
        runs.push(verificationId);
        if (turn.alone) alone.push(verificationId);
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
    limits: { concurrent: 1, queued },
    log: memoryLog(log),
  });
  const add = (verificationId: string, sessionId = 'ses_subject'): void =>
    queue.add(aVerification({ verificationId, subject: { kind: 'session', sessionId } }));
  const end = (verificationId: string, how: RunEnd = 'over'): void => ends.get(verificationId)?.(how);
  const reserve = (owner = 'ses_other'): Disposable => queue.reserve(owner);
  return { queue, runs, alone, log, add, end, comeBack, reserve };
}

test('one that waits for its place is cancelled at once, and leaves its room to others', async () => {
  const { queue, runs, log, add, end, reserve } = queueOf();
  add('runs');
  add('waits');
  expect(() => reserve()).toThrow('2 verifications are waiting or running already');
  await queue.cancel('waits');
  reserve()[Symbol.dispose]();
  expect(queue.log('waits')).toBeUndefined();
  add('later');
  end('runs');
  await expect.poll(() => runs).toEqual(['runs', 'later']);
  end('later');
  await queue.stop();
  expect(log).toEqual([]);
});

test('one whose engine was away waits for no other when it is cancelled', async () => {
  const { queue, runs, log, add, end, comeBack, reserve } = queueOf();
  add('first');
  add('second');
  end('first', { away: 'docker' });
  await expect.poll(() => runs).toEqual(['first', 'second']);
  comeBack();
  // Told of its further attempt it stands in the line again, behind one that does not end.
  for await (const item of queue.log('first')?.read(0, new AbortController().signal) ?? []) {
    expect(item.type).toBe('state');
    break;
  }
  await queue.cancel('first');
  reserve()[Symbol.dispose]();
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

test('one session’s many neither keep another waiting nor take all the room', async () => {
  const { queue, runs, add, end, reserve } = queueOf(8);
  for (const name of ['a0', 'a1', 'a2', 'a3']) add(name, 'ses_a');
  expect(() => reserve('ses_a')).toThrow('4 verifications of ses_a are waiting or running already');
  using _first = reserve('ses_b');
  add('c0', 'ses_c');
  // Two places are left, of which nobody may have more than what remains for others.
  using _second = reserve('ses_b');
  expect(() => reserve('ses_b')).toThrow('of ses_b are waiting');
  end('a0');
  await expect.poll(() => runs).toEqual(['a0', 'c0']);
  const stopped = queue.stop();
  end('c0');
  await stopped;
});

test('one that starved is run once more, alone and after the others, and then has its verdict', async () => {
  const { queue, runs, alone, log, add, end } = queueOf();
  add('slow', 'ses_a');
  add('other', 'ses_b');
  end('slow', 'starved');
  await expect.poll(() => runs).toEqual(['slow', 'other']);
  end('other');
  await expect.poll(() => runs).toEqual(['slow', 'other', 'slow']);
  expect(alone).toEqual(['slow']);
  end('slow');
  await expect.poll(() => queue.log('slow')).toBeUndefined();
  expect(log.map(({ message }) => message)).toEqual([
    'a verification starved on a crowded machine and is run again alone',
  ]);
});
