import { readFile } from 'node:fs/promises';
import type { Stopper } from '../shared/freezer.js';
import type { DockerClient } from './docker-client.js';
import { saidBy, statusOf } from './docker-errors.js';
import type { Names } from './names.js';

const TRIES = 5;

/** Holds containers still. */
export class ContainerStopper implements Stopper {
  readonly #client: DockerClient;
  readonly #names: Names;
  /** The daemon shares this machine: its containers' processes are seen here. */
  readonly #near: boolean;
  readonly #idOf: (sandboxId: string) => Promise<string | undefined>;

  constructor(
    client: DockerClient,
    names: Names,
    near: boolean,
    idOf: (sandboxId: string) => Promise<string | undefined>,
  ) {
    this.#client = client;
    this.#names = names;
    this.#near = near;
    this.#idOf = idOf;
  }

  async freeze(sandboxId: string): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        await this.#client.call('The sandbox could not be held still.', (api) =>
          api.getContainer(this.#names.container(sandboxId)).pause(),
        );
        return;
      } catch (error) {
        // On a busy machine with cgroup v1 runc gives up early where processes are being started all the time.
        if (tries === TRIES || !/unable to freeze/.test(saidBy((error as Error).cause))) throw error;
      }
    }
  }

  async thaw(sandboxId: string): Promise<void> {
    try {
      await this.#client.api.getContainer(this.#names.container(sandboxId)).unpause();
    } catch (error) {
      // Not there, ended, or not paused.
      if ([404, 409, 500].includes(statusOf(error) ?? 0)) return;
      throw this.#client.failed(error, 'The sandbox could not be woken.');
    }
  }

  async processes(sandboxId: string): Promise<readonly number[] | undefined> {
    if (!this.#near) return undefined;
    const id = await this.#idOf(sandboxId);
    if (id === undefined) return undefined;
    for (const group of [`docker/${id}`, `system.slice/docker-${id}.scope`]) {
      for (const root of ['/sys/fs/cgroup', '/sys/fs/cgroup/memory']) {
        const text = await readFile(`${root}/${group}/cgroup.procs`, 'utf8').catch(() => '');
        const pids = text.split('\n').filter((line) => line !== '');
        // 0 is one that this process may not see.
        if (pids.length > 0 && !pids.includes('0')) return pids.map(Number);
      }
    }
    return undefined;
  }
}
