import { lstat, readdir, readFile } from 'node:fs/promises';
import path from 'node:path';

export interface SampleFile {
  /** In the sample's folder. */
  readonly path: string;
  readonly executable: boolean;
  /** Without what is larger than a script or a test. */
  readonly content: Buffer;
}

const LARGEST = 4 * 1024 * 1024;

/** All files below one of a sample's folders, without links. None where it is missing. */
export async function filesBelow(folder: string, under: string): Promise<SampleFile[]> {
  const found: SampleFile[] = [];
  const walk = async (place: string): Promise<void> => {
    const names = await readdir(path.join(folder, place)).catch(() => []);
    for (const name of names.toSorted((a, b) => (a < b ? -1 : 1))) {
      const file = `${place}/${name}`;
      const info = await lstat(path.join(folder, file));
      if (info.isDirectory()) await walk(file);
      else if (info.isFile()) {
        const content = info.size > LARGEST ? Buffer.alloc(0) : await readFile(path.join(folder, file));
        found.push({ path: file, executable: (info.mode & 0o111) !== 0, content });
      }
    }
  };
  await walk(under);
  return found;
}
