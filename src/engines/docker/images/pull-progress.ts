import type { ResolveOptions } from '../../../core/ports/engine.js';
import type { DaemonEvent } from './json-lines.js';

type Progress = ResolveOptions['progress'];

const EVERY_MS = 500;

/** Sums the bytes of an image's layers as they come, and tells them not more often than anybody can read. */
export class PullProgress {
  readonly #name: string;
  readonly #tell: Progress;
  readonly #layers = new Map<string, { done: number; total: number }>();
  #told = -Infinity;

  constructor(name: string, tell: Progress) {
    this.#name = name;
    this.#tell = tell;
  }

  get bytes(): { readonly done: number; readonly total: number } {
    let done = 0;
    let total = 0;
    for (const layer of this.#layers.values()) {
      done += layer.done;
      total += layer.total;
    }
    return { done, total };
  }

  take(event: DaemonEvent): void {
    const { id, status = '', progressDetail } = event;
    if (id === undefined) return;
    const layer = this.#layers.get(id);
    if (status === 'Downloading') {
      const total = Math.max(progressDetail?.total ?? 0, layer?.total ?? 0);
      this.#layers.set(id, { done: Math.max(progressDetail?.current ?? 0, layer?.done ?? 0), total });
      this.#say(false);
    } else if (/^(Download complete|Verifying Checksum|Extracting|Pull complete)$/.test(status)) {
      // Of a small layer nothing was told while it came; its size is what unpacking works through.
      const total = layer?.total ?? (status === 'Extracting' ? (progressDetail?.total ?? 0) : 0);
      this.#layers.set(id, { done: total, total });
      this.#say(status === 'Pull complete');
    }
  }

  end(): void {
    const { total } = this.bytes;
    this.#tell(`Pulled the image ${this.#name}.`, { done: total, total });
  }

  #say(now: boolean): void {
    const time = performance.now();
    if (!now && time - this.#told < EVERY_MS) return;
    this.#told = time;
    const bytes = this.bytes;
    this.#tell(
      `Pulling the image ${this.#name}: ${megabytes(bytes.done)} of ${megabytes(bytes.total)} MB.`,
      bytes,
    );
  }
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}
