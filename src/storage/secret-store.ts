import { chmod, mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { SecretStore } from '../core/ports/storage.js';
import { diskFull, isDiskFull } from './disk-full.js';
import { syncFolder, writePrivateFile } from './durable-file.js';

const SESSION_ID = /^[A-Za-z0-9_-]{1,128}$/;
const SUFFIX = '.json';

/**
 * Opens or makes a folder (0700) with one file (0600) per session. Files rather than a table: what is deleted is
 * gone, with no copy in a write-ahead log, a free page or a backup of the database.
 */
export async function openSecretStore(dir: string): Promise<SecretStore> {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  await chmod(dir, 0o700);
  for (const name of await readdir(dir)) {
    if (name.endsWith('.tmp')) await rm(join(dir, name), { force: true });
  }
  return new FileSecretStore(dir);
}

class FileSecretStore implements SecretStore {
  readonly #dir: string;

  constructor(dir: string) {
    this.#dir = dir;
  }

  async put(sessionId: string, env: Readonly<Record<string, string>>): Promise<void> {
    if (Object.keys(env).length === 0) return this.delete(sessionId);
    try {
      await writePrivateFile(this.#path(sessionId), JSON.stringify(env));
    } catch (error) {
      throw isDiskFull(error) ? diskFull(error) : error;
    }
  }

  async get(sessionId: string): Promise<Readonly<Record<string, string>>> {
    let text: string;
    try {
      text = await readFile(this.#path(sessionId), 'utf8');
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return {};
      throw error;
    }
    try {
      return JSON.parse(text) as Record<string, string>;
    } catch {
      // The parser's own message would quote the secret.
      throw new Error(`The secret environment of ${sessionId} is damaged.`);
    }
  }

  async delete(sessionId: string): Promise<void> {
    await rm(this.#path(sessionId), { force: true });
    await syncFolder(this.#dir);
  }

  async list(): Promise<readonly string[]> {
    const names = await readdir(this.#dir);
    return names.filter((name) => name.endsWith(SUFFIX)).map((name) => name.slice(0, -SUFFIX.length));
  }

  #path(sessionId: string): string {
    if (!SESSION_ID.test(sessionId)) throw new Error('Not the id of a session.');
    return join(this.#dir, sessionId + SUFFIX);
  }
}
