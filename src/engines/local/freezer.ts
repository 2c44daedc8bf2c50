import type { Cgroups } from './cgroups.js';

/** Holds sandboxes still while something is done with their files. */
export class Freezer {
  readonly #cgroups: Cgroups;
  readonly #isAlive: (sandboxId: string) => Promise<boolean>;
  /** One freeze of a sandbox at a time: the first's thaw must not wake what the second still copies. */
  readonly #held = new Map<string, Promise<unknown>>();
  readonly #ending = new Map<string, AbortController>();

  constructor(cgroups: Cgroups, isAlive: (sandboxId: string) => Promise<boolean>) {
    this.#cgroups = cgroups;
    this.#isAlive = isAlive;
  }

  /** Aborted when the sandbox is about to be removed. */
  signal(sandboxId: string): AbortSignal {
    let ending = this.#ending.get(sandboxId);
    if (ending === undefined) {
      ending = new AbortController();
      this.#ending.set(sandboxId, ending);
    }
    return ending.signal;
  }

  /** Tells `work` the processes that stand still. A sandbox that has ended is still anyway. */
  async during<T>(sandboxId: string, work: (pids: readonly number[]) => Promise<T>): Promise<T> {
    const before = this.#held.get(sandboxId) ?? Promise.resolve();
    const mine = before
      .catch(() => undefined)
      .then(async () => {
        if (!(await this.#isAlive(sandboxId))) return work([]);
        try {
          await this.#cgroups.freeze(sandboxId);
          return await work(await this.#cgroups.processes(sandboxId));
        } finally {
          await this.#cgroups.thaw(sandboxId);
        }
      });
    this.#held.set(sandboxId, mine);
    try {
      return await mine;
    } finally {
      if (this.#held.get(sandboxId) === mine) this.#held.delete(sandboxId);
    }
  }

  /** Stops the work that holds a sandbox, which may then be removed. */
  async stop(sandboxId: string): Promise<void> {
    this.#ending.get(sandboxId)?.abort();
    this.#ending.delete(sandboxId);
    await this.#held.get(sandboxId)?.catch(() => undefined);
  }

  async idle(): Promise<void> {
    await Promise.allSettled(this.#held.values());
  }
}
