import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { EngineRouter } from '../../../src/core/engine-router.js';
import { Garbage } from '../../../src/core/garbage.js';
import { KeyRing } from '../../../src/core/key-ring.js';
import { LayerKeeper } from '../../../src/core/layer-keeper.js';
import type { LayerInfo } from '../../../src/core/ports/engine.js';
import type { ExecHost } from '../../../src/core/ports/execs.js';
import { openBlobStore } from '../../../src/storage/blob-store.js';
import { openSecretStore } from '../../../src/storage/secret-store.js';
import { freshStorage } from '../../storage/storage-fixture.js';
import { tempFolder } from '../../support/temp-folder.js';

const quiet = { debug() {}, info() {}, warn() {}, error() {} };
const DAY_MS = 24 * 60 * 60_000;

test('a set-up stays a week without use, whichever engine made it, and other layers go', async () => {
  await using folder = await tempFolder();
  await using open = await freshStorage();
  const { storage } = open;
  const now = Date.now();
  const layer = (layerId: string, days: number): Pick<LayerInfo, 'layerId' | 'createTime'> => ({
    layerId,
    createTime: new Date(now - days * DAY_MS),
  });
  const removed: string[] = [];
  // Notes what it is told to remove.
  const engine = {
    listLayers: async () => [
      layer('setup-young', 6),
      layer('setup-old', 8),
      layer('docker.setup-young', 6),
      layer('docker.setup-old', 8),
      layer('docker.codebase-young', 1),
    ],
    deleteLayer: async (layerId: string) => void removed.push(layerId),
  } as unknown as EngineRouter;
  const garbage = new Garbage({
    storage,
    secrets: await openSecretStore(join(folder.path, 'secrets')),
    blobs: await openBlobStore(join(folder.path, 'blobs')),
    engine,
    execHost: {} as ExecHost,
    keeper: new LayerKeeper({ storage, engine, log: quiet }),
    keys: new KeyRing(storage.keys, () => now),
    log: quiet,
    now: () => now,
  });
  await garbage.content();
  expect(removed).toEqual(['setup-old', 'docker.setup-old', 'docker.codebase-young']);
});
