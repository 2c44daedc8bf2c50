import {
  chmod,
  copyFile,
  lchown,
  lstat,
  mkdir,
  readFile,
  rename,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { AGENT_UID, WORKSPACE } from '../../core/environment.js';
import type { SandboxPart, SandboxSpec } from '../../core/ports/engine.js';
import { startingCapabilitiesFor } from '../shared/capabilities.js';
import { ociConfig, ownerInside, type Bind } from './bundle.js';
import { run, runDetaching } from './command.js';
import { CODESET_RUN, type HostRoot } from './host-root.js';
import { type Ids, runInside } from './ids.js';
import type { Layers } from './layers.js';
import { filterFlags, openPublicNetwork, resolvConf } from './network.js';
import { overlayOptions, type OverlayFeatures } from './overlay.js';
import type { Paths, SandboxPaths } from './paths.js';
import type { ProcessGroups } from './process-groups.js';
import { formatIdentity, identify } from './process-identity.js';
import type { Runtime } from './runtime.js';

export interface MakerParts {
  readonly paths: Paths;
  readonly hostRoot: HostRoot;
  /** The skeleton, relative to the data folder. */
  readonly skeleton: string;
  readonly layers: Layers;
  readonly groups: ProcessGroups;
  readonly runtime: Runtime;
  readonly overlay: OverlayFeatures;
  readonly ids: Ids;
  readonly initPath: string;
  readonly passThroughEnv: Readonly<Record<string, string>>;
}

/** Inotify instances are counted per mapped user over all sandboxes together, so each gets a share. */
const INOTIFY_INSTANCES = 32;

// One process of the host for all of it: mounts, the listening socket, then the runtime in the shell's place.
// The count of inotify instances is of the user namespace, which this may be in already.
const LAUNCH = `
cd "$1" || exit 1
[ -z "$6" ] || echo "$6" >/proc/sys/user/max_inotify_instances || exit 1
mount -t overlay -o "nosuid,nodev,$2" overlay "$3" || exit 1
mount -t overlay -o "nosuid,nodev,$4" overlay "$5" || exit 1
shift 6
exec "$@"`;

/** Makes one sandbox from its spec; what it leaves half-made after a failure is the caller's to remove. */
export class SandboxMaker {
  readonly #parts: MakerParts;
  #initFolder: string | undefined;

  constructor(parts: MakerParts) {
    this.#parts = parts;
  }

  /** The folder that sandboxes see as /run/codeset, one per kind of user; kept apart from later builds of init. */
  async prepareInit(): Promise<void> {
    const { initPath, paths } = this.#parts;
    const digest = createHash('sha256')
      .update(await readFile(initPath))
      .digest('hex')
      .slice(0, 12);
    const folder = join(paths.run, `init-${digest}`);
    for (const user of ['agent', 'root']) {
      const share = join(folder, user);
      await mkdir(join(share, 'bin'), { recursive: true });
      const target = join(share, 'init');
      if ((await lstat(target).catch(() => undefined)) === undefined) {
        await copyFile(initPath, `${target}.new`);
        await chmod(`${target}.new`, 0o755);
        await rename(`${target}.new`, target);
      }
      await symlink('../init', join(share, 'bin', 'as-subject')).catch(ignoreExisting);
      // What the name means, a file of the sandbox says, which may be the subject's.
      const ids = user === 'agent' && this.#parts.ids.separate ? ` ${AGENT_UID}:${AGENT_UID}` : '';
      await writeFile(join(share, 'subject'), `${user}${ids}\n`);
      // The code under test has the id of the script that judges it: init/apart.c keeps them apart.
      if (!this.#parts.ids.separate) await writeFile(join(share, 'apart'), '');
    }
    this.#initFolder = folder;
  }

  /** What is written first, so that whatever follows can be found and removed after a crash. */
  async record(spec: SandboxSpec, at: SandboxPaths): Promise<void> {
    await mkdir(at.data, { mode: 0o700 });
    await writeFile(at.spec, JSON.stringify(spec));
  }

  async make(spec: SandboxSpec, at: SandboxPaths, signal: AbortSignal | undefined): Promise<void> {
    const { ids, paths, runtime } = this.#parts;
    await this.#makeFolders(spec, at);
    await writeFile(join(at.run, 'config.json'), JSON.stringify(await this.#config(spec, at)));
    signal?.throwIfAborted();
    const stack = async (part: SandboxPart): Promise<string> => {
      const lowers = await this.lowers(part, part === 'root' ? spec.rootLayers : spec.workspaceLayers);
      const own = `sandboxes/${spec.sandboxId}/${part}`;
      return overlayOptions(lowers, `${own}/upper`, `${own}/work`, this.#parts.overlay);
    };
    const log = this.logPath(at);
    const [program = '', ...args] = ids.command([
      'sh',
      '-c',
      LAUNCH,
      'sh',
      paths.dataDir,
      await stack('root'),
      at.mount('root'),
      await stack('workspace'),
      at.mount('workspace'),
      ids.root ? '' : String(INOTIFY_INSTANCES),
      this.#parts.initPath,
      'listen',
      at.socket,
      runtime.program,
      '--root',
      paths.state,
      'run',
      '--detach',
      '--no-new-keyring',
      '--preserve-fds=1',
      '--pid-file',
      at.pidFile,
      '--bundle',
      at.run,
      spec.sandboxId,
    ]);
    const code = await runDetaching(program, args, log, signal === undefined ? {} : { signal });
    signal?.throwIfAborted();
    if (code !== 0) throw new Error(`the runtime ended with ${code}: ${await this.logText(at)}`);
    const pid = Number(await readFile(at.pidFile, 'utf8'));
    const identity = await identify(pid);
    if (identity === undefined) throw new Error(`init ended at once: ${await this.logText(at)}`);
    await writeFile(at.process, formatIdentity(identity));
    const limited = ids.root ? limitInotify(pid) : undefined;
    if (spec.network === 'public') await openPublicNetwork(pid, at, log, this.#parts.passThroughEnv);
    await limited;
    signal?.throwIfAborted();
  }

  logPath(at: SandboxPaths): string {
    return join(at.run, 'log');
  }

  async logText(at: SandboxPaths): Promise<string> {
    return (await readFile(this.logPath(at), 'utf8').catch(() => '')).slice(-4000);
  }

  async #makeFolders(spec: SandboxSpec, at: SandboxPaths): Promise<void> {
    const { ids, paths } = this.#parts;
    for (const part of ['root', 'workspace'] as const) {
      await mkdir(at.upper(part), { recursive: true });
      await mkdir(at.work(part));
      await mkdir(at.mount(part), { recursive: true });
      // Whoever is mapped to root must own the work folder, or the mount turns read-only.
      await ids.own(at.work(part), 0);
      await ids.own(at.upper(part), 0);
    }
    await this.#giveTop(spec, at.upper('workspace'));
    await mkdir(paths.state, { recursive: true, mode: 0o700 });
    await writeFile(
      at.hosts,
      `127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost\n127.0.1.1\t${spec.hostname}\n`,
    );
    await writeFile(at.hostname, `${spec.hostname}\n`);
    await writeFile(at.resolvConf, spec.network === 'public' ? resolvConf() : '');
  }

  /** The workspace's own folder is as the layer below shows it; where none says whose it is, the user's. */
  async #giveTop(spec: SandboxSpec, upper: string): Promise<void> {
    const { ids, layers } = this.#parts;
    const owner = ownerInside(spec.environment.user, AGENT_UID);
    const top = spec.workspaceLayers.at(-1);
    const below = top === undefined ? undefined : await lstat(layers.tree(top));
    const copied = top !== undefined && (await layers.find(top))?.copied === true;
    await chmod(upper, below === undefined ? 0o755 : below.mode & 0o7777);
    if (copied && below !== undefined) await utimes(upper, below.atime, below.mtime);
    // Last: afterwards it may be another's.
    if (!copied || below === undefined) await ids.own(upper, owner);
    else if (ids.root) await lchown(upper, below.uid, below.gid);
    else if (ids.separate) await this.#ownLike(upper, layers.tree(top));
  }

  async #ownLike(path: string, other: string): Promise<void> {
    const result = await runInside(this.#parts.ids, ['chown', '-h', `--reference=${other}`, '--', path]);
    if (result.code !== 0) throw new Error(`The workspace can't be given to its user: ${result.stderr}`);
  }

  /** What a part stands on, lowest first, relative to the data folder. A layer that shows everything hides the rest. */
  async lowers(part: SandboxPart, layerIds: readonly string[]): Promise<readonly string[]> {
    const { layers, skeleton } = this.#parts;
    const found = await Promise.all(layerIds.map((layerId) => layers.find(layerId)));
    const whole = found.findLastIndex((layer) => layer?.whole === true);
    const shown = layerIds.slice(Math.max(0, whole)).map((layerId) => layers.lower(layerId));
    if (whole >= 0) return shown;
    return [part === 'root' ? `${skeleton}/tree` : `${skeleton}/empty`, ...shown];
  }

  async #config(spec: SandboxSpec, at: SandboxPaths): Promise<object> {
    const { groups, hostRoot, ids, layers } = this.#parts;
    if (this.#initFolder === undefined) throw new Error('prepareInit comes first');
    const user = spec.environment.user === 'root' ? 'root' : 'agent';
    const program = `${CODESET_RUN}/init`;
    const binds: Bind[] = [
      ...(await hostRoot.binds(join(at.mount('root'), 'local'))),
      { source: at.hosts, destination: '/etc/hosts' },
      { source: at.hostname, destination: '/etc/hostname' },
      { source: at.resolvConf, destination: '/etc/resolv.conf' },
      { source: at.mount('workspace'), destination: WORKSPACE, writable: true },
      ...(spec.network === 'public' ? await this.#trustedFiles() : []),
      ...spec.mounts.map((mount) => ({ source: layers.tree(mount.layer), destination: mount.path })),
      { source: join(this.#initFolder, user), destination: CODESET_RUN },
    ];
    return ociConfig({
      rootfs: join(at.mount('root'), 'root'),
      args: [
        ...(spec.network === 'public'
          ? [program, 'network', ...(await filterFlags(this.#parts.passThroughEnv)), '--']
          : []),
        program,
      ],
      hostname: spec.hostname,
      binds,
      capabilities: startingCapabilitiesFor(spec.network),
      ids,
      cgroupsPath: groups.cgroupsPath(spec.sandboxId),
      limits: { ...spec.resources, swap: groups.countsSwap },
      judging: spec.purpose === 'verification',
    });
  }

  /** Files that the passed-on variables name (CA bundles) and the system's own package indexes' settings. */
  async #trustedFiles(): Promise<readonly Bind[]> {
    const named = Object.values(this.#parts.passThroughEnv).filter((value) => value.startsWith('/'));
    const binds: Bind[] = [];
    for (const path of new Set([...named, '/etc/pip.conf', '/etc/npmrc'])) {
      // Already there: the skeleton has the certificates, and /usr is the host's.
      if (path.startsWith('/etc/ssl/certs') || path.startsWith('/usr/') || path.startsWith('/etc/pki/'))
        continue;
      const found = await lstat(path).catch(() => undefined);
      if (found?.isFile() === true && (found.mode & 0o004) !== 0)
        binds.push({ source: path, destination: path });
    }
    return binds;
  }
}

/** The count is of the namespace that the writer is in, so this can't be set from outside. */
async function limitInotify(pid: number): Promise<void> {
  const set = `echo ${INOTIFY_INSTANCES} >/proc/sys/user/max_inotify_instances`;
  await run('nsenter', ['-t', String(pid), '-U', '--', 'sh', '-c', set]);
}

function ignoreExisting(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EEXIST') throw error;
}
