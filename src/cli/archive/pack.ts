import { createReadStream } from 'node:fs';
import { lstat, readdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { pack, type Pack } from 'tar-stream';
import { CommandError, NEGATIVE } from '../exit-status.js';

/** A file or folder of this machine as a tar whose only root is `name`. */
export function packPath(path: string, name: string): Readable {
  const out = pack();
  add(out, path, name).then(
    () => out.finalize(),
    (error: unknown) => out.destroy(error as Error),
  );
  return Readable.from(out, { objectMode: false });
}

async function add(out: Pack, path: string, name: string): Promise<void> {
  const info = await lstat(path);
  const header = { mode: info.mode & 0o777, mtime: info.mtime };
  if (info.isDirectory()) {
    out.entry({ ...header, name: `${name}/`, type: 'directory' });
    for (const child of (await readdir(path)).sort()) await add(out, join(path, child), `${name}/${child}`);
  } else if (info.isSymbolicLink()) {
    out.entry({ ...header, name, type: 'symlink', linkname: await readlink(path) });
  } else if (info.isFile()) {
    await pipeline(createReadStream(path), out.entry({ ...header, name, size: info.size }));
  } else {
    throw new CommandError(`${path} is no file, folder or link and can't be copied.`, NEGATIVE);
  }
}
