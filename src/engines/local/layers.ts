import { randomBytes } from 'node:crypto';
import { mkdir, open, readFile, readdir, rename, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { CodesetError } from '../../core/errors.js';
import { SharedWork } from '../../core/keyed.js';
import type { LayerInfo } from '../../core/ports/engine.js';
import { run } from './command.js';
import type { Copier, Hold } from '../shared/copier.js';
import { diskFull } from '../shared/disk-full.js';
import type { Ids } from './ids.js';
import { readOnlyOverlay } from './overlay.js';
import type { Paths } from './paths.js';
import { diskUsage, removeTree } from './trees-on-disk.js';

/** Unpacks a tar into `target` as the sandboxes' root, and answers with tar's exit and words. */
export type Unpack = (target: string, tar: Readable) => Promise<{ code: number | undefined; stderr: string }>;

/** Returns when everything below `folder` would be there after a power cut. */
export type Settle = (folder: string) => Promise<void>;

/** What `layer.json` says. */
export interface StoredLayer extends LayerInfo {
  /** Its top folder is a copied one, whose owner counts. */
  readonly copied: boolean;
  /** It shows everything: what lies below it in a stack has no say. */
  readonly whole: boolean;
}

/** How a layer is made. */
interface Making {
  readonly copied?: true;
  readonly whole?: true;
  /** False for one that nobody asks for after a power cut. */
  readonly lasting: boolean;
}

/**
 * `layers/ID/tree` is the content, `layers/ID/layer.json` what is known of it. A layer is made under a temporary
 * name, brought to the disk and renamed, so what has a name of its own is whole.
 */
export class Layers {
  readonly #paths: Paths;
  readonly #ids: Ids;
  readonly #unpack: Unpack;
  readonly #copier: Copier;
  readonly #settle: Settle;
  readonly #making = new SharedWork<readonly StoredLayer[]>();
  readonly #known = new Map<string, StoredLayer>();

  constructor(parts: {
    readonly paths: Paths;
    readonly ids: Ids;
    readonly unpack: Unpack;
    readonly copier: Copier;
    readonly settle?: Settle;
  }) {
    this.#paths = parts.paths;
    this.#ids = parts.ids;
    this.#unpack = parts.unpack;
    this.#copier = parts.copier;
    this.#settle = parts.settle ?? settleFileSystem;
  }

  /** Removes what a life of the service that was killed left half-made. */
  async open(): Promise<void> {
    await mkdir(this.#paths.layers, { recursive: true, mode: 0o700 });
    for (const name of await readdir(this.#paths.layers)) {
      if (name.startsWith('.')) await removeTree(this.#ids, join(this.#paths.layers, name));
    }
  }

  async find(layerId: string): Promise<StoredLayer | undefined> {
    const known = this.#known.get(layerId);
    if (known !== undefined) return known;
    try {
      const text = await readFile(join(this.#paths.layer(layerId), 'layer.json'), 'utf8');
      const stored = JSON.parse(text) as { bytes: number; made?: number; copied?: boolean; whole?: boolean };
      const { bytes, made = 0, copied = false, whole = false } = stored;
      const layer = { layerId, bytes, createTime: new Date(made), copied, whole };
      this.#known.set(layerId, layer);
      return layer;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }

  async list(): Promise<readonly LayerInfo[]> {
    const names = await readdir(this.#paths.layers);
    const found = await Promise.all(
      names.filter((name) => !name.startsWith('.')).map((name) => this.find(name)),
    );
    return found.filter((layer) => layer !== undefined);
  }

  async delete(layerId: string): Promise<void> {
    this.#known.delete(layerId);
    const doomed = join(this.#paths.layers, `.gone-${layerId}-${randomBytes(4).toString('hex')}`);
    try {
      await rename(this.#paths.layer(layerId), doomed);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
      throw error;
    }
    await removeTree(this.#ids, doomed);
  }

  /** Relative to the data folder, as the lower of an overlay. */
  lower(layerId: string): string {
    return `layers/${layerId}/tree`;
  }

  tree(layerId: string): string {
    return join(this.#paths.layer(layerId), 'tree');
  }

  /**
   * tar runs as nobody that the host knows, in namespaces of its own where only the new layer can be written:
   * whatever an archive tries (`..`, absolute names, links to climb, devices) it has no host to reach.
   */
  async import(layerId: string, tar: Readable): Promise<LayerInfo> {
    let read = false;
    const made = await this.#make([layerId], { lasting: true }, async ([tree = '']) => {
      read = true;
      await mkdir(tree);
      await this.#ids.own(tree, 0);
      const { code, stderr } = await this.#unpack(tree, tar);
      if (code === 0) return;
      if (/No space left on device|Disk quota exceeded/.test(stderr)) throw diskFull();
      if (code === undefined || code > 2) {
        throw new CodesetError('internal', 'ENGINE_FAILED', 'An archive could not be unpacked.', {
          cause: new Error(stderr),
        });
      }
      const said = stderr
        .split('\n')
        .find((line) => line.includes('tar: ') && !line.includes('Removing leading'));
      throw new CodesetError(
        'invalid-argument',
        'INVALID_ARCHIVE',
        `The archive can't be unpacked: ${said?.replace(/^.*?tar: /, '') ?? 'it is not a tar archive'}`,
      );
    }).finally(() => {
      if (!read) tar.resume();
    });
    if (!read) await finished(tar, { writable: false });
    return first(made);
  }

  /**
   * Copies uppers as they are, all in one hold: owners, modes, times, hard links, holes, whiteouts and the overlay's
   * own marks.
   */
  copy(
    copies: readonly { readonly layerId: string; readonly upper: string }[],
    { lasting, bytes, hold }: { readonly lasting: boolean; readonly bytes: number; readonly hold: Hold },
  ): Promise<readonly LayerInfo[]> {
    const ids = copies.map(({ layerId }) => layerId);
    return this.#make(ids, { copied: true, lasting }, async (trees) => {
      const both = copies.map(({ upper }, i) => ({ from: upper, to: trees[i] ?? '' }));
      await this.#copier.copy(both, hold, bytes);
    });
  }

  /** Copies what a stack of lowers shows. @param lowers relative to the data folder, lowest first; at least two */
  async flatten(layerId: string, lowers: readonly string[], lasting: boolean): Promise<LayerInfo> {
    const made = await this.#make([layerId], { copied: true, whole: true, lasting }, async ([tree = '']) => {
      const mountPoint = join(tree, '../shown');
      await mkdir(mountPoint);
      // In a mount namespace of its own (what copies for an ordinary user is in one), so that the mount ends with the copying whatever happens.
      const script = 'mount -t overlay -o "$1" overlay "$2" && shift 2 && exec "$@"';
      const copying = this.#copier.command([{ from: mountPoint, to: tree }]);
      const shown = readOnlyOverlay(lowers, !this.#ids.root);
      const mounting = ['sh', '-c', script, 'sh', shown, mountPoint, ...copying];
      await this.#copier.still(
        this.#ids.root ? ['unshare', '-m', ...mounting] : mounting,
        this.#paths.dataDir,
      );
      await rmdir(mountPoint);
    });
    return first(made);
  }

  /** Makes the layers that are missing, all of them or none. */
  #make(
    layerIds: readonly string[],
    making: Making,
    fill: (trees: readonly string[]) => Promise<void>,
  ): Promise<readonly StoredLayer[]> {
    return this.#making.run(layerIds.join(' '), () => this.#makeOnce(layerIds, making, fill));
  }

  async #makeOnce(
    layerIds: readonly string[],
    making: Making,
    fill: (trees: readonly string[]) => Promise<void>,
  ): Promise<readonly StoredLayer[]> {
    const { lasting, ...kind } = making;
    const existing = await Promise.all(layerIds.map((layerId) => this.find(layerId)));
    if (existing.every((layer) => layer !== undefined)) return existing;
    const temporary = layerIds.map((layerId) =>
      join(this.#paths.layers, `.new-${layerId}-${randomBytes(4).toString('hex')}`),
    );
    try {
      for (const folder of temporary) await mkdir(folder);
      await fill(temporary.map((folder) => join(folder, 'tree')));
      const layers: StoredLayer[] = [];
      for (const [i, layerId] of layerIds.entries()) {
        const folder = temporary[i] ?? '';
        const bytes = await diskUsage(this.#ids, [join(folder, 'tree')]);
        const made = Date.now();
        await writeFile(join(folder, 'layer.json'), `${JSON.stringify({ bytes, made, ...kind })}\n`);
        layers.push({ layerId, bytes, createTime: new Date(made), copied: false, whole: false, ...kind });
      }
      if (lasting && temporary[0] !== undefined) await this.#settle(temporary[0]);
      // One that is there from a life that was killed between two renames is not of this moment.
      for (const layer of existing) if (layer !== undefined) await this.delete(layer.layerId);
      for (const [i, layerId] of layerIds.entries())
        await rename(temporary[i] ?? '', this.#paths.layer(layerId));
      if (lasting) await syncFolder(this.#paths.layers);
      for (const layer of layers) this.#known.set(layer.layerId, layer);
      return layers;
    } catch (error) {
      for (const folder of temporary) await removeTree(this.#ids, folder);
      if ((error as NodeJS.ErrnoException).code === 'ENOSPC') throw diskFull();
      throw error;
    }
  }
}

/** All of the file system at once: a tree has a hundred thousand files, and each alone would wait for the disk. */
async function settleFileSystem(folder: string): Promise<void> {
  const result = await run('sync', ['--file-system', folder], { timeoutMs: 0 });
  if (result.code !== 0) throw new Error(`The layer could not be brought to the disk: ${result.stderr}`);
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function first(layers: readonly StoredLayer[]): StoredLayer {
  const [layer] = layers;
  if (layer === undefined) throw new Error('no layer was made');
  return layer;
}
