import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { MemoryFile } from './pack.js';

/** Writes files into a folder of this machine, with the folders that they are in. */
export async function writeFiles(folder: string, files: readonly MemoryFile[]): Promise<void> {
  for (const { path: name, content, executable } of files) {
    const file = path.join(folder, name);
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(file, content, { mode: executable === true ? 0o755 : 0o644 });
  }
}
