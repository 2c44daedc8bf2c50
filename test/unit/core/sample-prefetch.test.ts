import { expect, test } from 'vitest';
import type { EngineRouter } from '../../../src/core/engine-router.js';
import type { Garbage } from '../../../src/core/garbage.js';
import type { SampleCatalog } from '../../../src/core/sample-catalog.js';
import { SamplePrefetch } from '../../../src/core/sample-prefetch.js';
import { memoryLog, type Logged } from '../../rpc/scripted.js';
import { aSample } from '../../support/entities.js';

test('a prefetch whose client has left waits for no preparation', async () => {
  const log: Logged[] = [];
  const sample = aSample({ state: 'PREPARING' });
  let asked = (): void => undefined;
  const waiting = new Promise<void>((resolve) => (asked = resolve));
  const catalog = {
    get: async () => sample,
    // Its preparation does not end.
    settled: () => (asked(), new Promise<never>(() => undefined)),
  } as unknown as SampleCatalog;
  const prefetch = new SamplePrefetch({
    catalog,
    engine: {} as EngineRouter,
    garbage: {} as Garbage,
    log: memoryLog(log),
    now: () => 0,
  });
  const client = new AbortController();
  const samples = [{ sampleId: sample.sampleId, version: sample.version }];
  const events = prefetch.prefetch({ dataset: undefined, samples, maxBytes: undefined }, client.signal);
  const read = (async () => {
    for await (const event of events) throw new Error(`Nothing was to come: ${JSON.stringify(event)}`);
  })();
  await waiting;
  client.abort();
  await read;
  expect(log).toEqual([]);
});
