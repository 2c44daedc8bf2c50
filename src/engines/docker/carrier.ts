import type { Readable } from 'node:stream';
import { Slots } from '../../core/keyed.js';
import type { DockerClient } from './docker-client.js';
import { statusOf } from './docker-errors.js';
import { LABEL, type Names, STORE } from './names.js';

const DOING = 'Files could not be brought into the store.';
const ROLE = 'carrier';

/**
 * Brings archives into the store, through a container that has the store and never runs: to unpack into one that runs,
 * a daemon before 23 mounts all that it has once more, and each time leaves the control groups' mounts in it, until the
 * kernel has no more of them.
 */
export class Carrier {
  readonly #client: DockerClient;
  readonly #names: Names;
  /** The daemon unpacks into one container one after another; who waits there holds a connection. */
  readonly #turn = new Slots(1);

  constructor(client: DockerClient, names: Names) {
    this.#client = client;
    this.#names = names;
  }

  /** @param image any that can be had */
  async ensure(image: string): Promise<void> {
    const found = await this.#client.find(DOING, (api) => api.getContainer(this.#names.carrier).inspect());
    if (found?.Image === image) return;
    if (found !== undefined) await this.remove();
    await this.#client.call(DOING, async (api) => {
      await api
        .createContainer({
          name: this.#names.carrier,
          Image: image,
          Entrypoint: ['/'],
          Labels: { [LABEL.owner]: this.#names.owner, [LABEL.role]: ROLE },
          HostConfig: {
            NetworkMode: 'none',
            LogConfig: { Type: 'none', Config: {} },
            RestartPolicy: { Name: 'no' },
            Mounts: [
              {
                Type: 'volume',
                Source: this.#names.store,
                Target: STORE,
                VolumeOptions: { NoCopy: true, Labels: {}, DriverConfig: { Name: 'local', Options: {} } },
              },
            ],
          },
        })
        .catch((error: unknown) => {
          // Two that begin at once: the other's is as good.
          if (statusOf(error) !== 409) throw error;
        });
    });
  }

  /** Unpacks a tar into a folder of the store. The stream must be one that was checked. */
  async put(path: string, tar: Readable, abortSignal?: AbortSignal): Promise<void> {
    const put = async (): Promise<void> => {
      abortSignal?.throwIfAborted();
      await this.#client.call(DOING, (api) =>
        api
          .getContainer(this.#names.carrier)
          .putArchive(tar, { path, ...(abortSignal === undefined ? {} : { abortSignal }) }),
      );
    };
    await this.#turn.run(put, abortSignal);
  }

  async remove(): Promise<void> {
    await this.#client.find('A container could not be removed.', (api) =>
      this.#client.within((abortSignal) =>
        api.getContainer(this.#names.carrier).remove({ force: true, v: true, abortSignal }),
      ),
    );
  }
}
