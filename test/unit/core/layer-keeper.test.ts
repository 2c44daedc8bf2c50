import { expect, test } from 'vitest';
import { LayerKeeper } from '../../../src/core/layer-keeper.js';
import type { Engine } from '../../../src/core/ports/engine.js';
import { Snapshots } from '../../../src/core/snapshots.js';
import { freshStorage, type OpenStorage } from '../../storage/storage-fixture.js';
import { aSession, aSnapshot, aVerification } from '../../support/entities.js';

const quiet = { debug() {}, info() {}, warn() {}, error() {} };
const LAYERS = { root: ['snap-1-root'], workspace: ['codebase', 'snap-1-workspace'], baseline: 'baseline' };
const layers = { ...LAYERS, hidden: undefined };

interface Kept extends OpenStorage {
  readonly keeper: LayerKeeper;
  readonly snapshots: Snapshots;
  /** Layers that were removed, in order. */
  readonly removed: string[];
}

/** A real database, and an engine that only notes what it is told to remove. */
async function kept(): Promise<Kept> {
  const open = await freshStorage();
  const removed: string[] = [];
  const engine = { deleteLayer: async (layer: string) => void removed.push(layer) } as unknown as Engine;
  const keeper = new LayerKeeper({ storage: open.storage, engine, log: quiet });
  const snapshots = new Snapshots({ storage: open.storage, keeper, log: quiet });
  return { ...open, keeper, snapshots, removed };
}

/** Everything that was begun in the background is done. */
async function quietened({ keeper }: Kept): Promise<void> {
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
  await keeper.settled();
}

test('layers of a snapshot go once the last session, snapshot and verification that stand on them are gone', async () => {
  await using all = await kept();
  const { keeper, removed, snapshots, storage } = all;
  await storage.snapshots.insert(aSnapshot({ snapshotId: 'snp_1', layers }));
  await storage.snapshots.insert(aSnapshot({ snapshotId: 'snp_2', layers }));
  await storage.sessions.insert(aSession({ sessionId: 'ses_1', snapshotId: 'snp_1', layers }));
  const verificationId = 'ver_1';
  const below = layers.workspace;
  await storage.verifications.insert(
    aVerification({ verificationId, kept: { kind: 'layer', layer: 'kept', below } }),
  );
  await snapshots.delete('snp_1');
  await snapshots.delete('snp_2');
  await quietened(all);
  expect(removed).toEqual([]);
  await storage.sessions.update('ses_1', { state: 'CLOSED' });
  keeper.release(['snap-1-root', 'codebase', 'snap-1-workspace']);
  await quietened(all);
  expect(removed).toEqual(['snap-1-root']);
  await storage.verifications.update(verificationId, { kept: undefined });
  keeper.release(below);
  await quietened(all);
  expect(removed).toEqual(['snap-1-root', 'snap-1-workspace']);
});

test('who holds a snapshot when it is deleted gets its layers on record, and they stay', async () => {
  await using all = await kept();
  const { removed, snapshots, storage } = all;
  await storage.snapshots.insert(aSnapshot({ snapshotId: 'snp_1', layers }));
  const held = await snapshots.hold('snp_1');
  await snapshots.delete('snp_1');
  await quietened(all);
  expect(removed).toEqual([]);
  await storage.sessions.insert(aSession({ layers: held.snapshot.layers }));
  held[Symbol.dispose]();
  held[Symbol.dispose]();
  await quietened(all);
  expect(removed).toEqual([]);
});

test('a hold that is let go without anything on record lets them go', async () => {
  await using all = await kept();
  const { removed, snapshots, storage } = all;
  await storage.snapshots.insert(aSnapshot({ snapshotId: 'snp_1', layers }));
  const held = await snapshots.hold('snp_1');
  const again = await snapshots.hold('snp_1');
  await snapshots.delete('snp_1');
  held[Symbol.dispose]();
  await quietened(all);
  expect(removed).toEqual([]);
  again[Symbol.dispose]();
  await quietened(all);
  expect(removed.sort()).toEqual(['snap-1-root', 'snap-1-workspace']);
});

test('holds and deletions side by side: a snapshot is either held or not found, and what is held never goes', async () => {
  await using all = await kept();
  const { removed, snapshots, storage } = all;
  for (let round = 0; round < 40; round++) {
    const snapshotId = `snp_${round}`;
    const own = { ...layers, root: [`snap-${round}-root`], workspace: [`snap-${round}-workspace`] };
    await storage.snapshots.insert(aSnapshot({ snapshotId, layers: own }));
    const open = Array.from({ length: 4 }, async (_, i) => {
      for (let pause = 0; pause < i * (round % 5); pause++) await Promise.resolve();
      using held = await snapshots.hold(snapshotId);
      await storage.sessions.insert(aSession({ snapshotId, layers: held.snapshot.layers }));
    });
    const results = await Promise.allSettled([snapshots.delete(snapshotId), ...open]);
    await quietened(all);
    const made = results.slice(1).filter(({ status }) => status === 'fulfilled').length;
    expect(await storage.sessions.count({ snapshotId })).toBe(made);
    for (const result of results) {
      if (result.status === 'rejected') expect(result.reason).toMatchObject({ reason: 'SNAPSHOT_NOT_FOUND' });
    }
    expect(removed.includes(`snap-${round}-root`), `${made} made`).toBe(made === 0);
  }
});

test('a snapshot of a fork goes with the last session that began as it, not before, and not while it is forked', async () => {
  await using all = await kept();
  const { removed, snapshots, storage } = all;
  await storage.snapshots.insert(aSnapshot({ snapshotId: 'snp_1', transient: true, layers }));
  const forking = await snapshots.holdForFork('snp_1');
  await expect(snapshots.delete('snp_1')).rejects.toMatchObject({
    kind: 'failed-precondition',
    reason: 'SNAPSHOT_IN_USE',
  });
  await storage.sessions.insert(aSession({ sessionId: 'ses_1', snapshotId: 'snp_1', layers }));
  snapshots.settle('snp_1');
  forking[Symbol.dispose]();
  await quietened(all);
  expect(await snapshots.get('snp_1')).toMatchObject({ transient: true });
  expect((await snapshots.list({}, { size: 10, after: undefined })).items).toEqual([]);
  await storage.sessions.update('ses_1', { state: 'EXPIRED' });
  // As a start of the service finds it when the one before was killed just then.
  await snapshots.recover();
  await quietened(all);
  await expect(snapshots.get('snp_1')).rejects.toMatchObject({ reason: 'SNAPSHOT_NOT_FOUND' });
  expect(removed.sort()).toEqual(['snap-1-root', 'snap-1-workspace']);
});

test('a layer whose last reference goes while others are removed goes, too', async () => {
  await using open = await freshStorage();
  const { storage } = open;
  const removed: string[] = [];
  const engine = {
    deleteLayer: async (layer: string) => {
      removed.push(layer);
      if (layer !== 'snap-0-root') return;
      await storage.snapshots.delete('snp_1');
      keeper.release(['snap-1-root']);
    },
  } as unknown as Engine;
  const keeper = new LayerKeeper({ storage, engine, log: quiet });
  await storage.snapshots.insert(aSnapshot({ snapshotId: 'snp_1', layers }));
  keeper.release(['snap-0-root', 'snap-1-root']);
  await keeper.settled();
  expect(removed).toEqual(['snap-0-root', 'snap-1-root']);
});

test('a layer that cannot be removed keeps no other from going', async () => {
  await using open = await freshStorage();
  const removed: string[] = [];
  const engine = {
    deleteLayer: async (layer: string) => {
      if (layer === 'snap-0-root') throw new Error('busy');
      removed.push(layer);
    },
  } as unknown as Engine;
  const keeper = new LayerKeeper({ storage: open.storage, engine, log: quiet });
  keeper.release(['snap-0-root', 'snap-1-root']);
  await keeper.settled();
  keeper.release(['snap-2-root']);
  await keeper.settled();
  expect(removed.toSorted()).toEqual(['snap-1-root', 'snap-2-root']);
});
