import { randomBytes } from 'node:crypto';
import { link, open, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * What a file holds that is made once and kept for good; several that begin at once get the same.
 * @param make called where there is no such file
 */
export async function madeOnce(folder: string, name: string, make: () => Buffer): Promise<Buffer> {
  const path = join(folder, name);
  const before = await readFile(path).catch(unlessMissing);
  if (before !== undefined) return before;
  const fresh = join(folder, `.${name}-${randomBytes(8).toString('hex')}`);
  try {
    await writeLasting(fresh, make());
    // Whole or not at all, and never over one that somebody else has just made.
    await link(fresh, path).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    });
  } finally {
    await rm(fresh, { force: true });
  }
  // Forgotten in a power cut, it would leave what was made with it on the daemon to nobody.
  const handle = await open(folder);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
  return readFile(path);
}

async function writeLasting(path: string, bytes: Buffer): Promise<void> {
  const handle = await open(path, 'wx', 0o600);
  try {
    await handle.writeFile(bytes);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function unlessMissing(error: unknown): undefined {
  if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
}
