import type { SandboxSpec } from '../../core/ports/engine.js';
import { statusOf } from './docker-errors.js';
import type { Layers } from './layers.js';
import type { Images } from './parts.js';

/** Knows which image a sandbox stands on. */
export class Grounds {
  readonly #layers: Layers;
  readonly #images: Images;
  /** Images that were there when last asked: each question is a call of the daemon's. */
  readonly #known = new Map<string, string>();

  constructor(layers: Layers, images: Images) {
    this.#layers = layers;
    this.#images = images;
  }

  /** Does what stands on an image; once more where somebody removed it since it was last seen. */
  async use(spec: SandboxSpec, work: (image: string) => Promise<void>): Promise<void> {
    const known = this.#known.size;
    try {
      await work(await this.#find(spec));
    } catch (error) {
      if (known === 0 || statusOf((error as Error).cause) !== 404) throw error;
      this.#known.clear();
      await work(await this.#find(spec));
    }
  }

  async #find({ environment, rootLayers }: SandboxSpec): Promise<string> {
    const top = rootLayers.at(-1);
    const made = top === undefined ? undefined : this.#layers.find(top)?.image;
    if (made !== undefined) return made;
    const ground = environment.ground?.image;
    const key = ground?.id ?? 'toolbox';
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const image =
      ground === undefined ? await this.#images.toolbox() : await this.#images.groundImage(ground);
    this.#known.set(key, image);
    return image;
  }
}
