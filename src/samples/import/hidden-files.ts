import { rm } from 'node:fs/promises';
import path from 'node:path';
import { git, tryGit } from '../git.js';
import { ImportError } from './import-error.js';

export interface HiddenFile {
  readonly path: string;
  readonly content: Buffer;
  readonly executable: boolean;
}

/** What a patch makes of a commit's tree. */
export interface PatchedTree {
  /** Files that the patch adds or changes, as they are with it. */
  readonly changed: readonly HiddenFile[];
  /** Files that are gone with it; of a rename the old name. */
  readonly removed: readonly string[];
  /** Every file that is there with it. */
  readonly paths: ReadonlySet<string>;
}

/**
 * Applies a patch to a commit's tree without a work tree.
 * @param patch '' changes nothing
 * @param view a bare repository of our own; the patch's objects are written there.
 * @throws {ImportError} when the patch doesn't apply, or makes what is no file.
 */
export async function applyToCommit(
  view: string,
  commit: string,
  patch: string,
  name: string,
): Promise<PatchedTree> {
  const index = path.join(view, 'import.index');
  const options = { cwd: view, env: { GIT_INDEX_FILE: index } };
  try {
    await git(['read-tree', commit], options);
    const text = patch.endsWith('\n') ? patch : `${patch}\n`;
    // git takes an empty patch for a broken one.
    if (text.trim() !== '') {
      const applied = await tryGit(['apply', '--cached', '--whitespace=nowarn', '-'], {
        ...options,
        stdin: text,
      });
      if (applied.exitCode !== 0)
        throw new ImportError(
          `${name} does not apply to ${commit.slice(0, 12)}: ${applied.stderr.trim().slice(0, 500)}`,
        );
    }
    const raw = await git(
      ['diff-index', '--cached', '--raw', '-z', '--no-renames', '--no-abbrev', commit],
      options,
    );
    const all = await git(['ls-files', '--cached', '-z'], options);
    const paths = new Set(all.toString('utf8').split('\0').slice(0, -1));
    return { ...(await readChanges(view, raw.toString('utf8'), name)), paths };
  } finally {
    await rm(index, { force: true });
  }
}

async function readChanges(
  view: string,
  raw: string,
  name: string,
): Promise<{ changed: HiddenFile[]; removed: string[] }> {
  const changed: HiddenFile[] = [];
  const removed: string[] = [];
  const parts = raw.split('\0');
  for (let at = 0; at + 1 < parts.length; at += 2) {
    // `:100644 100755 OLD NEW M`, then the path.
    const [, mode, , object, status] = (parts[at] ?? '').split(' ');
    const file = parts[at + 1] ?? '';
    if (file.includes('\ufffd')) throw new ImportError(`${name} has a file name that is not UTF-8`);
    if (status === 'D') {
      removed.push(file);
      continue;
    }
    if (mode !== '100644' && mode !== '100755')
      throw new ImportError(`${name} makes ${file} something else than a file (mode ${mode})`);
    const content = await git(['cat-file', 'blob', object ?? ''], { cwd: view });
    changed.push({ path: file, content, executable: mode === '100755' });
  }
  return { changed, removed };
}
