import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Stopper } from '../shared/freezer.js';
import type { DockerClient } from './docker-client.js';
import { saidBy, statusOf } from './docker-errors.js';
import type { Names } from './names.js';

const TRIES = 5;
const WAKING = 'The sandbox could not be woken.';
/** Between two attempts to wake one. */
const PAUSE_MS = 200;

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

  /** @throws ENGINE_FAILED where it stays held */
  async thaw(sandboxId: string): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        await this.#client.api.getContainer(this.#names.container(sandboxId)).unpause();
        return;
      } catch (error) {
        // Not there, ended, or not paused; with the same 500 the daemon says that it failed.
        if (![404, 409, 500].includes(statusOf(error) ?? 0)) throw this.#client.failed(error, WAKING);
        if (!(await this.#isPaused(sandboxId))) return;
        if (tries === TRIES) throw this.#client.failed(error, WAKING);
      }
      await sleep(PAUSE_MS);
    }
  }

  async #isPaused(sandboxId: string): Promise<boolean> {
    const found = await this.#client.find(WAKING, (api) =>
      api.getContainer(this.#names.container(sandboxId)).inspect(),
    );
    return found?.State.Paused === true;
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
