import { constants } from 'node:fs';
import { chmod, mkdir, open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { failedPrecondition } from '../core/errors.js';
import { newId } from '../core/ids.js';
import { ADMIN_KEY_NAME, hashOfSecret, newSecret } from '../core/key-ring.js';
import type { KeyRepository } from '../core/ports/storage.js';
import { diskFull, isDiskFull } from './disk-full.js';
import { writePrivateFile } from './durable-file.js';

export interface AdminKeyFile {
  readonly path: string;
  /** True when the file was made just now. */
  readonly created: boolean;
}

/**
 * Sees to it that `admin.key` in the data folder holds an admin key that the database knows. A key whose file
 * was lost, or whose content was changed, is revoked: nobody should hold it. Called with the service lock held.
 */
export async function ensureAdminKey(
  dataDir: string,
  keys: KeyRepository,
  clock: () => number,
): Promise<AdminKeyFile> {
  const path = adminKeyPath(dataDir);
  await makePrivateFolder(dataDir);
  const secret = await readAdminKey(dataDir);
  const known = secret === undefined ? undefined : await keys.findByHash(hashOfSecret(secret));
  if (known !== undefined && known.role === 'ADMIN' && known.revokeTime === undefined) {
    await chmod(path, 0o600);
    return { path, created: false };
  }
  const now = clock();
  for (const key of await keys.list()) {
    if (key.name === ADMIN_KEY_NAME && key.revokeTime === undefined)
      await keys.revoke(key.keyId, new Date(now));
  }
  await make(path, keys, now);
  return { path, created: true };
}

async function makePrivateFolder(dataDir: string): Promise<void> {
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const { mode } = await stat(dataDir);
  // Closing /tmp to everybody else is not what whoever names it wants.
  if ((mode & 0o1000) !== 0) {
    throw failedPrecondition(
      'ENVIRONMENT_UNMET',
      `${dataDir} is a folder that users share: choose one of the service's own with --data-dir.`,
    );
  }
  if ((mode & 0o077) !== 0) await chmod(dataDir, 0o700);
}

/** The database first: a crash in between leaves a key that nobody holds, and the next start revokes it. */
async function make(path: string, keys: KeyRepository, now: number): Promise<void> {
  const secret = newSecret('ADMIN');
  await keys.insert({
    keyId: newId('key', now),
    role: 'ADMIN',
    name: ADMIN_KEY_NAME,
    secretHash: hashOfSecret(secret),
    sessionId: undefined,
    createTime: new Date(now),
    revokeTime: undefined,
  });
  try {
    await writePrivateFile(path, `${secret}\n`);
  } catch (error) {
    throw isDiskFull(error) ? diskFull(error) : error;
  }
}

export function adminKeyPath(dataDir: string): string {
  return join(dataDir, 'admin.key');
}

/** The secret in the file; undefined when there is no file. @throws a sentence when it may not be read. */
export async function readAdminKey(dataDir: string): Promise<string | undefined> {
  const path = adminKeyPath(dataDir);
  try {
    const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
    try {
      return (await file.readFile('utf8')).trim();
    } finally {
      await file.close();
    }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw failedPrecondition(
      'ENVIRONMENT_UNMET',
      code === 'ELOOP'
        ? `${path} is a symbolic link: remove it, and the next start makes a new key.`
        : `${path} can't be read (${code || 'unknown error'}): run as the user who owns it.`,
      { cause: error },
    );
  }
}
