import { randomBytes } from 'node:crypto';
import { dirname } from 'node:path/posix';
import type { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { SharedWork } from '../../core/keyed.js';
import type { LayerInfo } from '../../core/ports/engine.js';
import { CheckedArchive } from './checked-archive.js';
import { type Keeper, KeeperFailure } from './keeper.js';
import { LAYERS, shortName } from './names.js';

/** Of a layer's folder, what has the content. */
const TREE = 'tree';
/** And what is known of it. */
const RECORD = 'layer.json';

/** What `layer.json` says. */
export interface StoredLayer extends LayerInfo {
  /** Its top folder is a copied one, whose owner counts. */
  readonly copied: boolean;
  /** It shows everything: what lies below it in a stack has no say. */
  readonly whole: boolean;
  /** Of a root: the id of the image that it is. It has no tree. */
  readonly image?: string;
}

/** What becomes of one folder that was filled. */
export interface Filled {
  readonly copied?: boolean;
  readonly whole?: boolean;
  readonly image?: string;
  /** Where the folder does not tell. */
  readonly bytes?: number;
}

/** A folder of the store under its temporary name; `tree` in it is for the content and is not there yet. */
export type Fill = (trees: readonly string[]) => Promise<readonly Filled[]>;

/**
 * The layers in the store. `l/SHORT/tree` is the content, `l/SHORT/layer.json` what is known of it. A layer is made
 * under a temporary name, brought to the disk and renamed, so what has a name of its own is whole. Only this service
 * writes there, so all that there is is known here.
 */
export class Layers {
  readonly #keeper: Keeper;
  readonly #making = new SharedWork<readonly StoredLayer[]>();
  readonly #known = new Map<string, StoredLayer>();
  /** Names of folders that are being filled. */
  readonly #unfinished = new Set<string>();
  /** Names of folders that are being removed. */
  readonly #leaving = new Set<string>();
  /** Of each reading that goes on: names of folders that are, or were during it, being removed. */
  readonly #readings = new Set<Set<string>>();

  constructor(keeper: Keeper) {
    this.#keeper = keeper;
  }

  /**
   * Reads what there is, and removes what a life of the service that was killed left half-made. What this one makes
   * just now stays: it may be filled past the keeper, which went meanwhile.
   */
  async load(): Promise<void> {
    await this.#keeper.init('fs', 'mkdir', '--parents', '--', LAYERS);
    const left = new Set(this.#leaving);
    this.#readings.add(left);
    const strays: string[] = [];
    try {
      const before = [...this.#known.keys()];
      const lines = (await this.#keeper.init('store', 'list', LAYERS)).toString().split('\n');
      for (const layerId of before) if (!left.has(shortName(layerId))) this.#known.delete(layerId);
      for (const line of lines.filter((text) => text !== '')) {
        const at = line.indexOf(' ');
        const [name, text] = [line.slice(0, at), line.slice(at + 1)];
        // What this life makes or removes just now is its maker's or remover's to tell, whatever the list says.
        if (this.#unfinished.has(name) || left.has(name)) continue;
        const layer = name.startsWith('.') ? undefined : parseLayer(text);
        if (layer === undefined) strays.push(`${LAYERS}/${name}`);
        else this.#known.set(layer.layerId, layer);
      }
    } finally {
      this.#readings.delete(left);
    }
    if (strays.length > 0) await this.#keeper.init('store', 'remove', ...strays);
  }

  find(layerId: string): StoredLayer | undefined {
    return this.#known.get(layerId);
  }

  list(): readonly StoredLayer[] {
    return [...this.#known.values()];
  }

  async delete(layerId: string): Promise<void> {
    const known = this.#known.get(layerId);
    if (known === undefined) return;
    // From now on nobody builds on it.
    this.#known.delete(layerId);
    const name = shortName(layerId);
    this.#leaving.add(name);
    for (const left of this.#readings) left.add(name);
    const doomed = `${LAYERS}/.gone-${name}-${randomBytes(4).toString('hex')}`;
    try {
      await this.#keeper.init('fs', 'move', '--', this.folder(layerId), doomed);
    } catch (error) {
      if (error instanceof KeeperFailure && (await this.#isGone(layerId))) return;
      // It is there still, and whoever wants it gone asks again.
      this.#known.set(layerId, known);
      throw error;
    } finally {
      this.#leaving.delete(name);
    }
    await this.#keeper.init('store', 'remove', doomed);
  }

  /** False also where nobody can say. */
  async #isGone(layerId: string): Promise<boolean> {
    return this.#keeper.cat(`${this.folder(layerId)}/${RECORD}`).then(
      ([text]) => text === undefined,
      () => false,
    );
  }

  folder(layerId: string): string {
    return `${LAYERS}/${shortName(layerId)}`;
  }

  /** Relative to the store. */
  tree(layerId: string): string {
    return `l/${shortName(layerId)}/${TREE}`;
  }

  async import(layerId: string, tar: Readable): Promise<LayerInfo> {
    let read = false;
    const made = await this.make([layerId], true, async ([tree = '']) => {
      read = true;
      await this.#keeper.init('fs', 'mkdir', '--', tree);
      const archive = new CheckedArchive(tar, TREE);
      const abort = new AbortController();
      const checked = archive.done.catch((error: unknown) => {
        abort.abort();
        throw error;
      });
      const [check, put] = await Promise.allSettled([
        checked,
        this.#keeper.put(dirname(tree), archive.stream, abort.signal),
      ]);
      // What the archive is counts for more than how its unpacking went then.
      if (check.status === 'rejected' && (put.status === 'fulfilled' || abort.signal.aborted))
        throw check.reason;
      if (put.status === 'rejected') throw put.reason;
      return [{}];
    }).finally(() => {
      if (!read) tar.resume();
    });
    if (!read) await finished(tar, { writable: false });
    return first(made);
  }

  /** Makes the layers that are missing, all of them or none. */
  make(layerIds: readonly string[], lasting: boolean, fill: Fill): Promise<readonly StoredLayer[]> {
    return this.#making.run(layerIds.join(' '), () => this.#makeOnce(layerIds, lasting, fill));
  }

  async #makeOnce(
    layerIds: readonly string[],
    lasting: boolean,
    fill: Fill,
  ): Promise<readonly StoredLayer[]> {
    const existing = layerIds.flatMap((layerId) => this.find(layerId) ?? []);
    if (existing.length === layerIds.length) return existing;
    const temporary = layerIds.map(
      (layerId) => `.new-${shortName(layerId)}-${randomBytes(4).toString('hex')}`,
    );
    const trees = temporary.map((name) => `${LAYERS}/${name}/${TREE}`);
    for (const name of temporary) this.#unfinished.add(name);
    try {
      for (const name of temporary) await this.#keeper.init('fs', 'mkdir', '--', `${LAYERS}/${name}`);
      const filled = await fill(trees);
      const layers = await Promise.all(
        layerIds.map(async (layerId, i): Promise<StoredLayer> => {
          const { bytes, copied = false, whole = false, image } = filled[i] ?? {};
          return {
            layerId,
            bytes: bytes ?? (await this.#bytesOf(trees[i] ?? '')),
            createTime: new Date(),
            copied,
            whole,
            ...(image === undefined ? {} : { image }),
          };
        }),
      );
      // One that is there from a life that was killed between two renames is not of this moment.
      for (const layer of existing) await this.delete(layer.layerId);
      const words = layers.flatMap((layer, i) => [
        temporary[i] ?? '',
        shortName(layer.layerId),
        formatLayer(layer),
      ]);
      await this.#keeper.init('store', 'keep', lasting ? '1' : '0', LAYERS, ...words);
      for (const layer of layers) this.#known.set(layer.layerId, layer);
      return layers;
    } catch (error) {
      await this.#keeper
        .init('store', 'remove', ...temporary.map((name) => `${LAYERS}/${name}`))
        // It is away, or begins anew; what is left is removed then.
        .catch(() => undefined);
      throw error;
    } finally {
      for (const name of temporary) this.#unfinished.delete(name);
    }
  }

  async #bytesOf(tree: string): Promise<number> {
    const [bytes] = (await this.#keeper.init('store', 'usage', tree)).toString().split(' ');
    return Number(bytes);
  }
}

function parseLayer(text: string): StoredLayer | undefined {
  try {
    const { made, ...layer } = JSON.parse(text) as Omit<StoredLayer, 'createTime'> & { made: number };
    return { ...layer, createTime: new Date(made) };
  } catch {
    return undefined;
  }
}

function formatLayer({ createTime, ...layer }: StoredLayer): string {
  return `${JSON.stringify({ ...layer, made: createTime.getTime() })}\n`;
}

function first(layers: readonly StoredLayer[]): StoredLayer {
  const [layer] = layers;
  if (layer === undefined) throw new Error('no layer was made');
  return layer;
}
