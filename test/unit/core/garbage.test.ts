import { join } from 'node:path';
import { expect, test } from 'vitest';
import { EngineRouter } from '../../../src/core/engine-router.js';
import { Garbage } from '../../../src/core/garbage.js';
import { KeyRing } from '../../../src/core/key-ring.js';
import { LayerKeeper } from '../../../src/core/layer-keeper.js';
import type { Engine, LayerInfo } from '../../../src/core/ports/engine.js';
import type { ExecHost } from '../../../src/core/ports/execs.js';
import type { Log } from '../../../src/core/ports/log.js';
import type { Storage } from '../../../src/core/ports/storage.js';
import { openBlobStore } from '../../../src/storage/blob-store.js';
import { openSecretStore } from '../../../src/storage/secret-store.js';
import { memoryLog, type Logged } from '../../rpc/scripted.js';
import { freshStorage } from '../../storage/storage-fixture.js';
import { tempFolder } from '../../support/temp-folder.js';

const quiet = { debug() {}, info() {}, warn() {}, error() {} };
const DAY_MS = 24 * 60 * 60_000;

/** Over a fresh database, and an engine that is the test's. */
async function garbageOf(engine: EngineRouter, folder: string, storage: Storage, log: Log = quiet) {
  const keeper = new LayerKeeper({ storage, engine, log });
  const garbage = new Garbage({
    storage,
    secrets: await openSecretStore(join(folder, 'secrets')),
    blobs: await openBlobStore(join(folder, 'blobs')),
    engine,
    execHost: {} as ExecHost,
    keeper,
    keys: new KeyRing(storage.keys, () => Date.now()),
    log,
    now: () => Date.now(),
  });
  return { garbage, keeper };
}

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
  const { garbage } = await garbageOf(engine, folder.path, storage);
  await garbage.content();
  expect(removed).toEqual(['setup-old', 'docker.setup-old', 'docker.codebase-young']);
});

test('an engine that fails keeps nobody from starting, and what it could not remove is tried again', async () => {
  await using folder = await tempFolder();
  await using open = await freshStorage();
  const lines: Logged[] = [];
  const removed: string[] = [];
  let fails = true;
  const layer = (layerId: string): LayerInfo => ({ layerId, createTime: new Date(0), bytes: 1 }) as LayerInfo;
  const works = {
    name: 'local',
    list: async () => [],
    listLayers: async () => [layer('codebase-a'), layer('codebase-b')],
    deleteLayer: async (layerId: string) => {
      if (fails && layerId === 'codebase-a') throw new Error('The disk fails.');
      removed.push(layerId);
    },
  } as unknown as Engine;
  const broken = {
    name: 'docker',
    list: () => Promise.reject(new Error('The keeper fails.')),
    listLayers: () => Promise.reject(new Error('The keeper fails.')),
  } as unknown as Engine;
  const router = new EngineRouter([
    { name: 'local', takes: 'host', engine: works },
    { name: 'docker', takes: 'image', engine: broken },
  ]);
  const { garbage, keeper } = await garbageOf(router, folder.path, open.storage, memoryLog(lines));
  expect(await garbage.sandboxes()).toEqual({ alive: new Set(), away: new Set(['docker']) });
  await garbage.content();
  expect(removed).toEqual(['codebase-b']);
  await keeper.settled();
  fails = false;
  keeper.again();
  await keeper.settled();
  expect(removed).toEqual(['codebase-b', 'codebase-a']);
  expect(
    lines.slice(0, 3).map(({ message, fields }) => [message, fields?.['engine'] ?? fields?.['layerId']]),
  ).toEqual([
    ['the sandboxes of an engine could not be looked at', 'docker'],
    ['the layers of an engine could not be looked at', 'docker'],
    ['a layer without use could not be removed', 'codebase-a'],
  ]);
});
