import { spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import path from 'node:path';
import { PassThrough, type Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Codebase } from '../core/ports/samples.js';
import type { HistoryPolicy } from '../core/sample.js';
import { asCodesetError, SampleArchive } from './archive.js';
import { BareRepository, checkOutFrom, commitFolder, type WorkTree } from './repository.js';

/** Throws INVALID_REPOSITORY unless git can read all of the bundle. Nothing stays. */
export async function checkBundle(bundle: Readable, scratch: string): Promise<void> {
  await inScratch(scratch, 'bundle-', async (folder) => {
    await fromBundle(bundle, folder);
  }).then(({ folder }) => remove(folder));
}

/** The codebase at `commit` of a bundle. @throws INVALID_REPOSITORY, COMMIT_NOT_FOUND, DISK_FULL */
export async function codebaseFromBundle(
  bundle: Readable,
  commit: string,
  history: HistoryPolicy,
  scratch: string,
): Promise<Codebase> {
  const { folder, made } = await inScratch(scratch, 'codebase-', async (temporary) => {
    const source = await fromBundle(bundle, temporary);
    await source.expectCommit(commit);
    const base = await source.nameBase(commit, history);
    const tree = await checkOutFrom(source, base, path.join(temporary, 'work'));
    await remove(source.folder);
    return tree;
  });
  return new WorkTreeCodebase(folder, made);
}

/** The codebase that a sample archive's `codebase/` folder is, as one commit. @throws INVALID_ARCHIVE, DISK_FULL */
export async function codebaseFromFolder(archive: Readable, scratch: string): Promise<Codebase> {
  const { folder, made } = await inScratch(scratch, 'codebase-', async (temporary) => {
    await using sample = await SampleArchive.spool(archive, temporary);
    const work = path.join(temporary, 'work');
    await mkdir(work);
    await sample.unpack('codebase', work);
    return commitFolder(work);
  });
  return new WorkTreeCodebase(folder, made);
}

class WorkTreeCodebase implements Codebase {
  readonly baseCommit: string;
  readonly #folder: string;
  readonly #tree: WorkTree;
  readonly #sent = new Set<Readable>();

  constructor(folder: string, tree: WorkTree) {
    this.#folder = folder;
    this.#tree = tree;
    this.baseCommit = tree.commit;
  }

  workTree(uid: number): Readable {
    const tar = tarOf(this.#tree.folder, uid);
    this.#sent.add(tar);
    return tar;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // A tar that nobody reads would wait for ever, and hold the files that are removed here.
    for (const tar of this.#sent) tar.destroy();
    await remove(this.#folder);
  }
}

/**
 * A folder as a tar, by the system's tar: file names are bytes there, and need not be UTF-8. Modes are what a
 * umask of 022 gives, whatever the service runs with.
 */
function tarOf(folder: string, uid: number): Readable {
  const out = new PassThrough();
  const child = spawn(
    'tar',
    [
      '--create',
      '--file=-',
      '--format=gnu',
      `--directory=${folder}`,
      '--sort=name',
      '--mtime=@946684800',
      `--owner=:${uid}`,
      `--group=:${uid}`,
      '--numeric-owner',
      '--mode=u+rwX,go=rX',
      '--',
      '.',
    ],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' },
    },
  );
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(0, 4096);
  });
  child.on('error', (cause) => out.destroy(new Error('tar could not be started', { cause })));
  child.on('close', (code) => {
    // Only a tar that ended well is whole.
    if (code === 0) out.end();
    else out.destroy(new Error(`tar ended with ${code}: ${stderr.trim()}`));
  });
  child.stdout.pipe(out, { end: false });
  out.on('close', () => child.kill('SIGKILL'));
  return out;
}

async function fromBundle(bundle: Readable, folder: string): Promise<BareRepository> {
  const file = path.join(folder, 'repository.bundle');
  await pipeline(bundle, createWriteStream(file, { flags: 'wx', mode: 0o600 }));
  try {
    return await BareRepository.fromBundle(file, path.join(folder, 'source.git'));
  } finally {
    await rm(file, { force: true });
  }
}

/** Runs `make` in a fresh folder, which is the caller's to remove unless `make` fails. */
async function inScratch<T>(
  scratch: string,
  prefix: string,
  make: (folder: string) => Promise<T>,
): Promise<{ folder: string; made: T }> {
  await mkdir(scratch, { recursive: true, mode: 0o700 });
  const folder = await mkdtemp(path.join(path.resolve(scratch), prefix));
  try {
    return { folder, made: await make(folder) };
  } catch (error) {
    await remove(folder);
    throw asCodesetError(error);
  }
}

function remove(folder: string): Promise<void> {
  return rm(folder, { recursive: true, force: true });
}
