import { MACHINE_PRESSURE, waitedUs } from '../shared/cpu-pressure.js';
import type { Keeper } from './keeper.js';
import { CGROUPS } from './keeper.js';

export interface Counts {
  readonly cpuTimeUs: number;
  readonly cpuThrottledUs: number;
  readonly cpuWaitedUs?: number | undefined;
  readonly memoryBytes: number;
  readonly memoryPeakBytes: number;
  /** -1 where the kernel does not tell. */
  readonly outOfMemoryKills: number;
}

/** Where a container's cgroup may lie, by what steers cgroups on the daemon's machine. */
const PLACES = [(id: string) => `docker/${id}`, (id: string) => `system.slice/docker-${id}.scope`];

/** What the kernel counts, read by the keeper where the daemon is: it costs no call to the daemon. */
export class ContainerCgroups {
  readonly #keeper: Keeper;
  readonly #v2: boolean;
  #place = 0;

  constructor(keeper: Keeper, version: string) {
    this.#keeper = keeper;
    this.#v2 = version === '2';
  }

  /** Undefined for one that has none, or where they can't be read. */
  async counts(containerId: string): Promise<Counts | undefined> {
    for (let i = 0; i < PLACES.length; i++) {
      const found = await this.#read(containerId, (this.#place + i) % PLACES.length);
      if (found === undefined) continue;
      this.#place = (this.#place + i) % PLACES.length;
      return found;
    }
    return undefined;
  }

  async #read(containerId: string, place: number): Promise<Counts | undefined> {
    const group = PLACES[place]?.(containerId) ?? '';
    if (this.#v2) {
      const at = `${CGROUPS}/${group}`;
      const [cpu, pressure, memory, peak, events] = await this.#keeper.cat(
        `${at}/cpu.stat`,
        `${at}/cpu.pressure`,
        `${at}/memory.current`,
        `${at}/memory.peak`,
        `${at}/memory.events`,
      );
      if (cpu === undefined || memory === undefined) return undefined;
      return {
        cpuTimeUs: field(cpu, 'usage_usec') ?? 0,
        cpuThrottledUs: field(cpu, 'throttled_usec') ?? 0,
        cpuWaitedUs: waitedUs(pressure),
        memoryBytes: Number(memory),
        memoryPeakBytes: Number(peak ?? memory),
        outOfMemoryKills: (events === undefined ? undefined : field(events, 'oom_kill')) ?? -1,
      };
    }
    const memoryAt = `${CGROUPS}/memory/${group}`;
    const [cpu, throttling, pressure, memory, peak, oom] = await this.#keeper.cat(
      `${CGROUPS}/cpuacct/${group}/cpuacct.usage`,
      `${CGROUPS}/cpu/${group}/cpu.stat`,
      MACHINE_PRESSURE,
      `${memoryAt}/memory.usage_in_bytes`,
      `${memoryAt}/memory.max_usage_in_bytes`,
      `${memoryAt}/memory.oom_control`,
    );
    if (cpu === undefined || memory === undefined) return undefined;
    return {
      cpuTimeUs: Math.floor(Number(cpu) / 1000),
      cpuThrottledUs: Math.floor((field(throttling ?? '', 'throttled_time') ?? 0) / 1000),
      cpuWaitedUs: waitedUs(pressure),
      memoryBytes: Number(memory),
      memoryPeakBytes: Number(peak ?? memory),
      outOfMemoryKills: (oom === undefined ? undefined : field(oom, 'oom_kill')) ?? -1,
    };
  }
}

function field(text: string, name: string): number | undefined {
  const line = text.split('\n').find((candidate) => candidate.startsWith(`${name} `));
  return line === undefined ? undefined : Number(line.slice(name.length + 1));
}
