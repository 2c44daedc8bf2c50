import { CodesetError } from '../../core/errors.js';
import { diskFull } from '../shared/disk-full.js';
import type { DiskUsage } from '../shared/disk-guard.js';
import type { ContainerCgroups, Counts } from './cgroups.js';
import type { DockerClient } from './docker-client.js';
import type { Keeper } from './keeper.js';
import type { KnownContainers } from './known-containers.js';
import { STORE } from './names.js';
import type { Sandboxes } from './sandboxes.js';

const DOING = 'What the sandbox uses could not be read.';
/** In front of a container whose root is meant: of that only the daemon knows the size. */
const BY_DAEMON = 'daemon:';
const FREE_MS = 1000;

interface Stats {
  readonly cpu_stats?: {
    readonly cpu_usage?: { readonly total_usage?: number };
    readonly throttling_data?: { readonly throttled_time?: number };
  };
  readonly memory_stats?: { readonly usage?: number; readonly max_usage?: number };
}

/** What sandboxes use, with as few calls of the daemon as may be. */
export class Usage {
  readonly #client: DockerClient;
  readonly #keeper: Keeper;
  readonly #sandboxes: Sandboxes;
  readonly #cgroups: ContainerCgroups;
  readonly #containers: KnownContainers;
  #free: { readonly bytes: number; readonly at: number } | undefined;

  constructor(parts: {
    readonly client: DockerClient;
    readonly keeper: Keeper;
    readonly sandboxes: Sandboxes;
    readonly cgroups: ContainerCgroups;
    readonly containers: KnownContainers;
  }) {
    this.#client = parts.client;
    this.#keeper = parts.keeper;
    this.#sandboxes = parts.sandboxes;
    this.#cgroups = parts.cgroups;
    this.#containers = parts.containers;
  }

  /** What the sandbox writes to, by names that `ofUppers` understands. */
  uppers(sandboxId: string, containerId: string): readonly string[] {
    return [`${BY_DAEMON}${containerId}`, `${this.#sandboxes.box(sandboxId)}/upper`];
  }

  async ofUppers(uppers: readonly string[]): Promise<ReadonlyMap<string, DiskUsage>> {
    const each = new Map<string, DiskUsage>();
    const seen = uppers.filter((upper) => !upper.startsWith(BY_DAEMON));
    const output = seen.length === 0 ? '' : (await this.#keeper.init('store', 'usage', ...seen)).toString();
    const lines = output.split('\n');
    seen.forEach((upper, i) => {
      const [bytes, files] = (lines[i] ?? '-').split(' ').map(Number);
      if (bytes !== undefined && files !== undefined) each.set(upper, { bytes, files });
    });
    for (const upper of uppers.filter((name) => name.startsWith(BY_DAEMON))) {
      const found = await this.#client.find(DOING, (api) =>
        api.getContainer(upper.slice(BY_DAEMON.length)).inspect({ size: true } as object),
      );
      const bytes = (found as { SizeRw?: number } | undefined)?.SizeRw;
      if (bytes !== undefined) each.set(upper, { bytes, files: 0 });
    }
    return each;
  }

  /** Undefined where the container's cgroup is not found. */
  async cpuTimeUs(sandboxId: string): Promise<number | undefined> {
    const id = this.#containers.get(sandboxId)?.containerId;
    return (id === undefined ? undefined : await this.#cgroups.counts(id))?.cpuTimeUs;
  }

  async counts(sandboxId: string): Promise<Counts> {
    const id = (await this.#containers.find(sandboxId))?.containerId;
    const none = {
      cpuTimeUs: 0,
      cpuThrottledUs: 0,
      memoryBytes: 0,
      memoryPeakBytes: 0,
      outOfMemoryKills: -1,
    };
    if (id === undefined) return none;
    const counted = await this.#cgroups.counts(id);
    if (counted !== undefined) return counted;
    const stats = (await this.#client.find(DOING, (api) =>
      api.getContainer(id).stats({ stream: false, 'one-shot': true }),
    )) as Stats | undefined;
    const memoryBytes = stats?.memory_stats?.usage ?? 0;
    return {
      cpuTimeUs: Math.floor((stats?.cpu_stats?.cpu_usage?.total_usage ?? 0) / 1000),
      cpuThrottledUs: Math.floor((stats?.cpu_stats?.throttling_data?.throttled_time ?? 0) / 1000),
      memoryBytes,
      memoryPeakBytes: stats?.memory_stats?.max_usage ?? memoryBytes,
      outOfMemoryKills: -1,
    };
  }

  /** @throws DISK_FULL where the daemon's file system has less free */
  async keepReserve(bytes: number): Promise<void> {
    if (this.#free === undefined || Date.now() - this.#free.at > FREE_MS) {
      const free = Number((await this.#keeper.init('store', 'free', STORE)).toString());
      if (!Number.isFinite(free)) {
        throw new CodesetError('internal', 'ENGINE_FAILED', 'Docker did not say how much room it has.');
      }
      this.#free = { bytes: free, at: Date.now() };
    }
    if (this.#free.bytes < bytes) throw diskFull();
  }
}
