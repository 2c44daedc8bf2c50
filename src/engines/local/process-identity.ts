import { readFile } from 'node:fs/promises';

/** A process that can't be mistaken for a later one with the same pid. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Ticks since boot, from /proc/PID/stat. */
  readonly startTime: string;
}

async function stat(pid: number): Promise<{ state: string; startTime: string } | undefined> {
  try {
    const text = await readFile(`/proc/${pid}/stat`, 'utf8');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return { state: fields[0] ?? 'X', startTime: fields[19] ?? '' };
  } catch {
    return undefined;
  }
}

export async function identify(pid: number): Promise<ProcessIdentity | undefined> {
  const found = await stat(pid);
  return found === undefined ? undefined : { pid, startTime: found.startTime };
}

/** A zombie counts as gone: who should reap it is not ours to say. */
export async function runs(process: ProcessIdentity): Promise<boolean> {
  const found = await stat(process.pid);
  return (
    found !== undefined && found.startTime === process.startTime && found.state !== 'Z' && found.state !== 'X'
  );
}

export function formatIdentity(process: ProcessIdentity): string {
  return `${process.pid} ${process.startTime}\n`;
}

export function parseIdentity(text: string): ProcessIdentity | undefined {
  const match = /^(\d+) (\d+)\n$/.exec(text);
  return match === null ? undefined : { pid: Number(match[1]), startTime: match[2] ?? '' };
}
