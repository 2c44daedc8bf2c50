import { rm } from 'node:fs/promises';
import type { DiskUsage } from '../shared/disk-guard.js';
import { type Ids, runInside } from './ids.js';

// By programs that run with the sandboxes' ids: what a sandbox made may be closed to everybody but its user.

/** Bytes that the folders take on disk; hard links count once. */
export async function diskUsage(ids: Ids, folders: readonly string[]): Promise<number> {
  const result = await runInside(ids, ['du', '-s', '-c', '-x', '-B1', '--', ...folders], { timeoutMs: 0 });
  return Number(/^(\d+)\ttotal$/m.exec(result.stdout)?.[1] ?? 0);
}

/**
 * Of each folder apart: its bytes, and how many files and folders it has, itself too. By one program for all of
 * them; a folder that is gone is not in it.
 */
export async function eachUsage(
  ids: Ids,
  folders: readonly string[],
): Promise<ReadonlyMap<string, DiskUsage>> {
  const each = new Map<string, DiskUsage>();
  const [bytes, files] = await Promise.all([apart(ids, ['-B1'], folders), apart(ids, ['--inodes'], folders)]);
  for (const [folder, count] of bytes) each.set(folder, { bytes: count, files: files.get(folder) ?? 0 });
  return each;
}

async function apart(
  ids: Ids,
  unit: readonly string[],
  folders: readonly string[],
): Promise<Map<string, number>> {
  const result = await runInside(ids, ['du', '-s', '-x', ...unit, '--', ...folders], { timeoutMs: 0 });
  const lines = result.stdout.matchAll(/^(\d+)\t(.+)$/gm);
  return new Map(Array.from(lines, ([, count, folder]) => [folder ?? '', Number(count)]));
}

export async function removeTree(ids: Ids, folder: string): Promise<void> {
  const result = await runInside(ids, ['rm', '-rf', '--one-file-system', '--', folder], { timeoutMs: 0 });
  if (result.code !== 0) await rm(folder, { recursive: true, force: true });
}
