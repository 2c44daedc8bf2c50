import { rm } from 'node:fs/promises';
import { findIds } from './ids.js';
import { removeTree } from './trees-on-disk.js';

/**
 * Removes a folder that an engine of this user's worked in. What it kept there may belong to sandboxes' users, whom an
 * ordinary user takes nothing from without their ids.
 * @param initPath the codeset-init of this machine
 */
export async function removeFolder(folder: string, initPath: () => string): Promise<void> {
  try {
    await rm(folder, { recursive: true, force: true, maxRetries: 3 });
  } catch (error) {
    if (process.getuid?.() === 0 || (error as NodeJS.ErrnoException).code !== 'EACCES') throw error;
    await removeTree(await findIds(initPath(), 0), folder);
  }
}
