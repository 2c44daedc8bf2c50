import type { Stopper } from '../shared/freezer.js';

export interface GroupUsage {
  readonly cpuTimeUs: number;
  readonly cpuThrottledUs: number;
  readonly cpuWaitedUs?: number | undefined;
  readonly memoryBytes: number;
  readonly memoryPeakBytes: number;
  /** -1 where it can't be known. */
  readonly outOfMemoryKills: number;
}

/** The processes of each sandbox: how they are known, counted, stopped, ended and limited. */
export interface ProcessGroups extends Stopper {
  /** Which kind of cgroups holds them. */
  readonly mode: 'v1' | 'v2' | 'none';
  /** Whether such a limit holds here. */
  has(limit: 'memory' | 'pids' | 'cpu'): boolean;
  /** Whether a limit on memory can include swap. */
  readonly countsSwap: boolean;
  /** Whether the host has swap at all. */
  readonly hostSwaps: boolean;
  /** What the runtime is told; undefined where it is not to make any. */
  cgroupsPath(sandboxId: string): string | undefined;
  processes(sandboxId: string): Promise<readonly number[]>;
  usage(sandboxId: string): Promise<GroupUsage>;
  cpuTimeUs(sandboxId: string): Promise<number>;
  /** Kills what is in it; the caller waits for it to be empty. */
  kill(sandboxId: string): Promise<void>;
  /** Sandboxes of which something is there. */
  owners(): readonly string[];
  /** Removes what the kernel keeps of it, once nothing is in it. */
  remove(sandboxId: string): Promise<void>;
  /** Removes what is shared by all if nothing is left in it. */
  removeParent(): Promise<void>;
}
