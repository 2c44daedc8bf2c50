import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { release } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { MACHINE_PRESSURE, readWaitedUs } from '../shared/cpu-pressure.js';
import type { Paths } from './paths.js';
import type { GroupUsage, ProcessGroups } from './process-groups.js';
import { runs } from './process-identity.js';
import { initProcess } from './sandbox-remover.js';
import { signalQuietly } from './signal-quietly.js';

interface Entry {
  readonly pid: number;
  readonly parent: number;
  readonly state: string;
  /** Its own and its reaped children's. */
  readonly ticks: number;
  readonly residentPages: number;
}

const TICKS_PER_SECOND = 100;
const PAGE_BYTES = 4096;
/** As old as one look at all processes may be for counting. */
const FRESH_MS = 500;
const FROZEN_TIMEOUT_MS = 10_000;
/** A process that waits in the kernel for this long while all others stand does not stop before that ends. */
const UNINTERRUPTIBLE_MS = 500;

/**
 * For a service without cgroups: a sandbox is its init and whatever descends from it, which nothing leaves, since
 * orphans of a pid namespace go to its PID 1. They are stopped by signals, parents before children and woken the
 * other way round, so that no parent sees a child that stands.
 */
export class ProcessTrees implements ProcessGroups {
  readonly mode = 'none';
  readonly countsSwap = false;
  readonly #paths: Paths;
  readonly #peaks = new Map<string, number>();
  #looked: { readonly at: number; readonly entries: Promise<readonly Entry[]> } | undefined;

  constructor(paths: Paths) {
    this.#paths = paths;
  }

  /** The limit on processes is a resource limit; since Linux 5.14 it counts in each user namespace apart. */
  has(limit: 'memory' | 'pids' | 'cpu'): boolean {
    if (limit !== 'pids') return false;
    const [major = 0, minor = 0] = release().split('.').map(Number);
    return major > 5 || (major === 5 && minor >= 14);
  }

  get hostSwaps(): boolean {
    return readFileSync('/proc/swaps', 'utf8').trim().includes('\n');
  }

  cgroupsPath(): undefined {
    return undefined;
  }

  /** As of now: who asks compares with what was before. */
  async usage(sandboxId: string): Promise<GroupUsage> {
    const tree = await this.#tree(sandboxId, await look());
    const memoryBytes = tree.reduce((sum, entry) => sum + entry.residentPages, 0) * PAGE_BYTES;
    const memoryPeakBytes = Math.max(memoryBytes, this.#peaks.get(sandboxId) ?? 0);
    this.#peaks.set(sandboxId, memoryPeakBytes);
    return {
      cpuTimeUs: cpuTimeOf(tree),
      cpuThrottledUs: 0,
      cpuWaitedUs: await readWaitedUs(MACHINE_PRESSURE),
      memoryBytes,
      memoryPeakBytes,
      outOfMemoryKills: -1,
    };
  }

  async cpuTimeUs(sandboxId: string): Promise<number> {
    return cpuTimeOf(await this.#recentTree(sandboxId));
  }

  async freeze(sandboxId: string, timeoutMs = FROZEN_TIMEOUT_MS): Promise<void> {
    const before = await this.#tree(sandboxId, await look());
    // Written first: whoever thaws after a crash must not wake what stood by the sandbox's own will.
    const stood = before.filter(isStopped).map(({ pid }) => pid);
    await writeFile(this.#stoodFile(sandboxId), JSON.stringify(stood));
    const started = Date.now();
    for (;;) {
      const tree = (await this.#tree(sandboxId, await look())).filter((entry) => !isStopped(entry));
      if (tree.length === 0) return;
      const waited = Date.now() - started;
      if (waited > UNINTERRUPTIBLE_MS && tree.every(({ state }) => state === 'D')) return;
      if (waited > timeoutMs) throw new Error('the sandbox could not be frozen in time');
      for (const { pid } of tree) signalQuietly(pid, 'SIGSTOP');
      await sleep(1);
    }
  }

  async thaw(sandboxId: string): Promise<void> {
    const text = await readFile(this.#stoodFile(sandboxId), 'utf8').catch(() => undefined);
    if (text === undefined) return;
    let stood: readonly number[] = [];
    try {
      stood = JSON.parse(text) as number[];
    } catch {
      // Killed while it was written: nothing was stopped yet.
    }
    const asleep = new Set(stood);
    for (const { pid } of [...(await this.#tree(sandboxId, await look()))].reverse())
      if (!asleep.has(pid)) signalQuietly(pid, 'SIGCONT');
    await rm(this.#stoodFile(sandboxId), { force: true });
  }

  async processes(sandboxId: string): Promise<readonly number[]> {
    return (await this.#tree(sandboxId, await look())).map(({ pid }) => pid);
  }

  async kill(sandboxId: string): Promise<void> {
    for (const pid of await this.processes(sandboxId)) signalQuietly(pid, 'SIGKILL');
  }

  /** Those that the runtime has a state of: a tool of a life that was killed has nothing else. */
  owners(): readonly string[] {
    return existsSync(this.#paths.state) ? readdirSync(this.#paths.state) : [];
  }

  async remove(sandboxId: string): Promise<void> {
    this.#peaks.delete(sandboxId);
  }

  async removeParent(): Promise<void> {
    // Nothing is the kernel's.
  }

  #stoodFile(sandboxId: string): string {
    return join(this.#paths.sandbox(sandboxId).run, 'stood');
  }

  #recent(): Promise<readonly Entry[]> {
    const now = Date.now();
    if (this.#looked === undefined || now - this.#looked.at > FRESH_MS) {
      this.#looked = { at: now, entries: look() };
    }
    return this.#looked.entries;
  }

  /** One look serves all sandboxes that are asked for soon; one that is younger than it takes another. */
  async #recentTree(sandboxId: string): Promise<readonly Entry[]> {
    const tree = await this.#tree(sandboxId, await this.#recent());
    return tree.length > 0 ? tree : this.#tree(sandboxId, await look());
  }

  /** Init first, parents before their children. */
  async #tree(sandboxId: string, entries: readonly Entry[]): Promise<readonly Entry[]> {
    const init = await initProcess(this.#paths, sandboxId);
    if (init === undefined || !(await runs(init))) return [];
    const children = childrenOf(entries);
    const tree = entries.filter(({ pid }) => pid === init.pid);
    for (let i = 0; i < tree.length; i++) tree.push(...(children.get(tree[i]?.pid ?? 0) ?? []));
    return tree;
  }
}

function childrenOf(entries: readonly Entry[]): ReadonlyMap<number, readonly Entry[]> {
  const children = new Map<number, Entry[]>();
  for (const entry of entries) {
    const siblings = children.get(entry.parent);
    if (siblings === undefined) children.set(entry.parent, [entry]);
    else siblings.push(entry);
  }
  return children;
}

async function look(): Promise<readonly Entry[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const entries = await Promise.all(
    pids.map(async (pid) => {
      const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
      return parseStat(Number(pid), text);
    }),
  );
  return entries.filter((entry) => entry !== undefined);
}

/** @param text as /proc/PID/stat has it; the name in it may hold anything, parentheses too */
function parseStat(pid: number, text: string): Entry | undefined {
  if (text === '') return undefined;
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const number = (index: number): number => Number(fields[index] ?? 0);
  if (fields[0] === 'Z' || fields[0] === 'X') return undefined;
  return {
    pid,
    parent: number(1),
    state: fields[0] ?? 'X',
    ticks: number(11) + number(12) + number(13) + number(14),
    residentPages: number(21),
  };
}

function cpuTimeOf(tree: readonly Entry[]): number {
  return tree.reduce((sum, entry) => sum + entry.ticks, 0) * (1_000_000 / TICKS_PER_SECOND);
}

function isStopped(entry: Entry): boolean {
  return entry.state === 'T' || entry.state === 't';
}
