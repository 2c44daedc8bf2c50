import { expect, test } from 'vitest';
import { EngineReturns } from '../../../src/core/engine-returns.js';
import { memoryLog, type Logged } from '../../rpc/scripted.js';

/** Each attempt answers what the test has written down for it, or true. */
function returnsOf(answers: (boolean | Error)[]) {
  const attempts: string[] = [];
  const waits: number[] = [];
  const log: Logged[] = [];
  const away = new Set<string>();
  const returns = new EngineReturns({
    takeUp: async (engine) => {
      attempts.push(engine);
      const answer = answers.shift() ?? true;
      if (answer instanceof Error) throw answer;
      return answer;
    },
    isAway: (engine) => away.has(engine),
    log: memoryLog(log),
    wait: async (ms) => void waits.push(ms),
  });
  return { returns, attempts, waits, log, away };
}

test('an engine is taken up again until it has worked, each time a little later', async () => {
  const answers = [new Error('its keeper fails'), ...Array.from({ length: 6 }, () => false)];
  const { returns, attempts, waits, log } = returnsOf(answers);
  returns.take('docker');
  await expect.poll(() => attempts.length).toBe(8);
  expect(waits).toEqual([1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
  expect(log[0]).toMatchObject({ level: 'error', fields: { engine: 'docker' } });
  expect(log.slice(1).every(({ level }) => level === 'warn')).toBe(true);
  await returns.stop();
  expect(attempts.length).toBe(8);
});

test('an engine that has gone once more is left until its next return', async () => {
  const { returns, attempts, waits, away } = returnsOf([]);
  away.add('docker');
  returns.take('docker');
  returns.take('other');
  await expect.poll(() => attempts).toEqual(['other']);
  away.delete('docker');
  returns.take('docker');
  await expect.poll(() => attempts).toEqual(['other', 'docker']);
  expect(waits).toEqual([]);
  await returns.stop();
});

test('a stop ends the wait for another attempt, and nothing is begun after it', async () => {
  let waiting = (): void => undefined;
  const waits = new Promise<void>((resolve) => (waiting = resolve));
  let attempts = 0;
  const returns = new EngineReturns({
    takeUp: async () => (attempts++, false),
    isAway: () => false,
    log: memoryLog([]),
    wait: (_, signal) =>
      new Promise((resolve) => {
        signal.addEventListener('abort', () => resolve(), { once: true });
        waiting();
      }),
  });
  returns.take('docker');
  await waits;
  await returns.stop();
  returns.take('docker');
  await returns.stop();
  expect(attempts).toBe(1);
});
