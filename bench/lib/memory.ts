import { readFile } from 'node:fs/promises';

const MIB = 1024 * 1024;
const SAMPLE_MS = 50;

/** What a process holds in memory now, MiB. @throws when it is gone. */
export async function residentMiB(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const kib = /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1];
  if (kib === undefined) throw new Error(`process ${pid} is gone`);
  return (Number(kib) * 1024) / MIB;
}

/** The most that a process holds in memory while it is being watched. */
export class PeakMemory {
  readonly #pid: number;
  readonly #timer: NodeJS.Timeout;
  #peak = 0;

  constructor(pid: number) {
    this.#pid = pid;
    this.#timer = setInterval(() => void this.#look(), SAMPLE_MS);
  }

  /** Ends the watching. @returns MiB. */
  async stop(): Promise<number> {
    clearInterval(this.#timer);
    await this.#look();
    return this.#peak;
  }

  async #look(): Promise<void> {
    this.#peak = Math.max(this.#peak, await residentMiB(this.#pid).catch(() => 0));
  }
}
