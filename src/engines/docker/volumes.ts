import type { DockerClient } from './docker-client.js';
import { saidBy } from './docker-errors.js';
import { LABEL, type Names, PASSING } from './names.js';

const REMOVING = "The sandbox's volume could not be removed.";
/** Between two attempts at volumes that Docker would not let go. */
const SWEEP_MS = 30_000;

export interface VolumeParts {
  readonly client: DockerClient;
  readonly names: Names;
  /** The id of an image of ours whose only program is `/codeset-init`. */
  readonly image: () => Promise<string>;
  /** The ids of sandboxes that have any other trace. */
  readonly inUse: () => Promise<ReadonlySet<string>>;
}

/** Removes the volumes that sandboxes had their workspaces in, also those that Docker itself lost count of. */
export class Volumes {
  readonly #parts: VolumeParts;
  #sweep: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(parts: VolumeParts) {
    this.#parts = parts;
  }

  /** Idempotent. @param attempt how often and how long one removal is tried */
  async remove(
    name: string,
    attempt: (work: () => Promise<void>) => Promise<void> = (work) => work(),
  ): Promise<void> {
    try {
      await attempt(() => this.#removeOrMend(name));
    } catch (error) {
      // Docker before 25 miscounts who uses a volume when it was away under live-restore. It counts anew at its next
      // start, of which nobody need have noticed anything.
      if (!/volume has active mounts/.test(saidBy((error as Error).cause))) throw error;
      this.#sweepLater();
    }
  }

  async #removeOrMend(name: string): Promise<void> {
    const { client } = this.#parts;
    const remove = (): Promise<unknown> => client.find(REMOVING, (api) => api.getVolume(name).remove());
    try {
      await remove();
    } catch (error) {
      // A Docker that was killed while it removed the volume had its folder gone already: now it can't unmount it.
      if (!/umount .*no such file or directory/.test(saidBy((error as Error).cause))) throw error;
      await this.#restoreFolder(name);
      await remove();
    }
  }

  /** Docker makes the folder that a container is to have bound when it starts it. */
  async #restoreFolder(name: string): Promise<void> {
    const { client, image, names } = this.#parts;
    const found = await client.find(REMOVING, (api) => api.getVolume(name).inspect());
    if (found === undefined) return;
    const settings = {
      Image: await image(),
      Entrypoint: ['/codeset-init', 'fs', 'stat', '--', '/'],
      Labels: { [LABEL.owner]: names.owner, [LABEL.role]: PASSING },
      HostConfig: {
        NetworkMode: 'none',
        LogConfig: { Type: 'none', Config: {} },
        Binds: [`${found.Mountpoint}:/run`],
      },
    };
    await client.call(REMOVING, async (api) => {
      const container = await api.createContainer(settings);
      try {
        await container.start();
      } finally {
        await container.remove({ force: true, v: true });
      }
    });
  }

  #sweepLater(): void {
    if (this.#closed || this.#sweep !== undefined) return;
    this.#sweep = setTimeout(() => {
      this.#sweep = undefined;
      this.sweep().catch(() => this.#sweepLater());
    }, SWEEP_MS);
    this.#sweep.unref();
  }

  /** Removes those that were left when everything else of their sandboxes went. */
  async sweep(): Promise<void> {
    const { client, inUse, names } = this.#parts;
    const label = [`${LABEL.owner}=${names.owner}`, LABEL.sandbox];
    const { Volumes } = await client.call('Docker could not list its volumes.', (api) =>
      api.listVolumes({ filters: { label } }),
    );
    if ((Volumes ?? []).length === 0) return;
    const used = await inUse();
    for (const { Labels, Name } of Volumes ?? [])
      if (!used.has(Labels?.[LABEL.sandbox] ?? '')) await this.remove(Name);
  }

  /** Ends what runs by itself. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#sweep);
  }
}
