import { readFile } from 'node:fs/promises';

/** What the kernel says of waiting on the whole machine, where it counts that. */
export const MACHINE_PRESSURE = '/proc/pressure/cpu';

/**
 * How long at least one task waited for a CPU, in microseconds since some beginning.
 * @param text of a file of pressure stall information
 * @returns undefined where it says nothing
 */
export function waitedUs(text: string | undefined): number | undefined {
  const total = /^some .*\btotal=(\d+)/m.exec(text ?? '')?.[1];
  return total === undefined ? undefined : Number(total);
}

/** @returns undefined where there is no such file, or it may not be read: kernels can be built and started without. */
export async function readWaitedUs(path: string): Promise<number | undefined> {
  return waitedUs(await readFile(path, 'utf8').catch(() => undefined));
}
