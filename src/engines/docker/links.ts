import type { Duplex } from 'node:stream';
import type { KnownContainer } from './known-containers.js';
import type { Link } from './parts.js';

export type EachLink = { readonly [Mode in Link['mode']]: Link & { readonly mode: Mode } };

/** Every way to reach sandboxes: one that lives is reached as it was made, new ones as is usual by now. */
export class Links {
  readonly #each: EachLink;
  /** For new sandboxes. */
  readonly usual: Link;
  /** For new sandboxes in which init can't run; undefined where the settings name one way for all. */
  readonly fallback: Link | undefined;

  constructor(each: EachLink, usual: Link['mode'], mayFallBack: boolean) {
    this.#each = each;
    this.usual = each[usual];
    this.fallback = mayFallBack ? each.exec : undefined;
  }

  /** As Link.open. */
  open(
    sandboxId: string,
    { containerId, mode, socketFolder }: KnownContainer,
    received?: (chunk: Buffer) => void,
  ): Promise<Duplex> {
    return this.#each[mode].open({ sandboxId, containerId, socketFolder }, received);
  }

  /** Sandboxes that something was made for beside their containers. */
  async prepared(): Promise<readonly string[]> {
    const lists = await Promise.all(Object.values(this.#each).map((link: Link) => link.prepared()));
    return lists.flat();
  }

  /** What was made for a sandbox, whichever link it had. @param socketFolder as its container's labels have it */
  async remove(sandboxId: string, socketFolder: string | undefined): Promise<void> {
    await Promise.all(Object.values(this.#each).map((link: Link) => link.remove(sandboxId, socketFolder)));
  }
}
