import { CodesetError } from '../../core/errors.js';
import type { LayerInfo, PartLayers, SandboxPart } from '../../core/ports/engine.js';
import type { Copier } from '../shared/copier.js';
import type { Freezer } from '../shared/freezer.js';
import type { Keeper } from './keeper.js';
import type { Filled, Layers } from './layers.js';
import { STORE } from './names.js';
import type { Roots } from './roots.js';
import { lowersOf } from './overlay.js';
import type { Sandboxes } from './sandboxes.js';

export interface CommitParts {
  readonly layers: Layers;
  readonly roots: Roots;
  readonly sandboxes: Sandboxes;
  readonly freezer: Freezer;
  readonly copier: Copier;
  readonly keeper: Keeper;
  /** Marks of overlays are kept in attributes of the users'. */
  readonly userMarks: boolean;
}

/** Makes layers of what sandboxes wrote: of a workspace a tree in the store, of a root an image. */
export class Commits {
  readonly #parts: CommitParts;

  constructor(parts: CommitParts) {
    this.#parts = parts;
  }

  /** @param keepReserve throws where so many bytes more don't fit */
  async commit(
    sandboxId: string,
    { root, workspace }: PartLayers,
    lasting: boolean,
    signal: AbortSignal,
    keepReserve: (bytes: number) => Promise<void>,
  ): Promise<readonly LayerInfo[]> {
    const { layers, sandboxes } = this.#parts;
    const ids = [root, workspace].filter((layerId) => layerId !== undefined);
    const existing = ids.flatMap((layerId) => layers.find(layerId) ?? []);
    if (existing.length === ids.length) return existing;
    if ((await sandboxes.find(sandboxId)) === undefined)
      throw new CodesetError('failed-precondition', 'SESSION_LOST', 'The sandbox is gone.');
    const upper = `${sandboxes.box(sandboxId)}/upper`;
    const bytes = workspace === undefined ? 0 : await this.#bytesOf(upper);
    await keepReserve(bytes);
    let image: Filled | undefined;
    try {
      const make = (): Promise<readonly LayerInfo[]> =>
        layers.make(ids, lasting, async (trees) => {
          const tree = workspace === undefined ? undefined : trees.at(-1);
          image = await this.#fill({ sandboxId, root, upper, tree, bytes, signal });
          return [
            ...(root === undefined ? [] : [image ?? {}]),
            ...(tree === undefined ? [] : [{ copied: true }]),
          ];
        });
      return await (root === undefined ? make() : this.#parts.roots.during(make));
    } catch (error) {
      // Its name may be there although the answer was lost.
      if (root !== undefined && layers.find(root) === undefined)
        await this.#parts.roots.delete(root).catch(() => undefined);
      throw error;
    }
  }

  /** Both parts in one hold. */
  async #fill(from: {
    readonly sandboxId: string;
    readonly root: string | undefined;
    readonly upper: string;
    readonly tree: string | undefined;
    readonly bytes: number;
    readonly signal: AbortSignal;
  }): Promise<Filled | undefined> {
    const { copier, freezer, roots } = this.#parts;
    const { bytes, root, sandboxId, signal, tree, upper } = from;
    let image: Filled | undefined;
    const during = <T>(
      work: (pids: readonly number[] | undefined) => Promise<T>,
      decisive: boolean,
    ): Promise<T> =>
      freezer.during(sandboxId, async (pids) => {
        const [done, made] = await Promise.allSettled([
          work(pids),
          decisive && root !== undefined ? roots.commit(sandboxId, root) : undefined,
        ]);
        if (made.status === 'fulfilled' && made.value !== undefined) image = made.value;
        if (done.status === 'rejected') throw done.reason;
        if (made.status === 'rejected') throw made.reason;
        return done.value;
      });
    if (tree === undefined) await during(async () => undefined, true);
    else {
      await copier.copy([{ from: upper, to: tree }], { signal, during }, bytes);
    }
    signal.throwIfAborted();
    return image;
  }

  flatten(
    part: SandboxPart,
    layerIds: readonly string[],
    layerId: string,
    lasting: boolean,
  ): Promise<LayerInfo> {
    const make = (): Promise<LayerInfo> => this.#flatten(part, layerIds, layerId, lasting);
    return part === 'root' ? this.#parts.roots.during(make) : make();
  }

  async #flatten(
    part: SandboxPart,
    layerIds: readonly string[],
    layerId: string,
    lasting: boolean,
  ): Promise<LayerInfo> {
    const { copier, keeper, layers, roots } = this.#parts;
    const made = await layers.make([layerId], lasting, async ([tree = '']) => {
      if (part === 'root') {
        const image = layers.find(layerIds.at(-1) ?? '')?.image;
        if (image === undefined) throw new Error('a root is made of images');
        return [{ ...(await roots.flatten(image, layerId)), whole: true }];
      }
      const lowers = lowersOf(layers, layerIds);
      if (lowers.length === 1)
        await copier.still(copier.command([{ from: `${STORE}/${lowers[0]}`, to: tree }]), '/');
      else {
        const shown = tree.replace(/tree$/, 'shown');
        const command = [
          keeper.initPath,
          'store',
          'flat',
          STORE,
          [...lowers].reverse().join(':'),
          shown,
          tree,
          ...(this.#parts.userMarks ? ['userxattr'] : []),
        ];
        await copier.still(command, '/');
        await keeper.init('store', 'remove', shown);
      }
      return [{ copied: true, whole: true }];
    });
    const [layer] = made;
    if (layer === undefined) throw new Error('no layer was made');
    return layer;
  }

  async #bytesOf(upper: string): Promise<number> {
    const [bytes = '0'] = (await this.#parts.keeper.init('store', 'usage', upper)).toString().split(' ');
    return Number(bytes) || 0;
  }
}
