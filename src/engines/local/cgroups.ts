import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { readFile, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { MACHINE_PRESSURE, readWaitedUs } from '../shared/cpu-pressure.js';
import type { GroupUsage, ProcessGroups } from './process-groups.js';
import { signalQuietly } from './signal-quietly.js';

const MOUNT = '/sys/fs/cgroup';
const REMOVE_MS = 15_000;
const CONTROLLERS_V1 = ['memory', 'pids', 'cpu', 'freezer'] as const;
type Controller = (typeof CONTROLLERS_V1)[number];

/** What the kernel keeps count of and holds back, read and steered without the runtime. */
export class Cgroups implements ProcessGroups {
  readonly mode: 'v1' | 'v2' | 'none';
  readonly #parent: string;
  /** v1: every hierarchy's mount; v2: the only one. */
  readonly #roots: readonly string[];

  /** @param parent absolute path inside the hierarchy, such as `/codeset/0123` */
  constructor(parent: string) {
    this.#parent = parent;
    if (existsSync(join(MOUNT, 'cgroup.controllers'))) {
      this.mode = 'v2';
      this.#roots = [MOUNT];
    } else if (existsSync(join(MOUNT, 'memory')) || existsSync(join(MOUNT, 'freezer'))) {
      this.mode = 'v1';
      // Also hierarchies that carry no limit of ours: the runtime makes a folder in each.
      this.#roots = readdirSync(MOUNT, { withFileTypes: true })
        .filter((entry) => entry.isDirectory())
        .map((entry) => join(MOUNT, entry.name));
    } else {
      this.mode = 'none';
      this.#roots = [];
    }
  }

  cgroupsPath(sandboxId: string): string {
    return `${this.#parent}/${sandboxId}`;
  }

  #folder(sandboxId: string, controller: Controller): string {
    return this.mode === 'v2'
      ? join(MOUNT, this.cgroupsPath(sandboxId))
      : join(MOUNT, controller, this.cgroupsPath(sandboxId));
  }

  /** Whether this machine's kernel holds such a limit for us. */
  has(controller: 'memory' | 'pids' | 'cpu'): boolean {
    if (this.mode === 'none') return false;
    if (this.mode === 'v1') return existsSync(join(MOUNT, controller, 'cgroup.procs'));
    return readFileSync(join(MOUNT, 'cgroup.controllers'), 'utf8').trim().split(' ').includes(controller);
  }

  /** Whether a limit on memory can include swap. */
  get countsSwap(): boolean {
    if (this.mode === 'v1') return existsSync(join(MOUNT, 'memory/memory.memsw.limit_in_bytes'));
    // The root has no such file; any group below it does, where the kernel counts.
    return (
      this.mode === 'v2' &&
      readdirSync(MOUNT, { withFileTypes: true }).some(
        (entry) => entry.isDirectory() && existsSync(join(MOUNT, entry.name, 'memory.swap.max')),
      )
    );
  }

  /** Whether the host has swap at all. */
  get hostSwaps(): boolean {
    return readFileSync('/proc/swaps', 'utf8').trim().includes('\n');
  }

  async #number(path: string): Promise<number> {
    const text = await readFile(path, 'utf8').catch(() => '');
    return text === '' ? 0 : Number(text);
  }

  async #field(path: string, name: string): Promise<number | undefined> {
    const text = await readFile(path, 'utf8').catch(() => '');
    const line = text.split('\n').find((candidate) => candidate.startsWith(`${name} `));
    return line === undefined ? undefined : Number(line.slice(name.length + 1));
  }

  async usage(sandboxId: string): Promise<GroupUsage> {
    const memory = this.#folder(sandboxId, 'memory');
    if (this.mode === 'v2') {
      const memoryBytes = await this.#number(join(memory, 'memory.current'));
      return {
        cpuTimeUs: (await this.#field(join(memory, 'cpu.stat'), 'usage_usec')) ?? 0,
        cpuThrottledUs: (await this.#field(join(memory, 'cpu.stat'), 'throttled_usec')) ?? 0,
        cpuWaitedUs: await readWaitedUs(join(memory, 'cpu.pressure')),
        memoryBytes,
        memoryPeakBytes: (await this.#number(join(memory, 'memory.peak'))) || memoryBytes,
        outOfMemoryKills: (await this.#field(join(memory, 'memory.events'), 'oom_kill')) ?? -1,
      };
    }
    const throttling = join(this.#folder(sandboxId, 'cpu'), 'cpu.stat');
    return {
      cpuTimeUs: await this.cpuTimeUs(sandboxId),
      cpuThrottledUs: Math.floor(((await this.#field(throttling, 'throttled_time')) ?? 0) / 1000),
      cpuWaitedUs: await readWaitedUs(MACHINE_PRESSURE),
      memoryBytes: await this.#number(join(memory, 'memory.usage_in_bytes')),
      memoryPeakBytes: await this.#number(join(memory, 'memory.max_usage_in_bytes')),
      outOfMemoryKills: (await this.#field(join(memory, 'memory.oom_control'), 'oom_kill')) ?? -1,
    };
  }

  async cpuTimeUs(sandboxId: string): Promise<number> {
    if (this.mode === 'v2') {
      return (await this.#field(join(this.#folder(sandboxId, 'cpu'), 'cpu.stat'), 'usage_usec')) ?? 0;
    }
    return Math.floor(
      (await this.#number(join(MOUNT, 'cpuacct', this.cgroupsPath(sandboxId), 'cpuacct.usage'))) / 1000,
    );
  }

  /** Stops every process of the sandbox where it stands; returns when all stand. */
  async freeze(sandboxId: string, timeoutMs = 10_000): Promise<void> {
    const folder = this.#folder(sandboxId, 'freezer');
    const deadline = Date.now() + timeoutMs;
    if (this.mode === 'v2') {
      await writeFile(join(folder, 'cgroup.freeze'), '1');
      while ((await this.#field(join(folder, 'cgroup.events'), 'frozen')) !== 1) await this.#pause(deadline);
      return;
    }
    const state = join(folder, 'freezer.state');
    await writeFile(state, 'FROZEN');
    while ((await readFile(state, 'utf8')).trim() !== 'FROZEN') {
      await this.#pause(deadline);
      // A process that was forked meanwhile is caught by asking again.
      await writeFile(state, 'FROZEN');
    }
  }

  async #pause(deadline: number): Promise<void> {
    if (Date.now() > deadline) throw new Error('the sandbox could not be frozen in time');
    await sleep(2);
  }

  /** Idempotent; nothing happens when there is no such cgroup. */
  async thaw(sandboxId: string): Promise<void> {
    const folder = this.#folder(sandboxId, 'freezer');
    const [file, text] = this.mode === 'v2' ? ['cgroup.freeze', '0'] : ['freezer.state', 'THAWED'];
    await writeFile(join(folder, file), text, { flag: 'r+' }).catch(() => undefined);
  }

  processes(sandboxId: string): Promise<readonly number[]> {
    return processesIn(this.#folder(sandboxId, 'freezer'));
  }

  /** Kills what is in the cgroup; the caller waits for it to be empty. */
  async kill(sandboxId: string): Promise<void> {
    const all = join(this.#folder(sandboxId, 'freezer'), 'cgroup.kill');
    if (this.mode === 'v2' && existsSync(all)) {
      await writeFile(all, '1').catch(() => undefined);
      return;
    }
    for (const pid of await this.processes(sandboxId)) signalQuietly(pid, 'SIGKILL');
  }

  /** Sandboxes that have a cgroup of ours in any hierarchy. */
  owners(): readonly string[] {
    const found = new Set<string>();
    for (const root of this.#roots) {
      const folder = join(root, this.#parent);
      if (!existsSync(folder)) continue;
      for (const entry of readdirSync(folder, { withFileTypes: true }))
        if (entry.isDirectory()) found.add(entry.name);
    }
    return [...found];
  }

  /**
   * Removes the sandbox's folders, and ends what is left in one: a runtime that was killed while it made the sandbox
   * may have put a process into some hierarchies and not into the one that `processes` asks. Throws when that takes
   * too long.
   */
  async remove(sandboxId: string): Promise<void> {
    const deadline = Date.now() + REMOVE_MS;
    for (const root of this.#roots) {
      const folder = join(root, this.cgroupsPath(sandboxId));
      while (!(await isRemoved(folder))) {
        if (Date.now() > deadline) throw new Error(`processes in ${folder} can't be ended`);
        for (const pid of await processesIn(folder)) signalQuietly(pid, 'SIGKILL');
        await sleep(5);
      }
    }
  }

  /** Removes the parent folders if nothing is left in them. */
  async removeParent(): Promise<void> {
    for (const root of this.#roots) {
      const folder = join(root, this.#parent);
      await rmdir(folder).catch(() => undefined);
      await rmdir(join(folder, '..')).catch(() => undefined);
    }
  }
}

async function processesIn(folder: string): Promise<readonly number[]> {
  const text = await readFile(join(folder, 'cgroup.procs'), 'utf8').catch(() => '');
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map(Number);
}

/** Whether the cgroup is gone now; not while a process is in it. */
async function isRemoved(folder: string): Promise<boolean> {
  try {
    await rmdir(folder);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return true;
    if (code === 'EBUSY') return false;
    throw error;
  }
}
