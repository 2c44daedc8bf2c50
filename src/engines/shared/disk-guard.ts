/** What each file and folder counts on top of its blocks: a million empty ones would use up the disk's inodes. */
const FILE_BYTES = 1024;

export interface DiskUsage {
  readonly bytes: number;
  readonly files: number;
}

export interface Watched {
  readonly sandboxId: string;
  /** What it writes to, by names that `usage` understands. */
  readonly uppers: readonly string[];
  readonly limitBytes: number;
}

export interface DiskGuardOptions {
  readonly everyMs: number;
  /** Undefined where it is not known: that one is looked at every time. */
  readonly cpuTimeUs: (sandboxId: string) => Promise<number | undefined>;
  /** How much there is in each; what is gone is not in the answer. */
  readonly usage: (uppers: readonly string[]) => Promise<ReadonlyMap<string, DiskUsage>>;
  /** Called once for a sandbox that wrote more than it may. */
  readonly onExceeded: (sandboxId: string, bytes: number, limitBytes: number) => Promise<void>;
  readonly onError: (error: unknown) => void;
}

interface Entry extends Watched {
  bytes: number;
  cpuTimeUs: number | undefined;
  told: boolean;
}

/** Looked at by one program: starting one holds up the whole service for some milliseconds. */
const BATCH = 64;

/**
 * Looks from time to time at how much the sandboxes wrote, many at once, and only at those that ran since the
 * last look: who is known to have used no CPU wrote nothing.
 */
export class DiskGuard {
  readonly #options: DiskGuardOptions;
  readonly #watched = new Map<string, Entry>();
  #timer: NodeJS.Timeout | undefined;
  #round: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(options: DiskGuardOptions) {
    this.#options = options;
    this.#schedule();
  }

  watch(watched: Watched): void {
    this.#watched.set(watched.sandboxId, { ...watched, bytes: 0, cpuTimeUs: undefined, told: false });
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
    let batch: Entry[] = [];
    for (const entry of [...this.#watched.values()]) {
      if (this.#closed) return;
      const cpuTimeUs = await this.#options.cpuTimeUs(entry.sandboxId);
      if (cpuTimeUs !== undefined && cpuTimeUs === entry.cpuTimeUs) continue;
      entry.cpuTimeUs = cpuTimeUs;
      batch.push(entry);
      if (batch.length < BATCH) continue;
      await this.#lookAt(batch);
      batch = [];
    }
    if (batch.length > 0) await this.#lookAt(batch);
  }

  async #lookAt(batch: readonly Entry[]): Promise<void> {
    const usage = await this.#options.usage(batch.flatMap((entry) => entry.uppers));
    for (const entry of batch) {
      if (this.#closed) return;
      entry.bytes = 0;
      for (const upper of entry.uppers) {
        const { bytes, files } = usage.get(upper) ?? { bytes: 0, files: 0 };
        entry.bytes += bytes + FILE_BYTES * files;
      }
      if (entry.told || entry.bytes <= entry.limitBytes || !this.#watched.has(entry.sandboxId)) continue;
      await this.#options.onExceeded(entry.sandboxId, entry.bytes, entry.limitBytes);
      entry.told = true;
    }
  }
}
