import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, writeFileSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import Docker from 'dockerode';
import { claimDataFolder, DAEMON_FOLDER, remains, type DataFolder } from './dockerd-data.js';
import { ensureTestImage } from './test-image.js';

const run = promisify(execFile);

const READY_MS = 120_000;
const STOP_MS = 40_000;
/** Everybody may go through the folders above it: a daemon whose root is nobody insists on that. */
const REMAPPED_ROOT = '/mnt';

export interface DockerdOptions {
  /** Containers go on while the daemon is away. */
  readonly liveRestore?: boolean;
  /**
   * A network namespace and a firewall of its own: containers' bridges work as they do on a server, and nothing of
   * this machine's firewall is touched. The daemon then reaches no registry on this machine's loopback.
   */
  readonly ownNetwork?: boolean;
  /** OCI runtimes beside its own: paths of programs, by name. */
  readonly runtimes?: Readonly<Record<string, string>>;
  /** userns-remap: the first of the 65,536 ids of this machine that its containers' are mapped to. */
  readonly remapTo?: number;
  /** Asked over TLS as well, at a port of loopback: a folder with ca.pem, server.pem and server-key.pem. */
  readonly tls?: string;
}

/** A Docker daemon of the tests' own, as root, with the test image. It ends with all that it made. */
export interface Dockerd extends AsyncDisposable {
  /** As DOCKER_HOST has it. */
  readonly host: string;
  readonly socketPath: string;
  readonly api: Docker;
  /** Changes with each start. */
  readonly pid: number;
  readonly dataRoot: string;
  /** Where it speaks TLS. @throws Error where it was not told to */
  tlsPort(): Promise<number>;
  /** Again after stop or kill, over the same data. Resolves when it answers. */
  start(): Promise<void>;
  /** SIGTERM: the daemon ends its containers, unless it has live-restore. */
  stop(): Promise<void>;
  /** SIGKILL of the daemon alone: its containers go on. */
  kill(): Promise<void>;
}

/** Starts one. Give the hook or test that awaits it DOCKER_START_MS. @throws Error with the end of its log. */
export async function startDockerd(options: DockerdOptions = {}): Promise<Dockerd> {
  const folder = await mkdtemp(DAEMON_FOLDER);
  const daemon = new OwnDockerd(await claimDataFolder(folder), folder, options);
  try {
    await daemon.start();
    await daemon.removeAll();
    await ensureTestImage(daemon.api);
  } catch (error) {
    await daemon[Symbol.asyncDispose]();
    throw error;
  }
  return daemon;
}

/** For the hook that starts a daemon or asks for the shared one: the first of a checkout makes the image. */
export const DOCKER_START_MS = 400_000;

class OwnDockerd implements Dockerd {
  readonly host: string;
  readonly socketPath: string;
  readonly api: Docker;
  readonly #data: DataFolder;
  readonly #folder: string;
  readonly #options: DockerdOptions;
  #process: ChildProcess | undefined;

  constructor(data: DataFolder, folder: string, options: DockerdOptions) {
    this.#data = data;
    // Short: a socket's path has 107 bytes, and containerd makes its own below.
    this.#folder = folder;
    this.#options = options;
    this.socketPath = join(folder, 'docker.sock');
    this.host = `unix://${this.socketPath}`;
    this.api = new Docker({ socketPath: this.socketPath });
  }

  get pid(): number {
    return this.#process?.pid ?? -1;
  }

  get dataRoot(): string {
    return this.#data.path;
  }

  async start(): Promise<void> {
    const args = [
      ['--data-root', this.#options.remapTo === undefined ? this.#data.path : REMAPPED_ROOT],
      ['--exec-root', join(this.#folder, 'exec')],
      ['--pidfile', join(this.#folder, 'pid')],
      ['-H', this.host],
      ['--config-file', join(this.#folder, 'none.json')],
      // No default bridge, which would be the one of a Docker that runs here already.
      ['--bridge', 'none'],
      this.#options.ownNetwork === true
        ? []
        : ['--iptables=false', '--ip6tables=false', '--ip-masq=false', '--ip-forward=false'],
      this.#options.liveRestore === true ? ['--live-restore'] : [],
      // Whom Debian has for the oldest of daemons, and nothing else needs.
      this.#options.remapTo === undefined ? [] : ['--userns-remap', 'daemon'],
      tlsFlags(this.#options.tls),
      ['--shutdown-timeout', '5'],
      ...Object.entries(this.#options.runtimes ?? {}).map(([name, path]) => [
        '--add-runtime',
        `${name}=${path}`,
      ]),
    ].flat();
    // The machine's own settings, which may speak against these flags, are not ours.
    writeFileSync(join(this.#folder, 'none.json'), '{}');
    mkdirSync(join(this.#folder, 'exec'), { recursive: true });
    const log = openSync(this.#logPath, 'w');
    // Its end comes with ours, however that is; and a Ctrl-C ends it only after what stands on it.
    const command = ['setpriv', '--pdeathsig', 'TERM', 'dockerd', ...args];
    const inNetwork =
      this.#options.ownNetwork === true
        ? ['unshare', '--net', 'sh', '-c', 'ip link set lo up && exec "$@"', 'sh', ...command]
        : command;
    const line =
      this.#options.remapTo === undefined
        ? inNetwork
        : [...(await this.#withSubordinates(this.#options.remapTo)), ...inNetwork];
    const child = spawn(line[0] ?? '', line.slice(1), { stdio: ['ignore', log, log], detached: true });
    closeSync(log);
    let failed: Error | undefined;
    child.on('error', (error) => (failed = error));
    this.#process = child;
    for (const end = Date.now() + READY_MS; !(await answers(this.api)); await delay(100)) {
      const gone = failed !== undefined || child.exitCode !== null || child.signalCode !== null;
      if (!gone && Date.now() < end) continue;
      if (!gone) await this.kill();
      const words = failed?.message ?? (await this.#lastWords());
      throw new Error(`The tests' Docker daemon does not start here: ${words}`);
    }
  }

  /** Sees other subordinate ids than this machine has, and its data where those ids get through, without a change to it. */
  async #withSubordinates(first: number): Promise<readonly string[]> {
    const file = join(this.#folder, 'subid');
    await writeFile(file, `daemon:${first}:65536\n`);
    const bind =
      'mount --bind "$1" "$2" && for f in /etc/subuid /etc/subgid; do mount --bind "$0" $f || exit; done; ' +
      'shift 2; exec "$@"';
    return ['unshare', '--mount', 'sh', '-c', bind, file, this.#data.path, REMAPPED_ROOT];
  }

  /** It tells of each of its addresses by itself: of this one perhaps later than the other answers. */
  async tlsPort(): Promise<number> {
    for (const end = Date.now() + READY_MS; ; await delay(100)) {
      const [, port] = /API listen on 127\.0\.0\.1:(\d+)/.exec(await readFile(this.#logPath, 'utf8')) ?? [];
      if (port !== undefined) return Number(port);
      if (Date.now() > end) throw new Error("The tests' Docker daemon listens on no port.");
    }
  }

  get #logPath(): string {
    return join(this.#folder, 'log');
  }

  async #lastWords(): Promise<string> {
    const log = await readFile(this.#logPath, 'utf8').catch(() => '');
    return log.trim().split('\n').slice(-4).join('\n');
  }

  stop(): Promise<void> {
    return this.#end('SIGTERM');
  }

  kill(): Promise<void> {
    return this.#end('SIGKILL');
  }

  async #end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const child = this.#process;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill(signal);
    const late = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
    await exited;
    clearTimeout(late);
    this.#process = undefined;
    await this.#containerdGone();
  }

  /**
   * A killed daemon takes its containerd along, a moment later. The next one would wait for that one in vain, also
   * for its zombie where nobody reaps it.
   */
  async #containerdGone(): Promise<void> {
    const pidFile = join(this.#folder, 'exec', 'containerd', 'containerd.pid');
    const pid = (await readFile(pidFile, 'utf8').catch(() => '')).trim();
    if (pid === '') return;
    for (let state = '?'; !['', 'Z', 'X'].includes(state);) {
      const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
      state = stat.slice(stat.lastIndexOf(')') + 2).slice(0, 1);
      if (!['', 'Z', 'X'].includes(state)) await delay(20);
    }
    await rm(pidFile, { force: true });
  }

  /** All but the test image, so that the next start finds an empty daemon. */
  async removeAll(): Promise<void> {
    const { api } = this;
    for (const { Id } of await api.listContainers({ all: true })) {
      await api.getContainer(Id).remove({ force: true, v: true });
    }
    for (const { Mountpoint, Name } of (await api.listVolumes()).Volumes) {
      // One that was killed in mid-removal can't remove it without.
      if (Mountpoint.startsWith(`${this.dataRoot}/`)) mkdirSync(Mountpoint, { recursive: true });
      await api.getVolume(Name).remove();
    }
    for (const { Id, Name } of await api.listNetworks()) {
      if (!['none', 'host', 'bridge'].includes(Name)) await api.getNetwork(Id).remove();
    }
    for (const { Id, RepoTags } of await api.listImages({ all: true })) {
      if (RepoTags?.some((tag) => tag.startsWith('codeset-test/')) === true) continue;
      // A parent goes only after its children, and those of the test image stay.
      await api
        .getImage(Id)
        .remove({ force: true })
        .catch(() => undefined);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const running = await answers(this.api);
    if (running) await this.removeAll().catch(() => undefined);
    await this.stop();
    await this.#data.release();
    const left = await remains(this.#data.path, this.#folder);
    if (left.length > 0) console.error(['A Docker daemon of the tests left behind:', ...left].join('\n  '));
    await rm(this.#folder, { recursive: true, force: true, maxRetries: 5 });
    // A daemon that maps ids makes itself another beside it.
    const { remapTo } = this.#options;
    if (remapTo !== undefined)
      await rm(`${this.#folder}.${remapTo}.${remapTo}`, { recursive: true, force: true, maxRetries: 5 });
  }
}

function tlsFlags(folder: string | undefined): readonly string[] {
  if (folder === undefined) return [];
  const files = { tlscacert: 'ca.pem', tlscert: 'server.pem', tlskey: 'server-key.pem' };
  return [
    ...['--tlsverify', '-H', 'tcp://127.0.0.1:0'],
    ...Object.entries(files).flatMap(([flag, name]) => [`--${flag}`, join(folder, name)]),
  ];
}

async function answers(api: Docker): Promise<boolean> {
  return await api.ping().then(
    () => true,
    () => false,
  );
}

/** Why this machine can't start a daemon; undefined where it can. */
export async function dockerdLacks(): Promise<string | undefined> {
  if (process.getuid?.() !== 0) return 'starting one takes root';
  for (const program of ['dockerd', 'setpriv']) {
    const found = await run('sh', ['-c', `command -v ${program}`]).catch(() => undefined);
    if (found === undefined) return `there is no ${program} (Debian: apt-get install docker.io util-linux)`;
  }
  return undefined;
}
