import type { Storage } from '../../src/core/ports/storage.js';
import { openStorage } from '../../src/storage/storage.js';
import { tempFolder } from '../support/temp-folder.js';

export interface OpenStorage extends AsyncDisposable {
  readonly dataDir: string;
  readonly storage: Storage;
}

/** A real database of its own, gone with its folder afterwards. */
export async function freshStorage(): Promise<OpenStorage> {
  const folder = await tempFolder();
  const storage = await openStorage({ dataDir: folder.path });
  return {
    dataDir: folder.path,
    storage,
    async [Symbol.asyncDispose]() {
      await storage.close();
      await folder[Symbol.asyncDispose]();
    },
  };
}

/** What a failed call is asserted by: code and reason together. */
export function failure(kind: string, reason: string) {
  return { name: 'CodesetError', kind, reason };
}
