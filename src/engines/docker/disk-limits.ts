import { DiskGuard } from '../shared/disk-guard.js';
import { describeError } from './docker-errors.js';
import type { DockerEngineOptions } from './options.js';
import type { Sandboxes } from './sandboxes.js';
import type { Usage } from './usage.js';

const EVERY_MS = 10_000;

/** Ends sandboxes that wrote more than they may. */
export class DiskLimits {
  readonly #usage: Usage;
  readonly #sandboxes: Sandboxes;
  readonly #options: DockerEngineOptions;
  readonly #guard: DiskGuard;

  constructor(parts: {
    readonly usage: Usage;
    readonly sandboxes: Sandboxes;
    readonly options: DockerEngineOptions;
  }) {
    const { options, usage } = parts;
    this.#usage = usage;
    this.#sandboxes = parts.sandboxes;
    this.#options = options;
    this.#guard = new DiskGuard({
      everyMs: options.diskSampleMs ?? EVERY_MS,
      cpuTimeUs: (sandboxId) => usage.cpuTimeUs(sandboxId),
      usage: (uppers) => usage.ofUppers(uppers),
      onExceeded: (sandboxId, bytes, limit) => this.#stop(sandboxId, bytes, limit),
      onError: (error) =>
        options.log.warn('The disk use of sandboxes could not be sampled.', { error: describeError(error) }),
    });
  }

  watch(sandboxId: string, containerId: string, limitBytes: number): void {
    this.#guard.watch({ sandboxId, uppers: this.#usage.uppers(sandboxId, containerId), limitBytes });
  }

  forget(sandboxId: string): void {
    this.#guard.forget(sandboxId);
  }

  /** As last sampled. */
  bytes(sandboxId: string): number {
    return this.#guard.bytes(sandboxId);
  }

  close(): Promise<void> {
    return this.#guard.close();
  }

  async #stop(sandboxId: string, bytes: number, limitBytes: number): Promise<void> {
    const mib = (count: number): string => `${Math.ceil(count / 1024 ** 2)} MiB`;
    this.#options.log.warn('A sandbox was stopped for writing more than its disk limit.', {
      sandboxId,
      bytes,
      limitBytes,
    });
    await this.#sandboxes.end(
      sandboxId,
      `The sandbox was stopped: it wrote ${mib(bytes)}, and its disk limit is ${mib(limitBytes)}.`,
    );
  }
}
