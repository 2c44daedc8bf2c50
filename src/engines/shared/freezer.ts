/** What stops and wakes the processes of a sandbox. */
export interface Stopper {
  freeze(sandboxId: string): Promise<void>;
  /** Idempotent; nothing happens when there is no such sandbox. */
  thaw(sandboxId: string): Promise<void>;
  /** As this machine numbers them; undefined where they can't be known. */
  processes(sandboxId: string): Promise<readonly number[] | undefined>;
}

/** Holds sandboxes still while something is done with their files. */
export class Freezer {
  readonly #stopper: Stopper;
  readonly #isAlive: (sandboxId: string) => Promise<boolean>;
  /** One freeze of a sandbox at a time: the first's thaw must not wake what the second still copies. */
  readonly #held = new Map<string, Promise<unknown>>();
  readonly #ending = new Map<string, AbortController>();

  constructor(stopper: Stopper, isAlive: (sandboxId: string) => Promise<boolean>) {
    this.#stopper = stopper;
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
  async during<T>(sandboxId: string, work: (pids: readonly number[] | undefined) => Promise<T>): Promise<T> {
    const before = this.#held.get(sandboxId) ?? Promise.resolve();
    const mine = before
      .catch(() => undefined)
      .then(async () => {
        if (!(await this.#isAlive(sandboxId))) return work([]);
        try {
          await this.#stopper.freeze(sandboxId);
          return await work(await this.#stopper.processes(sandboxId));
        } finally {
          await this.#stopper.thaw(sandboxId);
        }
      });
    this.#held.set(sandboxId, mine);
    try {
      return await mine;
    } finally {
      if (this.#held.get(sandboxId) === mine) this.#held.delete(sandboxId);
    }
  }

  /** Whether it is held still just now, or about to be. */
  holds(sandboxId: string): boolean {
    return this.#held.has(sandboxId);
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
