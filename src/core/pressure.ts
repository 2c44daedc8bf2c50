import type { Resources } from './environment.js';
import type { SandboxUsage } from './ports/engine.js';

/** What a run got of the machine, and what it had to wait for. */
export interface Pressure {
  /** From the start of the run to its end. */
  readonly wallMs: number;
  readonly cpuTimeMs: number;
  /** How long its own limit on CPUs held it back. */
  readonly cpuThrottledMs: number;
  /** How long at least one task waited for a CPU that others had; undefined where the kernel does not tell. */
  readonly cpuWaitedMs: number | undefined;
  readonly memoryPeakBytes: number;
  /** Processes that the kernel killed for want of memory; undefined where that can't be known. */
  readonly outOfMemoryKills: number | undefined;
}

/** Of the time of a run, what it must have spent waiting for the word to be that the machine was crowded. */
const CROWDED_SHARE = 0.5;
/** Of the CPU time that its limit would have allowed, what it must have missed. */
const GOT_SHARE = 0.75;

export function pressureBetween(before: SandboxUsage, after: SandboxUsage, wallMs: number): Pressure {
  const waited =
    before.cpuWaitedUs === undefined || after.cpuWaitedUs === undefined
      ? undefined
      : millis(after.cpuWaitedUs - before.cpuWaitedUs);
  return {
    wallMs: Math.round(wallMs),
    cpuTimeMs: millis(after.cpuTimeUs - before.cpuTimeUs),
    cpuThrottledMs: millis(after.cpuThrottledUs - before.cpuThrottledUs),
    cpuWaitedMs: waited === undefined ? undefined : Math.min(waited, Math.round(wallMs)),
    memoryPeakBytes: after.memoryPeakBytes,
    outOfMemoryKills: after.outOfMemoryKills < 0 ? undefined : after.outOfMemoryKills,
  };
}

/**
 * Whether a run that took too long may have done so because others had the CPUs: tasks waited for most of its time,
 * and it got less than its limit allows. One that sleeps, or that uses up its own limit, was not starved.
 */
export function starved({ wallMs, cpuTimeMs, cpuWaitedMs }: Pressure, { cpus }: Resources): boolean {
  if (cpuWaitedMs === undefined) return false;
  return cpuWaitedMs > CROWDED_SHARE * wallMs && cpuTimeMs < GOT_SHARE * cpus * wallMs;
}

function millis(us: number): number {
  return Math.max(0, Math.round(us / 1000));
}
