import { failedPrecondition, notFound } from './errors.js';
import { Turns } from './keyed.js';
import type { LayerKeeper } from './layer-keeper.js';
import type { Log } from './ports/log.js';
import type { Page, PageRequest, Storage } from './ports/storage.js';
import type { SampleLayers } from './sample.js';
import type { Snapshot, SnapshotFilter } from './snapshot.js';

/** A snapshot that somebody makes sandboxes from. Its layers stay until it is disposed. */
export interface HeldSnapshot extends Disposable {
  readonly snapshot: Snapshot;
}

/** Snapshots on record, and how long they stay. */
export class Snapshots {
  readonly #storage: Storage;
  readonly #keeper: LayerKeeper;
  readonly #log: Log;
  /** Looking and holding is one step, deleting another. */
  readonly #turns = new Turns();
  /** Forks that are being made, by snapshot. */
  readonly #forking = new Map<string, number>();

  constructor(parts: { storage: Storage; keeper: LayerKeeper; log: Log }) {
    this.#storage = parts.storage;
    this.#keeper = parts.keeper;
    this.#log = parts.log;
  }

  async get(snapshotId: string): Promise<Snapshot> {
    const snapshot = await this.#storage.snapshots.find(snapshotId);
    if (snapshot === undefined) throw notFound('SNAPSHOT_NOT_FOUND', 'snapshot', snapshotId);
    return snapshot;
  }

  /** Without transient ones. */
  list(filter: SnapshotFilter, page: PageRequest): Promise<Page<Snapshot>> {
    return this.#storage.snapshots.list({ ...filter, transient: false }, page);
  }

  count(filter: SnapshotFilter): Promise<number> {
    return this.#storage.snapshots.count({ ...filter, transient: false });
  }

  /** For one session that is about to be recorded. @throws SNAPSHOT_NOT_FOUND. */
  hold(snapshotId: string): Promise<HeldSnapshot> {
    return this.#turns.run(snapshotId, async () => {
      const snapshot = await this.get(snapshotId);
      const hold = this.#keeper.hold(layersOf(snapshot.layers));
      return { snapshot, [Symbol.dispose]: () => hold[Symbol.dispose]() };
    });
  }

  /** For a fork, which may take a while: the snapshot itself stays, too. @throws SNAPSHOT_NOT_FOUND. */
  holdForFork(snapshotId: string): Promise<HeldSnapshot> {
    return this.#turns.run(snapshotId, async () => {
      const snapshot = await this.get(snapshotId);
      const forking = (change: number): void => {
        const count = (this.#forking.get(snapshotId) ?? 0) + change;
        if (count > 0) this.#forking.set(snapshotId, count);
        else this.#forking.delete(snapshotId);
      };
      forking(1);
      return {
        snapshot,
        [Symbol.dispose]: () => {
          forking(-1);
          this.settle(snapshotId);
        },
      };
    });
  }

  /** Its layers stay as long as sessions, snapshots or verifications stand on them. */
  delete(snapshotId: string): Promise<void> {
    return this.#turns.run(snapshotId, async () => {
      const snapshot = await this.get(snapshotId);
      if (this.#forking.has(snapshotId)) {
        throw failedPrecondition(
          'SNAPSHOT_IN_USE',
          'A fork is being made from this snapshot; try again when it is done.',
          { metadata: { snapshot_id: snapshotId }, retryAfterMs: 1000 },
        );
      }
      await this.#forget(snapshot);
    });
  }

  /** Removes a transient snapshot that no open session began as. Called whenever one of them may have been the last. */
  settle(snapshotId: string): void {
    this.#turns
      .run(snapshotId, async () => {
        const snapshot = await this.#storage.snapshots.find(snapshotId);
        if (snapshot?.transient !== true || this.#forking.has(snapshotId)) return;
        const states = ['CREATING', 'READY', 'ERROR'] as const;
        if ((await this.#storage.sessions.count({ snapshotId, states })) > 0) return;
        await this.#forget(snapshot);
      })
      .catch((error: unknown) => {
        this.#log.warn('a transient snapshot could not be removed', { snapshotId, error });
      });
  }

  async #forget(snapshot: Snapshot): Promise<void> {
    await this.#storage.snapshots.delete(snapshot.snapshotId);
    this.#log.info('snapshot removed', { snapshotId: snapshot.snapshotId });
    this.#keeper.release(layersOf(snapshot.layers));
  }

  /** Takes up what an earlier life of the service left: transient snapshots whose sessions are gone. */
  async recover(): Promise<void> {
    let after: string | undefined;
    do {
      const page = await this.#storage.snapshots.list({ transient: true }, { size: 200, after });
      for (const { snapshotId } of page.items) this.settle(snapshotId);
      after = page.next;
    } while (after !== undefined);
  }
}

export function layersOf(layers: SampleLayers): readonly string[] {
  return [...layers.root, ...layers.workspace];
}
