import { lstat, readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { MemoryFolder } from '../memory-folder.js';
import type { MemoryFile } from '../pack.js';
import { ImportError } from './import-error.js';

/** More than a registration takes of one sample's Dockerfile. */
const MAX_BYTES = 256 * 1024 ** 2;

/** The files of one task's folder, read into memory; paths are relative to it. */
export class TaskFolder extends MemoryFolder {
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

  protected problem(text: string): ImportError {
    return new ImportError(text);
  }
}
