import { execFile } from 'node:child_process';
import { mkdir, open, readdir, readFile, readlink, unlink } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';

const FOLDER = resolve(import.meta.dirname, '../../.setup/dockerd');
const GONE_MS = 10_000;

/**
 * A daemon's data, kept between runs so that an image is imported once. One daemon at a time has it: as many
 * folders come to be as there are daemons at once.
 */
export interface DataFolder {
  readonly path: string;
  /** Notes the daemon, for whoever finds the folder after a run that was killed. */
  heldBy(pid: number): Promise<void>;
  /** Ends what of the daemon is left (a killed one leaves its containers) and lets the folder go. */
  release(execRoot: string): Promise<void>;
}

/** The first that nobody has. What a killed run left running on it is ended first. */
export async function claimDataFolder(): Promise<DataFolder> {
  await mkdir(FOLDER, { recursive: true, mode: 0o700 });
  for (let index = 0; ; index++) {
    const path = join(FOLDER, String(index));
    const claim = `${path}.claim`;
    if (!(await take(claim))) continue;
    await endUsers(path);
    await mkdir(path, { recursive: true });
    return {
      path,
      heldBy: (pid) => write(claim, [process.pid, pid]),
      release: async (execRoot) => {
        await endUsers(path, execRoot);
        await unlink(claim);
      },
    };
  }
}

/** A file that exists once; one whose processes are gone is taken over. */
async function take(claim: string): Promise<boolean> {
  for (;;) {
    try {
      const file = await open(claim, 'wx');
      await file.writeFile(await identity(process.pid));
      await file.close();
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const holder = (await readFile(claim, 'utf8').catch(() => '')).split('\n')[0] ?? '';
    // Empty: its maker is just writing it, or was killed there; it is asked again a little later.
    if (holder === '') await delay(500);
    const still = (await readFile(claim, 'utf8').catch(() => '')).split('\n')[0] ?? '';
    if (still !== '' && (await identity(Number(still.split(' ')[0]))) === still) return false;
    await unlink(claim).catch(() => undefined);
  }
}

async function write(claim: string, pids: readonly number[]): Promise<void> {
  const lines = await Promise.all(pids.map(identity));
  const file = await open(claim, 'w');
  await file.writeFile(lines.join('\n'));
  await file.close();
}

/** A process for good: ids come round again. Empty when it is not there. */
async function identity(pid: number): Promise<string> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  return stat === undefined ? '' : `${pid} ${stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]}`;
}

/** Ends the daemon, its shims and its containers, and takes away their mounts. */
async function endUsers(dataRoot: string, execRoot?: string): Promise<void> {
  const roots = [dataRoot, ...(execRoot === undefined ? [] : [execRoot])];
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
  const mounts = (await readFile('/proc/self/mountinfo', 'utf8'))
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
    .filter((point) => roots.some((root) => point === root || point.startsWith(`${root}/`)));
  for (const point of mounts.toReversed()) {
    await promisify(execFile)('umount', ['-l', point]).catch(() => undefined);
  }
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
