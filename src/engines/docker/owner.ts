import { randomBytes } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { madeOnce } from './made-once.js';

/**
 * Whose a daemon's things are: a random id, made once and kept in the data folder. Not the folder's path, which is the
 * same in every container that the service runs in, while their daemon may be one.
 *
 * A data folder that was moved or restored finds its sandboxes again. Of a copy that is used beside the original, the
 * daemon can't tell whose is what: each takes the other's sandboxes for left over and removes them. Whoever wants a
 * second service removes `docker/owner` from the copy first; its sessions and prepared samples of Docker are lost then,
 * and samples are prepared again.
 */
export async function openOwner(dataDir: string): Promise<string> {
  const folder = join(dataDir, 'docker');
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const owner = await madeOnce(folder, 'owner', () => Buffer.from(`${randomBytes(6).toString('hex')}\n`));
  return checked(owner.toString(), join(folder, 'owner'));
}

/** As `openOwner`, of a data folder that may never have been on a daemon: undefined then. */
export async function knownOwner(dataDir: string): Promise<string | undefined> {
  const path = join(dataDir, 'docker', 'owner');
  try {
    return checked(await readFile(path, 'utf8'), path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** It is in the names of what is removed. */
function checked(text: string, path: string): string {
  const owner = text.trim();
  if (/^[0-9a-f]{12}$/.test(owner)) return owner;
  throw new Error(`${path} should hold twelve hexadecimal digits: restore it from a backup.`);
}
