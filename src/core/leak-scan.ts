import { PassThrough } from 'node:stream';
import { extract } from 'tar-stream';
import { commandEnv } from './command-env.js';
import { INIT, WORKSPACE } from './environment.js';
import { CodesetError } from './errors.js';
import { readObjects } from './git-objects.js';
import type { Sighting } from './leak-findings.js';
import type { PieceSearch } from './piece-search.js';
import type { Engine } from './ports/engine.js';
import { environmentOf, type SampleVersion } from './sample.js';
import type { Trees } from './trees.js';
import type { WorkSandbox, Workshop } from './work-sandbox.js';

/**
 * Of a sandbox that has the host's toolchain what is not the host's, which is every sample's: other file systems are
 * that, and the workspace is looked at by itself.
 */
const PACK_OWN = `find / /usr/local -xdev '(' -path ${WORKSPACE} -o -path /proc -o -path /sys -o -path /dev -o -path /run ')' -prune \\
  -o -type f -print0 | tar -c -f - -P --null --no-recursion --verbatim-files-from -T -`;
/** Of the root of a sandbox, what is no file of the image's; the workspace is looked at by itself. */
const NO_FILES: ReadonlySet<string> = new Set(['proc', 'sys', 'dev', 'run', WORKSPACE.slice(1)]);
const TIMEOUT_MS = 30 * 60_000;
/** What one tree or repository may hold before the rest of it is left. */
const MAX_BYTES = 16 * 1024 ** 3;
const GIT_ENV: Readonly<Record<string, string>> = {
  GIT_DIR: `${WORKSPACE}/.git`,
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_NO_REPLACE_OBJECTS: '1',
};

/** What was seen of the pieces, and what could not be looked at. */
export interface Scanned {
  readonly sightings: readonly Sighting[];
  readonly places: number;
  readonly unsearched: readonly string[];
}

interface Looking {
  readonly search: PieceSearch;
  readonly signal: AbortSignal;
  readonly saw: (sighting: Sighting) => void;
  /** What an absolute path is; undefined: not looked at. */
  readonly place: (path: string) => Omit<Sighting, 'found'> | undefined;
  readonly unsearched: string[];
}

/** Looks through everything that a session of a sample holds when it begins, in sandboxes made of the same layers. */
export class LeakScan {
  readonly #engine: Engine;
  readonly #workshop: Workshop;
  readonly #trees: Trees;

  constructor(parts: { engine: Engine; workshop: Workshop; trees: Trees }) {
    this.#engine = parts.engine;
    this.#workshop = parts.workshop;
    this.#trees = parts.trees;
  }

  /** @param sample READY */
  async scan(sample: SampleVersion, search: PieceSearch, signal: AbortSignal): Promise<Scanned> {
    const sightings: Sighting[] = [];
    const unsearched: string[] = [];
    let places = 0;
    const saw = (sighting: Sighting): void => {
      places++;
      if (sighting.found.size > 0) sightings.push(sighting);
    };
    this.#words(sample, search, saw);
    const base = await this.#git(sample, search, signal, saw, unsearched);
    await this.#files(sample, search, signal, unsearched, ({ path, ...rest }) => {
      const known = base.has(path.slice(WORKSPACE.length + 1));
      saw({ ...rest, path, ...(rest.area === 'WORKSPACE' && known ? { git: 'base' as const } : {}) });
    });
    return { sightings, places, unsearched };
  }

  #words(sample: SampleVersion, search: PieceSearch, saw: (sighting: Sighting) => void): void {
    const environment = environmentOf(sample);
    const env = commandEnv(this.#engine, environment, environment.network, environment.user);
    const task = search.place();
    task.feed(Buffer.from(sample.task));
    saw({ area: 'TASK', path: 'task.md', found: task.found });
    for (const [name, value] of Object.entries(env)) {
      const variable = search.place();
      variable.feed(Buffer.from(value));
      saw({ area: 'ENVIRONMENT', path: name, found: variable.found });
    }
  }

  /** @returns the paths of the commit that HEAD is at */
  async #git(
    sample: SampleVersion,
    search: PieceSearch,
    signal: AbortSignal,
    saw: (sighting: Sighting) => void,
    unsearched: string[],
  ): Promise<ReadonlySet<string>> {
    await using side = await this.#trees.open(sample.layers.workspace, signal);
    const git = (argv: readonly string[], onOutput?: (data: Uint8Array) => void) =>
      side.run({
        argv: ['git', ...argv],
        env: GIT_ENV,
        timeoutMs: TIMEOUT_MS,
        signal,
        ...(onOutput === undefined ? {} : { onOutput }),
      });
    const tree = await git(['ls-tree', '-r', '-z', 'HEAD']);
    if (tree.exit.code !== 0) {
      unsearched.push('The workspace has no git repository that git can read, or no commit in it.');
      return new Set();
    }
    const base = new Map<string, string>();
    for (const entry of tree.stdout.toString().split('\0')) {
      const [, id = '', path = ''] = /^\d+ \w+ ([0-9a-f]+)\t(.*)$/s.exec(entry) ?? [];
      if (id !== '') base.set(path, id);
    }
    const objects: { readonly type: string; readonly id: string; readonly found: ReadonlySet<number> }[] = [];
    const reading = readObjects((type, id) => {
      const place = search.place();
      objects.push({ type, id, found: place.found });
      return (part) => place.feed(part);
    });
    const read = await git(['cat-file', '--batch-all-objects', '--unordered', '--batch'], reading);
    if (read.exit.code !== 0)
      unsearched.push(`Not all of git's objects could be read: ${read.stderr.slice(-500)}`);
    const blobs = new Set(base.values());
    const holding = new Set(objects.filter(({ found }) => found.size > 0).map(({ id }) => id));
    const past = new Set<string>();
    if ([...holding].some((id) => !blobs.has(id))) {
      const listed = await git(['rev-list', '--objects', '--no-object-names', 'HEAD']);
      for (const id of listed.stdout.toString().split('\n')) if (holding.has(id)) past.add(id);
    }
    for (const { type, id, found } of objects) {
      const state = blobs.has(id) ? 'base' : past.has(id) ? 'past' : 'loose';
      saw({ area: 'GIT', path: `${type} ${id}`, found, git: state });
    }
    return new Set(base.keys());
  }

  async #files(
    sample: SampleVersion,
    search: PieceSearch,
    signal: AbortSignal,
    unsearched: string[],
    saw: (sighting: Sighting) => void,
  ): Promise<void> {
    const environment = environmentOf(sample);
    await using sandbox = await this.#workshop.open(
      {
        purpose: 'verification',
        environment,
        rootLayers: sample.layers.root,
        workspaceLayers: sample.layers.workspace,
        resources: sample.manifest.resources,
        network: 'none',
      },
      signal,
    );
    const looking = { search, signal, saw, unsearched };
    await packed(sandbox, [INIT, 'pack', '/', WORKSPACE.slice(1)], {
      ...looking,
      // Git's objects were read as what they hold.
      place: (path) =>
        path.startsWith(`${WORKSPACE}/.git/objects/`)
          ? undefined
          : { area: path.startsWith(`${WORKSPACE}/.git/`) ? 'GIT' : 'WORKSPACE', path },
    });
    const outside = { ...looking, place: (path: string) => ({ area: 'OUTSIDE' as const, path }) };
    if (environment.ground?.image === undefined) {
      await packed(sandbox, ['/bin/sh', '-c', PACK_OWN], outside);
      return;
    }
    for (const name of await topOf(sandbox, signal))
      await packed(sandbox, [INIT, 'pack', '/', name], outside);
  }
}

/** A tree or what came out of it was more than is looked through. */
class TooMuch extends Error {
  override readonly name = 'TooMuch';
}

/** Looks through the archive that a command prints, names in it being relative to the root. */
async function packed(
  sandbox: WorkSandbox,
  argv: readonly string[],
  { search, signal, saw, place, unsearched }: Looking,
): Promise<void> {
  const tar = new PassThrough();
  const looking = (async () => {
    try {
      for await (const entry of tar.pipe(extract())) {
        const at = place(`/${entry.header.name.replace(/^\/+/, '')}`);
        const looked = search.place();
        for await (const part of entry as AsyncIterable<Buffer>) if (at !== undefined) looked.feed(part);
        if (at !== undefined && entry.header.type === 'file') saw({ ...at, found: looked.found });
      }
    } finally {
      tar.destroy();
    }
  })();
  // Told below; until then the command that packs is waited for.
  looking.catch(() => undefined);
  let bytes = 0;
  try {
    const { exit, stderr } = await sandbox.run({
      argv,
      env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
      timeoutMs: TIMEOUT_MS,
      signal,
      onOutput: async (data) => {
        bytes += data.length;
        if (bytes > MAX_BYTES) throw new TooMuch(`It holds more than ${MAX_BYTES / 1024 ** 3} GiB.`);
        if (tar.destroyed || tar.write(Buffer.from(data))) return;
        await room(tar);
      },
    });
    tar.end();
    await looking;
    if (exit.code !== 0) unsearched.push(`Not all files could be read: ${stderr.slice(-500) || exit.reason}`);
  } catch (error) {
    if (signal.aborted || error instanceof CodesetError) throw error;
    unsearched.push(`Not all files could be looked through: ${(error as Error).message}`);
  } finally {
    tar.destroy();
  }
}

/** Waits until more can be written, or nothing any more. */
function room(tar: PassThrough): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      tar.off('drain', done).off('close', done);
      resolve();
    };
    tar.once('drain', done).once('close', done);
  });
}

/** The folders and files at the top of a root. */
async function topOf(sandbox: WorkSandbox, signal: AbortSignal): Promise<readonly string[]> {
  const listed = await sandbox.run({
    argv: [INIT, 'fs', 'list', '--', '/', '0', '10000'],
    timeoutMs: TIMEOUT_MS,
    signal,
  });
  if (listed.exit.code !== 0) throw new Error(`The root of a sandbox could not be listed: ${listed.stderr}`);
  const [, ...lines] = listed.stdout.toString().split('\n').filter(Boolean);
  return lines
    .map((line) => (JSON.parse(line) as { readonly name: string }).name)
    .filter((name) => !NO_FILES.has(name));
}
