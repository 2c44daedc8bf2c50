import { randomBytes } from 'node:crypto';
import { chown, mkdir, open, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { CodesetError } from '../../core/errors.js';
import type { LayerInfo } from '../../core/ports.js';
import { run } from './command.js';
import type { Paths } from './paths.js';

/** Unpacks a tar into `target` as the sandboxes' root, and answers with tar's exit and words. */
export type Unpack = (target: string, tar: Readable) => Promise<{ code: number | undefined; stderr: string }>;

/** Returns when everything below `folder` would be there after a power cut. */
export type Settle = (folder: string) => Promise<void>;

/**
 * `layers/ID/tree` is the content, `layers/ID/layer.json` its size. A layer is made under a temporary name, brought
 * to the disk and renamed, so what has a name of its own is whole.
 */
export class Layers {
  readonly #paths: Paths;
  readonly #hostIdBase: number;
  readonly #unpack: Unpack;
  readonly #settle: Settle;
  readonly #making = new Map<string, Promise<LayerInfo>>();

  constructor(paths: Paths, hostIdBase: number, unpack: Unpack, settle: Settle = settleFileSystem) {
    this.#paths = paths;
    this.#hostIdBase = hostIdBase;
    this.#unpack = unpack;
    this.#settle = settle;
  }

  /** Removes what a life of the service that was killed left half-made. */
  async open(): Promise<void> {
    await mkdir(this.#paths.layers, { recursive: true, mode: 0o700 });
    for (const name of await readdir(this.#paths.layers)) {
      if (name.startsWith('.')) await removeTree(join(this.#paths.layers, name));
    }
  }

  async find(layerId: string): Promise<LayerInfo | undefined> {
    try {
      const text = await readFile(join(this.#paths.layer(layerId), 'layer.json'), 'utf8');
      return { layerId, bytes: (JSON.parse(text) as { bytes: number }).bytes };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }

  async list(): Promise<readonly LayerInfo[]> {
    const names = await readdir(this.#paths.layers);
    const found = await Promise.all(
      names.filter((name) => !name.startsWith('.')).map((name) => this.find(name)),
    );
    return found.filter((layer) => layer !== undefined);
  }

  async delete(layerId: string): Promise<void> {
    const doomed = join(this.#paths.layers, `.gone-${layerId}-${randomBytes(4).toString('hex')}`);
    try {
      await rename(this.#paths.layer(layerId), doomed);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
      throw error;
    }
    await removeTree(doomed);
  }

  /** Relative to the data folder, as the lower of an overlay. */
  lower(layerId: string): string {
    return `layers/${layerId}/tree`;
  }

  tree(layerId: string): string {
    return join(this.#paths.layer(layerId), 'tree');
  }

  /**
   * tar runs as nobody that the host knows, in namespaces of its own where only the new layer can be written:
   * whatever an archive tries (`..`, absolute names, links to climb, devices) it has no host to reach.
   */
  async import(layerId: string, tar: Readable): Promise<LayerInfo> {
    const existing = await this.find(layerId);
    const running = this.#making.get(layerId);
    if (existing !== undefined || running !== undefined) {
      tar.resume();
      const [layer] = await Promise.all([existing ?? running, finished(tar, { writable: false })]);
      if (layer !== undefined) return layer;
    }
    return this.#make(layerId, true, async (tree) => {
      await mkdir(tree);
      await chown(tree, this.#hostIdBase, this.#hostIdBase);
      const { code, stderr } = await this.#unpack(tree, tar);
      if (code === 0) return;
      if (/No space left on device|Disk quota exceeded/.test(stderr)) throw diskFull();
      if (code === undefined || code > 2) {
        throw new CodesetError('internal', 'ENGINE_FAILED', 'An archive could not be unpacked.', {
          cause: new Error(stderr),
        });
      }
      const said = stderr
        .split('\n')
        .find((line) => line.includes('tar: ') && !line.includes('Removing leading'));
      throw new CodesetError(
        'invalid-argument',
        'INVALID_ARCHIVE',
        `The archive can't be unpacked: ${said?.replace(/^.*?tar: /, '') ?? 'it is not a tar archive'}`,
      );
    });
  }

  /**
   * Copies an upper as it is: owners, modes, times, hard links, holes, whiteouts and the overlay's own marks.
   * @param lasting false for one that nobody asks for after a power cut.
   */
  copy(
    layerId: string,
    upper: string,
    lasting: boolean,
    hold: <T>(work: () => Promise<T>) => Promise<T>,
  ): Promise<LayerInfo> {
    return this.#make(layerId, lasting, async (tree) => {
      const result = await hold(() =>
        run('cp', ['-a', '--reflink=auto', '--sparse=auto', '-T', '--', upper, tree], { timeoutMs: 0 }),
      );
      if (result.code === 0) return;
      if (/No space left on device|Disk quota exceeded/.test(result.stderr)) throw diskFull();
      // Paths that no system call takes; whoever made them step by step can do without the copy.
      if (/File name too long|Too many levels/.test(result.stderr)) {
        throw new CodesetError(
          'failed-precondition',
          'TOO_LARGE',
          'What the sandbox wrote could not be copied: its folders are nested too deep.',
        );
      }
      throw new CodesetError('internal', 'ENGINE_FAILED', 'What the sandbox wrote could not be copied.', {
        cause: new Error(result.stderr),
      });
    });
  }

  #make(layerId: string, lasting: boolean, fill: (tree: string) => Promise<void>): Promise<LayerInfo> {
    const running = this.#making.get(layerId);
    if (running !== undefined) return running;
    const made = this.#makeOnce(layerId, lasting, fill).finally(() => this.#making.delete(layerId));
    this.#making.set(layerId, made);
    return made;
  }

  async #makeOnce(
    layerId: string,
    lasting: boolean,
    fill: (tree: string) => Promise<void>,
  ): Promise<LayerInfo> {
    const existing = await this.find(layerId);
    if (existing !== undefined) return existing;
    const temporary = join(this.#paths.layers, `.new-${layerId}-${randomBytes(4).toString('hex')}`);
    await mkdir(temporary);
    try {
      await fill(join(temporary, 'tree'));
      const bytes = await diskUsage([join(temporary, 'tree')]);
      await writeFile(join(temporary, 'layer.json'), `${JSON.stringify({ bytes })}\n`);
      if (lasting) await this.#settle(temporary);
      await rename(temporary, this.#paths.layer(layerId));
      if (lasting) await syncFolder(this.#paths.layers);
      return { layerId, bytes };
    } catch (error) {
      await removeTree(temporary);
      if ((error as NodeJS.ErrnoException).code === 'ENOSPC') throw diskFull();
      throw error;
    }
  }
}

/** All of the file system at once: a tree has a hundred thousand files, and each alone would wait for the disk. */
async function settleFileSystem(folder: string): Promise<void> {
  const result = await run('sync', ['--file-system', folder], { timeoutMs: 0 });
  if (result.code !== 0) throw new Error(`The layer could not be brought to the disk: ${result.stderr}`);
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

export function diskFull(): CodesetError {
  return new CodesetError(
    'resource-exhausted',
    'DISK_FULL',
    "The service's disk is full: close sessions, make room in its data folder, or remove samples (what they took is free after the next start).",
    { retryAfterMs: 30_000 },
  );
}

/** Bytes that the folders take on disk; hard links count once. */
export async function diskUsage(folders: readonly string[]): Promise<number> {
  const result = await run('du', ['-s', '-c', '-x', '-B1', '--', ...folders], { timeoutMs: 0 });
  const total = /^(\d+)\ttotal$/m.exec(result.stdout)?.[1];
  return total === undefined ? 0 : Number(total);
}

export async function removeTree(folder: string): Promise<void> {
  const result = await run('rm', ['-rf', '--one-file-system', '--', folder], { timeoutMs: 0 });
  if (result.code !== 0) await rm(folder, { recursive: true, force: true });
}
