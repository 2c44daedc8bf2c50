import { open } from 'node:fs/promises';
import path from 'node:path';
import { CodesetError } from '../core/errors.js';
import { git, GitError, gitLine, tryGit } from './git.js';

const HOW = 'make one with `git bundle create FILE --all`';

/** Bytes at a bundle's start that are looked at. */
const HEAD_BYTES = 1024;

/** Objects of an uploaded bundle, in a bare repository of our own without any name for them. */
export class BareRepository {
  readonly folder: string;
  readonly objectFormat: 'sha1' | 'sha256';

  private constructor(folder: string, objectFormat: 'sha1' | 'sha256') {
    this.folder = folder;
    this.objectFormat = objectFormat;
  }

  /** @param folder must not exist yet. @throws INVALID_REPOSITORY */
  static async fromBundle(bundle: string, folder: string): Promise<BareRepository> {
    const objectFormat = await readFormat(bundle);
    const cwd = path.dirname(folder);
    await git(['init', '--quiet', '--bare', `--object-format=${objectFormat}`, '--', folder], { cwd });
    const unbundled = await tryGit(['bundle', 'unbundle', bundle], { cwd: folder });
    if (unbundled.exitCode !== 0) throw unreadable(unbundled.stderr);
    return new BareRepository(folder, objectFormat);
  }

  /** @throws COMMIT_NOT_FOUND */
  async expectCommit(commit: string): Promise<void> {
    const type = await tryGit(['cat-file', '-t', commit], { cwd: this.folder });
    if (type.exitCode === 0 && type.stdout.toString().trim() === 'commit') return;
    throw new CodesetError(
      'not-found',
      'COMMIT_NOT_FOUND',
      `The repository has no commit ${commit}; upload one that holds it (${HOW} where it is).`,
      { metadata: { commit } },
    );
  }

  /**
   * Gives `commit`, or one commit without a past that has its tree, the only name in this repository.
   * @returns the commit that `refs/heads/main` is.
   */
  async nameBase(commit: string, history: 'past' | 'squashed'): Promise<string> {
    const cwd = this.folder;
    let base = commit;
    if (history === 'squashed')
      base = await gitLine(['commit-tree', '-m', 'Base', `${commit}^{tree}`], { cwd });
    await git(['update-ref', 'refs/heads/main', base], { cwd });
    return base;
  }
}

async function readFormat(bundle: string): Promise<'sha1' | 'sha256'> {
  const file = await open(bundle, 'r');
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0);
    const head = buffer.toString('latin1', 0, bytesRead);
    if (!/^# v[23] git bundle\n/.test(head))
      throw new CodesetError(
        'invalid-argument',
        'INVALID_REPOSITORY',
        `The repository is no git bundle; ${HOW}.`,
      );
    return /^# v3 git bundle\n(?:@.*\n)*?@object-format=sha256\n/.test(head) ? 'sha256' : 'sha1';
  } finally {
    await file.close();
  }
}

function unreadable(stderr: string): CodesetError {
  if (/No space left on device/i.test(stderr))
    return new CodesetError(
      'resource-exhausted',
      'DISK_FULL',
      'The disk of the service is full; free some space in its data folder and try again.',
    );
  const why = /prerequisite/i.test(stderr)
    ? 'it holds only a part of the history, and needs commits that are not in it'
    : 'it is damaged or cut short';
  return new CodesetError(
    'invalid-argument',
    'INVALID_REPOSITORY',
    `git can't read the bundle: ${why}; ${HOW}.`,
    { cause: new Error(stderr) },
  );
}

export interface WorkTree {
  readonly folder: string;
  readonly commit: string;
}

/**
 * A work tree with a repository that holds nothing but `refs/heads/main` of `source` and its past: fetched, not
 * copied, so that later commits and objects without a name stay behind.
 * @param folder must not exist yet.
 */
export async function checkOutFrom(source: BareRepository, base: string, folder: string): Promise<WorkTree> {
  await initWorkTree(folder, source.objectFormat);
  const cwd = folder;
  try {
    await git(
      [
        'fetch',
        '--quiet',
        '--no-tags',
        '--no-write-fetch-head',
        '--no-auto-maintenance',
        '--update-head-ok',
        `file://${source.folder}`,
        '+refs/heads/main:refs/heads/main',
      ],
      { cwd },
    );
    await git(['read-tree', '--reset', '-u', base], { cwd });
  } catch (error) {
    if (!(error instanceof GitError)) throw error;
    throw unreadable(error.stderr);
  }
  await expectNoFuture(folder, base);
  return { folder, commit: base };
}

/** A work tree with one commit that holds all of the folder's files, ignored ones too. */
export async function commitFolder(folder: string): Promise<WorkTree> {
  const cwd = folder;
  await initWorkTree(folder, 'sha1');
  await git(['add', '--all', '--force', '--', '.'], { cwd });
  const tree = await gitLine(['write-tree'], { cwd });
  const commit = await gitLine(['commit-tree', '-m', 'Base', tree], { cwd });
  await git(['update-ref', 'refs/heads/main', commit], { cwd });
  await expectNoFuture(folder, commit);
  return { folder, commit };
}

async function initWorkTree(folder: string, objectFormat: string): Promise<void> {
  await git(['init', '--quiet', `--object-format=${objectFormat}`, '--initial-branch=main', '--', folder], {
    cwd: path.dirname(folder),
  });
  // Agents commit and stash; without a name git would refuse both.
  await git(['config', 'user.name', 'agent'], { cwd: folder });
  await git(['config', 'user.email', 'agent@localhost'], { cwd: folder });
}

/** Proves what the fetch promises. A repository that fails this must reach no session. */
async function expectNoFuture(folder: string, base: string): Promise<void> {
  const cwd = folder;
  const names = await gitLine(['for-each-ref', '--format=%(refname) %(objectname)'], { cwd });
  if (names !== `refs/heads/main ${base}`) throw new Error(`The codebase has other names: ${names}`);
  const later = await gitLine(['rev-list', '--all', '--max-count=1', `^${base}`], { cwd });
  if (later !== '') throw new Error(`The codebase has a later commit: ${later}`);
  const stray = await tryGit(
    ['fsck', '--unreachable', '--no-progress', '--connectivity-only', '--no-reflogs'],
    {
      cwd,
    },
  );
  if (/unreachable/.test(stray.stdout.toString()))
    throw new Error(`The codebase has objects that nothing names: ${stray.stdout.toString().slice(0, 500)}`);
  if (stray.exitCode !== 0) throw unreadable(stray.stderr);
}
