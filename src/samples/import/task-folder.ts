import { lstat, readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import type { MemoryFile } from '../pack.js';
import { ImportError } from './import-error.js';

/** More than a registration takes of one sample's Dockerfile. */
const MAX_BYTES = 256 * 1024 ** 2;

/** The files of one task's folder, read into memory; paths are relative to it. */
export class TaskFolder {
  readonly #files: ReadonlyMap<string, MemoryFile>;

  private constructor(files: ReadonlyMap<string, MemoryFile>) {
    this.#files = files;
  }

  /** @throws {ImportError} */
  static async read(folder: string): Promise<TaskFolder> {
    const files = new Map<string, MemoryFile>();
    let bytes = 0;
    const walk = async (prefix: string): Promise<void> => {
      for (const name of (await readdir(path.join(folder, prefix))).sort()) {
        const place = prefix + name;
        const info = await lstat(path.join(folder, place));
        if (info.isDirectory()) {
          if (place !== '.git') await walk(`${place}/`);
          continue;
        }
        if (!info.isFile())
          throw new ImportError(`${place} is a link or no file; put the file itself in its place`);
        bytes += info.size;
        if (bytes > MAX_BYTES)
          throw new ImportError(`its files are larger than ${MAX_BYTES / 1024 ** 2} MiB together`);
        const content = await readFile(path.join(folder, place));
        files.set(place, { path: place, content, executable: (info.mode & 0o111) !== 0 });
      }
    };
    try {
      await walk('');
    } catch (cause) {
      if (cause instanceof ImportError) throw cause;
      throw new ImportError(`can't be read: ${(cause as Error).message}`, { cause });
    }
    return new TaskFolder(files);
  }

  has(name: string): boolean {
    return this.#files.has(name);
  }

  /** @throws {ImportError} */
  text(name: string): string {
    const file = this.#files.get(name);
    if (file === undefined) throw new ImportError(`has no ${name}`);
    return Buffer.from(file.content as Uint8Array).toString('utf8');
  }

  /** Those below a folder, with paths relative to it; all for ''. */
  below(folder: string): MemoryFile[] {
    const prefix = folder === '' ? '' : `${folder}/`;
    return [...this.#files.values()]
      .filter((file) => file.path.startsWith(prefix))
      .map((file) => ({ ...file, path: file.path.slice(prefix.length) }));
  }
}
