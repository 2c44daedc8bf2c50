import { randomBytes } from 'node:crypto';
import { link, mkdir, open, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';

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
  const path = join(folder, 'owner');
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const before = await readFile(path, 'utf8').catch(unlessMissing);
  if (before !== undefined) return checked(before, path);
  const fresh = join(folder, `.owner-${randomBytes(8).toString('hex')}`);
  try {
    await writeLasting(fresh, `${randomBytes(6).toString('hex')}\n`);
    // Whole or not at all, and never over one that somebody else has just made.
    await link(fresh, path).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    });
  } finally {
    await rm(fresh, { force: true });
  }
  // Forgotten in a power cut, it would leave everything on the daemon to nobody.
  const handle = await open(folder);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
  return checked(await readFile(path, 'utf8'), path);
}

async function writeLasting(path: string, text: string): Promise<void> {
  const handle = await open(path, 'wx', 0o600);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function unlessMissing(error: unknown): undefined {
  if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
}

/** It is in the names of what is removed. */
function checked(text: string, path: string): string {
  const owner = text.trim();
  if (/^[0-9a-f]{12}$/.test(owner)) return owner;
  throw new Error(`${path} should hold twelve hexadecimal digits: restore it from a backup.`);
}
