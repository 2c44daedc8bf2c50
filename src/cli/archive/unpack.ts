import { constants } from 'node:fs';
import { chmod, link, lstat, mkdir, open, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { extract, type Header } from 'tar-stream';
import { CommandError } from '../exit-status.js';

/**
 * Unpacks a tar that came out of a sandbox, so that whatever it says it writes only below `folder`: links are
 * made last, when nothing is written any more, and each name is made anew. Set-user-id bits and owners are
 * dropped.
 *
 * @param folder an empty folder of the caller's own.
 * @returns the names of entries that were left out (devices and the like).
 */
export async function unpackInto(tar: Readable, folder: string): Promise<readonly string[]> {
  const links: { readonly header: Header; readonly name: string }[] = [];
  const modes: { readonly path: string; readonly mode: number }[] = [];
  const skipped: string[] = [];
  const reader = extract();
  const done = (async () => {
    for await (const entry of reader) {
      const { header } = entry;
      const name = safeName(header.name);
      const path = join(folder, name);
      if (header.type === 'directory') {
        await mkdir(path, { recursive: true });
        modes.push({ path, mode: (header.mode ?? 0o755) & 0o777 });
      } else if (header.type === 'symlink' || header.type === 'link') {
        links.push({ header, name });
      } else if (header.type === 'file' || header.type === 'contiguous-file') {
        const { O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY } = constants;
        const file = await open(
          path,
          O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY,
          (header.mode ?? 0o644) & 0o777,
        );
        await pipeline(entry, file.createWriteStream());
        continue;
      } else {
        skipped.push(name);
      }
      entry.resume();
    }
  })();
  await Promise.all([pipeline(tar, reader), done]);
  for (const { header, name } of links) {
    if (header.type === 'link') {
      const target = join(folder, safeName(header.linkname ?? ''));
      // Only a file that was written here, and hard links come before symbolic ones.
      if (!(await lstat(target)).isFile()) throw unsafe(name);
      await link(target, join(folder, name));
    }
  }
  for (const { header, name } of links)
    if (header.type === 'symlink') await symlink(header.linkname ?? '', join(folder, name));
  // The innermost first: a folder may be closed to its own owner.
  for (const { path, mode } of modes.reverse()) await chmod(path, mode);
  return skipped;
}

function safeName(name: string): string {
  const parts = name.split('/').filter((part) => part !== '' && part !== '.');
  if (name.startsWith('/') || parts.includes('..') || parts.length === 0 || name.includes('\0'))
    throw unsafe(name);
  return parts.join('/');
}

function unsafe(name: string): CommandError {
  return new CommandError(`The archive has an entry that leaves its folder: ${JSON.stringify(name)}.`);
}
