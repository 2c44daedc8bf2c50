import { createHash } from 'node:crypto';
import { createReadStream, type Stats } from 'node:fs';
import { lstat, mkdtemp, readdir, readFile, readlink, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { pack, type Pack } from 'tar-stream';
import { CodesetError } from '../core/errors.js';
import { git, gitLine, tryGit } from './git.js';
import { parseManifest } from './manifest.js';
import type { SampleManifest } from '../core/sample.js';

// What the side of a caller does: reads folders and repositories of its own machine and makes uploads of them.

/** A sample folder's manifest, checked here first, so that mistakes are told before anything is sent. */
export async function readManifest(folder: string): Promise<SampleManifest> {
  const file = path.join(folder, 'sample.yaml');
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    throw new CodesetError('invalid-argument', 'INVALID_MANIFEST', `There is no ${file} that can be read.`, {
      cause,
    });
  }
  return parseManifest(text, file);
}

/**
 * A sample's folder as a tar: everything in it, hidden files too. Its owner reads it to the end or destroys it.
 * Fails on what is no file, folder or link.
 */
export function packFolder(folder: string): Readable {
  const out = pack();
  packInto(out, folder, '').then(
    () => out.finalize(),
    (error: unknown) => out.destroy(error as Error),
  );
  return Readable.from(out, { objectMode: false });
}

async function packInto(out: Pack, folder: string, prefix: string): Promise<void> {
  const names = (await readdir(folder)).sort();
  for (const each of names) {
    const file = path.join(folder, each);
    const name = prefix + each;
    const info = await lstat(file);
    if (info.isDirectory()) {
      out.entry({ ...headerOf(info), name: `${name}/`, type: 'directory' });
      await packInto(out, file, `${name}/`);
    } else if (info.isSymbolicLink()) {
      out.entry({ ...headerOf(info), name, type: 'symlink', linkname: await readlink(file) });
    } else if (info.isFile()) {
      const sink = out.entry({ ...headerOf(info), name, type: 'file', size: info.size });
      await pipeline(createReadStream(file), sink);
    } else {
      throw new CodesetError(
        'invalid-argument',
        'INVALID_ARCHIVE',
        `${file} is no file, folder or link; a sample can't hold it.`,
      );
    }
  }
}

function headerOf(info: Stats): { mode: number; uid: number; gid: number; mtime: Date } {
  return { mode: info.mode & 0o777, uid: 0, gid: 0, mtime: new Date(0) };
}

/** A sample made in memory as a tar. Paths are relative; `executable` gives mode 0755; one with a slash at its end is a folder. */
export interface MemoryFile {
  readonly path: string;
  readonly content: Uint8Array | string;
  readonly executable?: boolean;
}

export function packFiles(files: readonly MemoryFile[]): Readable {
  const out = pack();
  for (const { path: name, content, executable } of files) {
    const mtime = new Date(0);
    if (name.endsWith('/')) {
      out.entry({ name, type: 'directory', mode: 0o755, mtime });
      continue;
    }
    const header = { name, mode: executable === true ? 0o755 : 0o644, mtime };
    out.entry(header, Buffer.from(content as Uint8Array));
  }
  out.finalize();
  return Readable.from(out, { objectMode: false });
}

/** A repository of this machine as a bundle to upload. Its owner disposes it. */
export interface RepositoryBundle extends AsyncDisposable {
  readonly sha256: string;
  readonly bytes: number;
  content(): Readable;
}

/**
 * A bundle with `commits` and their past: one upload, however many samples share it. A bundle file is taken as
 * it is (the server takes what it needs of it).
 *
 * @param from a git work tree, a bare repository, or a bundle file.
 * @throws {CodesetError} INVALID_REPOSITORY, COMMIT_NOT_FOUND (with all that are missing).
 */
export async function bundleRepository(
  from: string,
  commits: readonly string[],
  scratch: string,
): Promise<RepositoryBundle> {
  const source = path.resolve(from);
  const info = await stat(source).catch(() => undefined);
  if (info?.isFile() === true) return bundleFile(source, undefined);
  const folder = await mkdtemp(path.join(scratch, 'bundle-'));
  try {
    const view = await openRepository(source, folder);
    await expectCommits(view, commits, from);
    const wanted = [...new Set(commits)].sort();
    for (const commit of wanted) await git(['update-ref', `refs/heads/${commit}`, commit], { cwd: view });
    const file = path.join(folder, 'repository.bundle');
    await git(['bundle', 'create', '--quiet', file, '--branches'], { cwd: view });
    return await bundleFile(file, folder);
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

/**
 * A bare repository in `folder` that sees the objects of `source`, a repository or a bundle, and into which
 * names can be written without touching it.
 * @returns its path.
 * @throws INVALID_REPOSITORY
 */
export async function openRepository(source: string, folder: string): Promise<string> {
  const view = path.join(folder, 'view.git');
  const info = await stat(source).catch(() => undefined);
  if (info === undefined) throw noRepository(source, 'there is no such file or folder');
  if (info.isFile()) {
    await git(['init', '--quiet', '--bare', '--', view], { cwd: folder });
    const done = await tryGit(['bundle', 'unbundle', path.resolve(source)], { cwd: view });
    if (done.exitCode !== 0) throw noRepository(source, 'it is no whole git bundle');
    return view;
  }
  const place = await tryGit(['rev-parse', '--path-format=absolute', '--git-path', 'objects'], {
    cwd: source,
    env: { GIT_CEILING_DIRECTORIES: path.dirname(path.resolve(source)) },
  });
  if (place.exitCode !== 0) throw noRepository(source, place.stderr.trim().split('\n')[0] ?? '');
  const format = await gitLine(['rev-parse', '--show-object-format'], { cwd: source });
  await git(['init', '--quiet', '--bare', `--object-format=${format}`, '--', view], { cwd: folder });
  await writeFile(path.join(view, 'objects/info/alternates'), `${place.stdout.toString().trim()}\n`);
  return view;
}

/** @throws COMMIT_NOT_FOUND */
export async function expectCommits(view: string, commits: readonly string[], name: string): Promise<void> {
  const missing: string[] = [];
  for (const commit of new Set(commits)) {
    const type = await tryGit(['cat-file', '-t', commit], { cwd: view });
    if (type.stdout.toString().trim() !== 'commit') missing.push(commit);
  }
  if (missing.length === 0) return;
  throw new CodesetError(
    'not-found',
    'COMMIT_NOT_FOUND',
    `The repository ${name} does not hold ${missing.length === 1 ? 'the commit' : 'the commits'} ${missing.slice(0, 5).join(', ')}${missing.length > 5 ? ', …' : ''}; fetch what is missing, then try again.`,
  );
}

function noRepository(source: string, why: string): CodesetError {
  return new CodesetError(
    'invalid-argument',
    'INVALID_REPOSITORY',
    `${source} is no git repository and no bundle (${why}); name a clone on this machine, or a file made by \`git bundle create FILE --all\`.`,
  );
}

async function bundleFile(file: string, folder: string | undefined): Promise<RepositoryBundle> {
  const hash = createHash('sha256');
  let bytes = 0;
  let head = '';
  for await (const chunk of createReadStream(file) as AsyncIterable<Buffer>) {
    if (head === '') head = chunk.toString('latin1', 0, 16);
    hash.update(chunk);
    bytes += chunk.length;
  }
  if (!/^# v[23] git bundle/.test(head)) throw noRepository(file, 'it does not begin like a bundle');
  return {
    sha256: hash.digest('hex'),
    bytes,
    content: () => createReadStream(file),
    [Symbol.asyncDispose]: async () => {
      if (folder !== undefined) await rm(folder, { recursive: true, force: true });
    },
  };
}
