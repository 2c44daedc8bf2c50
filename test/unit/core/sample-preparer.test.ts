import { expect, test } from 'vitest';
import type { EngineRouter } from '../../../src/core/engine-router.js';
import type { EnvironmentBuilder } from '../../../src/core/environment-builder.js';
import { CodesetError } from '../../../src/core/errors.js';
import type { LayerKeeper } from '../../../src/core/layer-keeper.js';
import type { BlobStore } from '../../../src/core/ports/blobs.js';
import type { ResolveOptions } from '../../../src/core/ports/engine.js';
import type { SampleReader } from '../../../src/core/ports/samples.js';
import type { Storage } from '../../../src/core/ports/storage.js';
import { SamplePreparer } from '../../../src/core/sample-preparer.js';
import type { Trees } from '../../../src/core/trees.js';
import { memoryLog, type Logged } from '../../rpc/scripted.js';
import { aSample } from '../../support/entities.js';

test('a preparation whose engine was away waits for no other when it is given up', async () => {
  const log: Logged[] = [];
  let resolved = 0;
  let comeBack = (): void => undefined;
  const back = new Promise<void>((resolve) => (comeBack = resolve));
  // The first asks an engine that is away; what the others ask for takes until they are given up.
  const engine = {
    resolve: async (_: unknown, __: ResolveOptions, signal: AbortSignal) => {
      if (++resolved === 1) {
        const metadata = { engine: 'docker' };
        throw new CodesetError('unavailable', 'ENGINE_UNAVAILABLE', 'It is away.', { metadata });
      }
      return new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
      });
    },
    whenThere: () => back,
  } as unknown as EngineRouter;
  const preparer = new SamplePreparer({
    storage: { samples: { find: async () => undefined } } as unknown as Storage,
    blobs: {} as BlobStore,
    engine,
    reader: {} as SampleReader,
    builder: {} as EnvironmentBuilder,
    trees: {} as Trees,
    keeper: {} as LayerKeeper,
    log: memoryLog(log),
    now: () => 0,
  });
  const [first, ...others] = ['first', 'second', 'third', 'fourth'].map((sampleId) =>
    aSample({ sampleId, state: 'PREPARING' }),
  );
  if (first === undefined) throw new Error('unreachable');
  preparer.begin(first);
  for (const other of others) preparer.begin(other);
  let queued = 0;
  for await (const { message } of preparer.events(first, new AbortController().signal)) {
    if (message.startsWith('It is away.')) comeBack();
    // The second time it stands in the line behind the others.
    else if (message === 'Waiting for a place.' && ++queued === 2) break;
  }
  await preparer.cancel(first);
  await preparer.stop();
  expect(resolved).toBe(3);
  expect(log).toEqual([]);
});
