import { execFile } from 'node:child_process';
import { mkdir, open, readdir, readFile, readlink, rm, rmdir, unlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';

const FOLDER = resolve(import.meta.dirname, '../../.setup/dockerd');
const GONE_MS = 10_000;
/** Folders of daemons: sockets, logs, and what of containers is in memory only. */
export const DAEMON_FOLDER = join(tmpdir(), 'cs-dk-');

/**
 * A daemon's data, kept between runs so that an image is imported once. One daemon at a time has it: as many
 * folders come to be as there are daemons at once.
 */
export interface DataFolder {
  readonly path: string;
  /** Ends what of the daemon is left (a killed one leaves its containers) and lets the folder go. */
  release(): Promise<void>;
}

/**
 * The first that nobody has. What a killed run left of it is ended and taken away first: a daemon, and where that is
 * gone too its shims, containers, mounts and its folder.
 * @param folder the daemon's own, made from DAEMON_FOLDER; it is in the claim for whoever finds that after such a run
 */
export async function claimDataFolder(folder: string): Promise<DataFolder> {
  await mkdir(FOLDER, { recursive: true, mode: 0o700 });
  for (let index = 0; ; index++) {
    const path = join(FOLDER, String(index));
    const claim = `${path}.claim`;
    const former = await take(claim, folder);
    if (former === undefined) continue;
    await endUsers([path, ...former]);
    for (const left of former) {
      // Never through a mount that could not be taken away.
      if ((await mountsOf([left])).length === 0) await rm(left, { recursive: true, force: true });
    }
    await mkdir(path, { recursive: true });
    return {
      path,
      release: async () => {
        await endUsers([path, folder]);
        await unlink(claim);
      },
    };
  }
}

/**
 * A file that exists once; one whose process is gone is taken over.
 * @returns folders of the daemons that had it before; undefined where somebody has it
 */
async function take(claim: string, folder: string): Promise<readonly string[] | undefined> {
  const former: string[] = [];
  for (;;) {
    try {
      const file = await open(claim, 'wx');
      await file.writeFile(`${await identity(process.pid)}\n${folder}\n`);
      await file.close();
      return former;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const holder = (await readFile(claim, 'utf8').catch(() => '')).split('\n')[0] ?? '';
    // Empty: its maker is just writing it, or was killed there; it is asked again a little later.
    if (holder === '') await delay(500);
    const [still = '', left = ''] = (await readFile(claim, 'utf8').catch(() => '')).split('\n');
    if (still !== '' && (await identity(Number(still.split(' ')[0]))) === still) return undefined;
    if (left.startsWith(DAEMON_FOLDER) && dirname(left) === dirname(DAEMON_FOLDER)) former.push(left);
    await unlink(claim).catch(() => undefined);
  }
}

/** A process for good: ids come round again. Empty when it is not there. */
async function identity(pid: number): Promise<string> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  return stat === undefined ? '' : `${pid} ${stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]}`;
}

/**
 * Ends the daemon, its shims and its containers, and takes away their mounts and cgroups.
 * @param folders the daemon's data and its own
 */
async function endUsers([dataRoot = '', ...others]: readonly string[]): Promise<void> {
  const roots = [dataRoot, ...others];
  for (const end = Date.now() + GONE_MS; ; await delay(50)) {
    const pids = await usersOf(roots);
    for (const { pid, args } of pids) {
      const at = args.indexOf('--exec-root');
      const own = at < 0 ? undefined : args[at + 1];
      if (own !== undefined && !roots.includes(own)) roots.push(own);
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It has just ended.
      }
    }
    if (pids.length === 0 || Date.now() > end) break;
  }
  for (const point of (await mountsOf(roots)).toReversed()) {
    await promisify(execFile)('umount', ['-l', point]).catch(() => undefined);
  }
  // A process that has just ended holds its cgroup for a moment.
  for (const end = Date.now() + GONE_MS; Date.now() < end; await delay(50)) {
    const cgroups = await cgroupsOf(dataRoot);
    if (cgroups.length === 0) break;
    for (const cgroup of cgroups) await rmdir(cgroup).catch(() => undefined);
  }
}

/** What there still is of a daemon that was let go: processes, mounts and cgroups, a line each. */
export async function remains(dataRoot: string, folder: string): Promise<readonly string[]> {
  const roots = [dataRoot, folder];
  return [
    ...(await usersOf(roots)).map(({ pid, args }) => `process ${pid} ${args.join(' ')}`),
    ...(await mountsOf(roots)).map((point) => `mount ${point}`),
    ...(await cgroupsOf(dataRoot)).map((cgroup) => `cgroup ${cgroup}`),
  ];
}

/** Mount points at or below folders, as they were mounted. */
async function mountsOf(roots: readonly string[]): Promise<readonly string[]> {
  return (await readFile('/proc/self/mountinfo', 'utf8'))
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
    .filter((point) => roots.some((root) => point === root || point.startsWith(`${root}/`)));
}

/** Of the containers that a daemon has on record, deepest first. All daemons of a machine make them in one place. */
export async function cgroupsOf(dataRoot: string): Promise<readonly string[]> {
  const top = '/sys/fs/cgroup';
  const ids = await readdir(join(dataRoot, 'containers')).catch(() => []);
  const hierarchies = (await readdir(top).catch(() => [])).map((name) => join(top, name));
  const found: string[] = [];
  for (const parent of [top, ...hierarchies].map((path) => join(path, 'docker'))) {
    const there = new Set(await readdir(parent).catch(() => []));
    for (const path of ids.filter((id) => there.has(id)).map((id) => join(parent, id))) {
      const below = await readdir(path, { recursive: true, withFileTypes: true }).catch(() => []);
      const folders = below.filter((entry) => entry.isDirectory());
      found.push(...folders.map(({ parentPath, name }) => join(parentPath, name)), path);
    }
  }
  return found.toSorted((a, b) => b.length - a.length);
}

/** Daemons by their arguments; shims by their containerd's address; containers by the file system they stand on. */
async function usersOf(roots: readonly string[]): Promise<readonly { pid: number; args: string[] }[]> {
  const found = [];
  for (const name of await readdir('/proc')) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    const args = (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).split('\0');
    const program = await readlink(`/proc/${pid}/exe`).catch(() => '');
    const ours =
      /\/(dockerd|containerd|containerd-shim[\w-]*|docker-proxy)$/.test(program) &&
      args.some((arg) => roots.some((root) => arg === root || arg.startsWith(`${root}/`)));
    if (ours || (await standsOn(pid, roots))) found.push({ pid, args });
  }
  return found;
}

async function standsOn(pid: number, roots: readonly string[]): Promise<boolean> {
  const mounts = await readFile(`/proc/${pid}/mountinfo`, 'utf8').catch(() => '');
  const first = mounts.split('\n').find((line) => line.split(' ')[4] === '/');
  return first !== undefined && roots.some((root) => first.includes(`upperdir=${root}/`));
}
