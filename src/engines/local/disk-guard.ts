import { diskUsage, fileCount } from './layers.js';

/** What each file and folder counts on top of its blocks: a million empty ones would use up the disk's inodes. */
const FILE_BYTES = 1024;

export interface Watched {
  readonly sandboxId: string;
  readonly uppers: readonly string[];
  readonly limitBytes: number;
}

export interface DiskGuardOptions {
  readonly everyMs: number;
  readonly cpuTimeUs: (sandboxId: string) => Promise<number>;
  /** Called once for a sandbox that wrote more than it may. */
  readonly onExceeded: (sandboxId: string, bytes: number, limitBytes: number) => Promise<void>;
  readonly onError: (error: unknown) => void;
}

/**
 * Looks from time to time at how much the sandboxes wrote, one after another, and only at those that ran since
 * the last look: who used no CPU wrote nothing.
 */
export class DiskGuard {
  readonly #options: DiskGuardOptions;
  readonly #watched = new Map<string, Watched & { bytes: number; cpuTimeUs: number }>();
  #timer: NodeJS.Timeout | undefined;
  #round: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(options: DiskGuardOptions) {
    this.#options = options;
    this.#schedule();
  }

  watch(watched: Watched): void {
    this.#watched.set(watched.sandboxId, { ...watched, bytes: 0, cpuTimeUs: -1 });
  }

  forget(sandboxId: string): void {
    this.#watched.delete(sandboxId);
  }

  bytes(sandboxId: string): number {
    return this.#watched.get(sandboxId)?.bytes ?? 0;
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#round;
  }

  #schedule(): void {
    if (this.#closed) return;
    this.#timer = setTimeout(() => {
      this.#round = this.#lookAtAll()
        .catch(this.#options.onError)
        .finally(() => this.#schedule());
    }, this.#options.everyMs);
    this.#timer.unref();
  }

  async #lookAtAll(): Promise<void> {
    for (const entry of [...this.#watched.values()]) {
      if (this.#closed) return;
      const cpuTimeUs = await this.#options.cpuTimeUs(entry.sandboxId);
      if (cpuTimeUs === entry.cpuTimeUs) continue;
      entry.cpuTimeUs = cpuTimeUs;
      entry.bytes = (await diskUsage(entry.uppers)) + FILE_BYTES * (await fileCount(entry.uppers));
      if (entry.bytes <= entry.limitBytes || !this.#watched.has(entry.sandboxId)) continue;
      await this.#options.onExceeded(entry.sandboxId, entry.bytes, entry.limitBytes);
    }
  }
}
