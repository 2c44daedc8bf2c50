import { setImmediate } from 'node:timers/promises';
import type { KeptBlobs } from './kept-blobs.js';
import type { BlobStore } from './ports/blobs.js';
import type { Log } from './ports/log.js';
import type { KeptPart, KeptVerificationRepository } from './ports/storage.js';

const BATCH = 100;
/** In the order in which they go: a patch is its sender's, a log is nowhere else. */
const PARTS: readonly KeptPart[] = ['subject', 'log'];

export interface KeepingLimits {
  /** How long an ended verification is kept; 0: for ever. */
  readonly retentionMs: number;
  /** What logs and patches of all verifications may take together; 0: they go as soon as a verification has ended. */
  readonly diskBytes: number;
}

/**
 * Keeps ended verifications within the operator's limits. By age the whole verification goes; by size first patches,
 * then logs, each time of those that ended longest ago, while records and verdicts stay.
 */
export class VerificationKeeping {
  readonly #kept: KeptVerificationRepository;
  readonly #blobs: BlobStore;
  readonly #keptBlobs: KeptBlobs;
  readonly #limits: KeepingLimits;
  readonly #isBusy: (verificationId: string) => boolean;
  readonly #log: Log;
  readonly #now: () => number;
  /** What was kept at the last count, and what had been written by then; undefined: nobody has counted. */
  #counted: { readonly bytes: number; readonly written: number } | undefined;
  #stopped = false;

  constructor(parts: {
    kept: KeptVerificationRepository;
    blobs: BlobStore;
    keptBlobs: KeptBlobs;
    limits: KeepingLimits;
    /** Whether something of it still runs: what clears up after a verdict, for instance. */
    isBusy: (verificationId: string) => boolean;
    log: Log;
    now: () => number;
  }) {
    this.#kept = parts.kept;
    this.#blobs = parts.blobs;
    this.#keptBlobs = parts.keptBlobs;
    this.#limits = parts.limits;
    this.#isBusy = parts.isBusy;
    this.#log = parts.log;
    this.#now = parts.now;
  }

  /** At the start: learns the sizes of patches that an earlier version of the service did not note. */
  async recover(): Promise<void> {
    for (const blob of await this.#kept.unsized()) {
      await this.#kept.size(blob, (await this.#blobs.has(blob))?.bytes ?? 0);
    }
  }

  /** What is begun is ended at its next step, for a stop of the service: the next life goes on with it. */
  stop(): void {
    this.#stopped = true;
  }

  async apply(): Promise<void> {
    await this.#removeOld();
    await this.#makeRoom();
    await this.#keptBlobs.sweep();
  }

  async #removeOld(): Promise<void> {
    const { retentionMs } = this.#limits;
    if (retentionMs === 0) return;
    const over = new Date(this.#now() - retentionMs);
    let removed = 0;
    for (;;) {
      const ids = await this.#kept.endedBy(over, BATCH);
      let some = false;
      for (const verificationId of ids) {
        // The database answers at once: without a pause nobody else would get a turn.
        await setImmediate();
        if (this.#stopped) return;
        if (this.#isBusy(verificationId) || !(await this.#kept.remove(verificationId))) continue;
        some = true;
        removed++;
      }
      if (ids.length < BATCH || !some) break;
    }
    if (removed > 0) this.#log.info('verifications were removed by age', { removed });
  }

  async #makeRoom(): Promise<void> {
    const { written } = this.#keptBlobs;
    const { diskBytes } = this.#limits;
    // Counting a hundred thousand verifications takes a while: only where it may be too much.
    if (this.#counted !== undefined && this.#counted.bytes + written - this.#counted.written <= diskBytes)
      return;
    let bytes = await this.#kept.bytes();
    const given = { subject: 0, log: 0 };
    for (const part of PARTS) {
      while (bytes > diskBytes) {
        const ids = await this.#kept.endedWith(part, BATCH);
        if (ids.length === 0) break;
        for (const verificationId of ids) {
          if (bytes <= diskBytes) break;
          await setImmediate();
          if (this.#stopped) return;
          bytes -= await this.#kept.giveUp(verificationId, part, new Date(this.#now()));
          given[part]++;
        }
      }
    }
    this.#counted = { bytes, written };
    if (given.subject + given.log > 0) {
      this.#log.info('verifications gave up what they kept to make room', {
        patches: given.subject,
        logs: given.log,
        bytes,
      });
    }
  }
}
