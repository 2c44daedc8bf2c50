import type { Readable } from 'node:stream';
import type Docker from 'dockerode';
import type { Log } from '../../core/ports/log.js';
import type { DockerClient } from './docker-client.js';
import { statusOf } from './docker-errors.js';
import { unlessGone } from './images/leftovers.js';
import { KEEPER } from './keeper.js';
import type { Layers } from './layers.js';
import { hasOwnName, LABEL, type Names, PASSING } from './names.js';
import { QuietSweep } from './quiet-sweep.js';

/** Images deeper than this are made one: Docker's storage takes about 125 layers. */
const DEEP = 64;
const DOING = 'What the sandbox wrote could not be kept as an image.';
const ROLE = 'layer';
/** A sandbox that still stands on an image is about to go. */
const SWEEP_RETRY_MS = 5000;

export interface RootImage {
  readonly image: string;
  /** On top of what it was made from. */
  readonly bytes: number;
}

/** Layers of roots: images, each with all that is below it. */
export class Roots {
  readonly #client: DockerClient;
  readonly #names: Names;
  readonly #quiet: QuietSweep;

  /** @param layers those that are known */
  constructor(client: DockerClient, names: Names, layers: Pick<Layers, 'list'>, log: Log) {
    this.#client = client;
    this.#names = names;
    this.#quiet = new QuietSweep({
      sweep: () => this.#sweep(new Set(layers.list().map(({ layerId }) => names.layerImage(layerId)))),
      retryMs: SWEEP_RETRY_MS,
      onError: (error) => log.warn('images that are no layers any more are not removed yet', { error }),
    });
  }

  /** Around all that `commit` and `flatten` are for: no image of it is left over before its layer is known. */
  during<T>(work: () => Promise<T>): Promise<T> {
    return this.#quiet.during(work);
  }

  /** What a container wrote outside its volumes. The caller holds it still. */
  async commit(sandboxId: string, layerId: string): Promise<RootImage> {
    const container = this.#names.container(sandboxId);
    return this.#client.call(DOING, async (api) => {
      const [repo = '', tag = ''] = this.#names.layerImage(layerId).split(':');
      const answer = (await api
        .getContainer(container)
        .commit({ repo, tag, pause: false, changes: this.#labels() })) as { Id: string };
      const [made, { Image: below }] = await Promise.all([
        api.getImage(answer.Id).inspect(),
        api.getContainer(container).inspect(),
      ]);
      // Its base may have lost its name meanwhile, never its content.
      const base = await this.#client.find(DOING, () => api.getImage(below).inspect());
      return { image: made.Id, bytes: Math.max(0, made.Size - (base?.Size ?? 0)) };
    });
  }

  /** One more name for an image, of one layer where it had many. */
  async flatten(image: string, layerId: string): Promise<RootImage> {
    const name = this.#names.layerImage(layerId);
    const [repo = '', tag = ''] = name.split(':');
    return this.#client.call('The layers could not be made into one.', async (api) => {
      const found = await api.getImage(image).inspect();
      if ((found.RootFS.Layers ?? []).length <= DEEP) {
        await api.getImage(image).tag({ repo, tag });
        return { image: found.Id, bytes: found.Size };
      }
      const container = await api.createContainer({
        Image: image,
        Entrypoint: ['/'],
        NetworkDisabled: true,
        // The image has the labels of the sandbox that it was.
        Labels: { [LABEL.owner]: this.#names.owner, [LABEL.role]: PASSING, [LABEL.sandbox]: '' },
      });
      try {
        const files = (await container.export()) as Readable;
        const answer = await api.importImage(files, { repo, tag, changes: this.#labels() });
        await new Promise<void>((resolve, reject) =>
          api.modem.followProgress(answer, (error: Error | null) => {
            if (error === null) resolve();
            else reject(error);
          }),
        );
      } finally {
        await container.remove({ force: true, v: true });
      }
      const made = await api.getImage(name).inspect();
      return { image: made.Id, bytes: made.Size };
    });
  }

  /** One that a sandbox still stands on goes once that is gone. */
  async delete(layerId: string): Promise<void> {
    if (!(await this.#removeName(this.#names.layerImage(layerId)))) this.#quiet.later();
  }

  close(): Promise<void> {
    return this.#quiet.close();
  }

  /** Of all that are there. */
  async list(): Promise<readonly { readonly name: string; readonly image: string }[]> {
    const images = await this.#client.ask('Docker could not list its images.', (api, abortSignal) =>
      api.listImages({ filters: { reference: [`${this.#names.images}:layer-*`] }, abortSignal }),
    );
    return images.flatMap(({ Id, RepoTags }) =>
      (RepoTags ?? [])
        .filter((name) => name.startsWith(`${this.#names.images}:layer-`))
        .map((name) => ({ name, image: Id })),
    );
  }

  /** Removes those that no layer is, and what a life of the service or the daemon that was killed left of making one. */
  sweep(): Promise<void> {
    return this.#quiet.sweep();
  }

  async #sweep(known: ReadonlySet<string>): Promise<boolean> {
    let whole = true;
    for (const { name } of await this.list()) {
      if (known.has(name)) continue;
      const gone = await this.#removeName(name, (image) =>
        this.#client.within((abortSignal) => image.remove({ abortSignal })),
      );
      if (!gone) whole = false;
    }
    const left = await this.#client.ask('Docker could not list its containers.', (api, abortSignal) =>
      api.listContainers({
        all: true,
        abortSignal,
        filters: { label: [`${LABEL.owner}=${this.#names.owner}`, `${LABEL.role}=${PASSING}`] },
      }),
    );
    for (const { Id, Names: called } of left) {
      // A sandbox has the labels of its image, which are anybody's.
      if (hasOwnName(this.#names.owner, called)) continue;
      await this.#client.ask('A container could not be removed.', (api, abortSignal) =>
        unlessGone(api.getContainer(Id).remove({ force: true, v: true, abortSignal })),
      );
    }
    await this.#sweepNameless();
    return whole;
  }

  /** An image gets its name after it was made, also from the daemon itself. */
  async #sweepNameless(): Promise<void> {
    const ask = <T>(work: (api: Docker, abortSignal: AbortSignal) => Promise<T>): Promise<T> =>
      this.#client.ask('Images without a name could not be removed.', work);
    for (const role of [ROLE, KEEPER]) {
      const label = [`${LABEL.owner}=${this.#names.owner}`, `${LABEL.role}=${role}`];
      for (const { Id } of await ask((api, abortSignal) =>
        api.listImages({ filters: { label, dangling: ['true'] }, abortSignal }),
      ))
        await ask((api, abortSignal) => unlessGone(api.getImage(Id).remove({ noprune: true, abortSignal })));
    }
  }

  /** @returns false where a container, perhaps somebody else's, still stands on it. */
  async #removeName(
    name: string,
    remove: (image: Docker.Image) => Promise<unknown> = (image) => image.remove(),
  ): Promise<boolean> {
    try {
      await this.#client.find('An image could not be removed.', (api) => remove(api.getImage(name)));
      return true;
    } catch (error) {
      if (statusOf((error as Error).cause) !== 409) throw error;
      return false;
    }
  }

  #labels(): string {
    return `LABEL ${LABEL.owner}=${this.#names.owner}\nLABEL ${LABEL.role}=${ROLE}`;
  }
}
