import { existsSync } from 'node:fs';
import { loadServerConfig } from './config.js';
import { CodesetError, failedPrecondition } from './core/errors.js';
import { KeyRing } from './core/key-ring.js';
import type { Key } from './core/key.js';
import { adminKeyPath, readAdminKey } from './storage/admin-key.js';
import { openStorage } from './storage/storage.js';

/** Keys as an operator on the same machine sees them: on the data folder, with or without a running server. */
export class KeyAdmin implements AsyncDisposable {
  readonly #ring: KeyRing;
  readonly #close: () => Promise<void>;

  private constructor(ring: KeyRing, close: () => Promise<void>) {
    this.#ring = ring;
    this.#close = close;
  }

  /** @throws ENVIRONMENT_UNMET when no server has ever started on this folder. */
  static async open(dataDir: string | undefined): Promise<KeyAdmin> {
    const config = loadServerConfig({ flags: { dataDir } });
    if (!existsSync(config.databaseUrl)) throw neverStarted(config.dataDir);
    const storage = await openStorage({ url: `sqlite:${config.databaseUrl}` });
    return new KeyAdmin(new KeyRing(storage.keys, () => Date.now()), () => storage.close());
  }

  create(role: 'ADMIN' | 'RUNNER', name: string): Promise<{ key: Key; secret: string }> {
    return this.#ring.createKey(role, name);
  }

  list(): Promise<readonly Key[]> {
    return this.#ring.list();
  }

  /** @throws KEY_NOT_FOUND */
  revoke(keyId: string): Promise<void> {
    return this.#ring.revoke(keyId);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close();
  }
}

/** The admin's key and its file. @throws ENVIRONMENT_UNMET when there is none, or it may not be read. */
export async function showAdminKey(dataDir: string): Promise<{ path: string; secret: string }> {
  const secret = await readAdminKey(dataDir);
  if (secret === undefined) throw neverStarted(dataDir);
  return { path: adminKeyPath(dataDir), secret };
}

function neverStarted(dataDir: string): CodesetError {
  return failedPrecondition(
    'ENVIRONMENT_UNMET',
    `There are no keys in ${dataDir}: \`codeset serve\` makes them at its first start, or name another folder with --data-dir.`,
  );
}
