import type { ContainerLink } from './container-link.js';

export interface KnownContainer extends ContainerLink {
  /** Docker's own. */
  readonly containerId: string;
}

/** The containers of sandboxes: what never changes of one is asked of the daemon once. */
export class KnownContainers {
  readonly #known = new Map<string, KnownContainer>();
  readonly #ask: (sandboxId: string) => Promise<KnownContainer | undefined>;

  constructor(ask: (sandboxId: string) => Promise<KnownContainer | undefined>) {
    this.#ask = ask;
  }

  /** Without a question. */
  get(sandboxId: string): KnownContainer | undefined {
    return this.#known.get(sandboxId);
  }

  /** Undefined where the sandbox has none. */
  async find(sandboxId: string): Promise<KnownContainer | undefined> {
    const known = this.#known.get(sandboxId);
    if (known !== undefined) return known;
    const found = await this.#ask(sandboxId);
    if (found !== undefined) this.#known.set(sandboxId, found);
    return found;
  }

  note(sandboxId: string, container: KnownContainer): void {
    this.#known.set(sandboxId, container);
  }

  forget(sandboxId: string): void {
    this.#known.delete(sandboxId);
  }
}
