import { CodesetError } from '../core/errors.js';

/** What one entry of an uploaded sample is. Content lies in the archive's spool file. */
export type ArchiveEntry =
  | { readonly type: 'directory'; readonly path: string }
  | { readonly type: 'symlink'; readonly path: string; readonly target: string }
  | {
      readonly type: 'file';
      readonly path: string;
      readonly executable: boolean;
      /** Where its content begins in the spool file. */
      readonly offset: number;
      readonly size: number;
      /** Hex. */
      readonly sha256: string;
    };

const MAX_PATH_LENGTH = 2048;
const MAX_NAME_BYTES = 255;

export function invalidArchive(message: string): CodesetError {
  return new CodesetError('invalid-argument', 'INVALID_ARCHIVE', message);
}

/** How a name from outside is shown in a sentence. */
export function shown(name: string): string {
  return JSON.stringify(name.length > 200 ? `${name.slice(0, 200)}…` : name);
}

/**
 * A tar entry's name as a clean relative path; '' for the archive's own root.
 * @throws INVALID_ARCHIVE for every name that isn't plainly inside.
 */
export function safePath(name: string): string {
  const path = name.replace(/^(?:\.\/)+/, '').replace(/\/+$/, '');
  if (path === '' || path === '.') {
    if (name.startsWith('/')) throw invalidArchive(`The entry ${shown(name)} is an absolute path.`);
    return '';
  }
  if (path.startsWith('/')) throw invalidArchive(`The entry ${shown(name)} is an absolute path.`);
  if (path.length > MAX_PATH_LENGTH)
    throw invalidArchive(`The entry ${shown(name)} has a path of more than ${MAX_PATH_LENGTH} characters.`);
  if (path.includes('\ufffd'))
    throw invalidArchive(`The entry ${shown(name)} has a name that is not UTF-8; rename the file.`);
  for (const part of path.split('/')) {
    if (part === '..') throw invalidArchive(`The entry ${shown(name)} leads out of the sample by "..".`);
    if (part === '' || part === '.' || part.includes('\0') || Buffer.byteLength(part) > MAX_NAME_BYTES)
      throw invalidArchive(`The entry ${shown(name)} has a part that is no file name.`);
  }
  const [top, ...inner] = path.split('/');
  if (top === 'codebase' && inner.some((part) => part.toLowerCase() === '.git'))
    throw invalidArchive(
      `The entry ${shown(name)} belongs to a git repository. A plain codebase/ folder holds none: name the ` +
        'repository in sample.yaml (codebase: {git: …, commit: …}) or remove its .git.',
    );
  return path;
}

/**
 * Checks that a symbolic link stays within its top-level folder (`codebase`, `verification`, …), by its text
 * alone.
 * @throws INVALID_ARCHIVE
 */
export function checkSymlink(path: string, target: string): void {
  if (target === '' || target.length > MAX_PATH_LENGTH || target.includes('\0') || target.startsWith('/'))
    throw invalidArchive(
      `The symbolic link ${shown(path)} points to ${shown(target)}; it must be a relative path.`,
    );
  // The top-level folder's own name never leaves the stack.
  const folder = path.split('/').slice(0, -1);
  for (const part of target.split('/')) {
    if (part === '' || part === '.') continue;
    if (part !== '..') folder.push(part);
    else if (folder.length > 1) folder.pop();
    else throw invalidArchive(`The symbolic link ${shown(path)} points out of its folder: ${shown(target)}.`);
  }
}

/** Nothing may lie below what is no folder: whoever unpacks would follow a link, or fail. @throws INVALID_ARCHIVE */
export function checkParents(entries: ReadonlyMap<string, ArchiveEntry>): void {
  for (const path of entries.keys()) {
    for (let slash = path.indexOf('/'); slash >= 0; slash = path.indexOf('/', slash + 1)) {
      const parent = entries.get(path.slice(0, slash));
      if (parent !== undefined && parent.type !== 'directory')
        throw invalidArchive(
          `The entry ${shown(path)} lies below ${shown(parent.path)}, which is no folder.`,
        );
    }
  }
}
