import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { Turns } from './keyed.js';
import type { BlobInfo, BlobStore } from './ports/blobs.js';
import type { KeptVerificationRepository } from './ports/storage.js';

/** A blob that stays until it is disposed, and longer when something on record refers to it by then. */
export interface HeldBlob extends BlobInfo, Disposable {}

/**
 * The blobs of verifications, patches and logs. One content may be many verifications': it goes with the last record
 * that refers to it, and never between its writing and that record.
 */
export class KeptBlobs {
  readonly #blobs: BlobStore;
  readonly #kept: KeptVerificationRepository;
  readonly #holds = new Map<string, number>();
  /** Writing and removing of one blob come one after another. */
  readonly #turns = new Turns();
  #written = 0;

  constructor(parts: { blobs: BlobStore; kept: KeptVerificationRepository }) {
    this.#blobs = parts.blobs;
    this.#kept = parts.kept;
  }

  /**
   * Bytes that were written and let go of in this life: by as much at most has grown what records refer to. Content that
   * was there already counts again.
   */
  get written(): number {
    return this.#written;
  }

  /** @throws as BlobStore.put */
  async put(content: Uint8Array, maxBytes: number): Promise<HeldBlob> {
    const digest = createHash('sha256').update(content).digest('hex');
    const letGo = this.#hold(digest);
    try {
      const stream = Readable.from([Buffer.from(content)], { objectMode: false });
      const info = await this.#turns.run(digest, () => this.#blobs.put(stream, { maxBytes }));
      return {
        ...info,
        [Symbol.dispose]: () => {
          if (letGo()) this.#written += info.bytes;
        },
      };
    } catch (error) {
      letGo();
      throw error;
    }
  }

  /** @returns lets go, and says whether that was the first time */
  #hold(digest: string): () => boolean {
    this.#holds.set(digest, (this.#holds.get(digest) ?? 0) + 1);
    let held = true;
    return () => {
      if (!held) return false;
      held = false;
      const left = (this.#holds.get(digest) ?? 1) - 1;
      if (left > 0) this.#holds.set(digest, left);
      else this.#holds.delete(digest);
      return true;
    };
  }

  /**
   * Removes what records have let go of and nothing refers to. What was released is on record itself until then, so
   * that a service that is killed in between goes on with it when it starts again.
   */
  async sweep(): Promise<void> {
    for (const digest of await this.#kept.released()) {
      await this.#turns.run(digest, async () => {
        // Somebody's, who is about to put it on record: the next sweep looks again. Who comes from here on writes it
        // anew, after this turn.
        if (this.#holds.has(digest)) return;
        if (!(await this.#kept.refersTo(digest))) await this.#blobs.delete(digest);
        await this.#kept.settle(digest);
      });
    }
  }
}
