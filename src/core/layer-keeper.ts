import { bareId } from './engine-ids.js';
import { isUnavailable } from './engine-slot.js';
import type { Engine } from './ports/engine.js';
import type { Log } from './ports/log.js';
import type { Storage } from './ports/storage.js';

/** Layers of this kind belong to snapshots, and go with the last that stands on them. */
export const SNAPSHOT_LAYER = 'snap-';
/** Of this kind is what a verification judges, until its verdict. */
export const KEPT_LAYER = 'kept-';
/** Layers of this kind are somebody's for a moment, and on no record. */
const COPY_LAYER = 'lay_';

/** What goes with its last use. A set-up is expensive and may be wanted by the next sample: it stays a while. */
const GOES = new RegExp(
  `^(${SNAPSHOT_LAYER}|${KEPT_LAYER}|${COPY_LAYER}|codebase-|prepare-|baseline-|hidden-)`,
);

/** Keeps layers from going. */
export interface LayerHold extends Disposable {
  readonly held: ReadonlySet<string>;
  /** Holds these too. */
  add(layers: Iterable<string>): void;
}

/**
 * Knows which layers are in use, and removes those of samples and snapshots that are not any more. What refers to a layer is on
 * record (a sample, snapshot, open session or verification) or holds it: whoever is about to put a reference on
 * record, or reads a layer for a while, holds it meanwhile.
 */
export class LayerKeeper {
  readonly #storage: Storage;
  readonly #engine: Engine;
  readonly #log: Log;
  readonly #holds = new Map<string, number>();
  /** Layers that may be without use. */
  readonly #released = new Set<string>();
  /** Held at some time since the references were read. */
  readonly #touched = new Set<string>();
  #sweeping: Promise<void> | undefined;

  constructor(parts: { storage: Storage; engine: Engine; log: Log }) {
    this.#storage = parts.storage;
    this.#engine = parts.engine;
    this.#log = parts.log;
  }

  /** None of them goes until the hold is disposed. */
  hold(layers: Iterable<string>): LayerHold {
    const held = new Set<string>();
    let disposed = false;
    const add = (more: Iterable<string>): void => {
      for (const layer of more) {
        if (disposed || held.has(layer)) continue;
        held.add(layer);
        this.#holds.set(layer, (this.#holds.get(layer) ?? 0) + 1);
        this.#touched.add(layer);
      }
    };
    add(layers);
    return {
      held,
      add,
      [Symbol.dispose]: () => {
        if (disposed) return;
        disposed = true;
        for (const layer of held) {
          const left = (this.#holds.get(layer) ?? 1) - 1;
          if (left > 0) this.#holds.set(layer, left);
          else this.#holds.delete(layer);
        }
        if ([...held].some((layer) => this.#released.has(layer))) this.#sweepSoon();
      },
    };
  }

  /** A reference to them has gone: those that nothing uses any more are removed soon, set-ups excepted. */
  release(layers: Iterable<string>): void {
    let some = false;
    for (const layer of layers) {
      if (!GOES.test(bareId(layer))) continue;
      this.#released.add(layer);
      some = true;
    }
    if (some) this.#sweepSoon();
  }

  /** Resolves when what was released before has been looked at. */
  async settled(): Promise<void> {
    while (this.#sweeping !== undefined) await this.#sweeping;
  }

  /** Every layer that something on record refers to. */
  async references(): Promise<ReadonlySet<string>> {
    const [samples, verifications, snapshots, sessions] = await Promise.all([
      this.#storage.samples.references(),
      this.#storage.verifications.references(),
      this.#storage.snapshots.references(),
      this.#storage.sessions.open(),
    ]);
    const layers = new Set([...samples.layers, ...verifications.layers, ...snapshots.layers]);
    for (const { layers: used } of sessions) {
      for (const layer of [...used.root, ...used.workspace, used.baseline]) if (layer) layers.add(layer);
    }
    return layers;
  }

  /** Looks again at what could not be removed, as while its engine was away. */
  again(): void {
    if (this.#released.size > 0) this.#sweepSoon();
  }

  /** False where its engine is away or fails: one layer that can't be removed keeps no other. */
  async #remove(layer: string): Promise<boolean> {
    try {
      await this.#engine.deleteLayer(layer);
      return true;
    } catch (error) {
      if (!isUnavailable(error)) this.#log.warn('a layer without use could not be removed', { layer, error });
      return false;
    }
  }

  /** Sessions that end by the dozen are looked at together. */
  #sweepSoon(): void {
    this.#sweeping ??= new Promise<void>((resolve) => setImmediate(resolve))
      .then(() => this.#sweep())
      .catch((error: unknown) => {
        this.#sweeping = undefined;
        this.#log.warn('layers without use could not be removed', { error });
      });
  }

  async #sweep(): Promise<void> {
    // Their engine is away, or fails: they stay until somebody asks again.
    const beyond = new Set<string>();
    for (;;) {
      const candidates = [...this.#released].filter((layer) => !this.#holds.has(layer) && !beyond.has(layer));
      if (candidates.length === 0) {
        // In one step with the look: a release from here on begins another sweep.
        this.#sweeping = undefined;
        return;
      }
      this.#touched.clear();
      // What is released once more during the sweep may have been in use when the references were read: it is then
      // here again, and looked at again.
      for (const layer of candidates) this.#released.delete(layer);
      const left = new Set(candidates);
      try {
        const used = await this.references();
        for (const layer of candidates) {
          // Somebody may have put it on record after the reading: it is looked at again.
          if (this.#touched.has(layer)) continue;
          left.delete(layer);
          if (used.has(layer) || (await this.#remove(layer))) continue;
          beyond.add(layer);
          left.add(layer);
        }
      } finally {
        for (const layer of left) this.#released.add(layer);
      }
    }
  }
}
