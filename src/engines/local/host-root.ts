import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import {
  access,
  chmod,
  cp,
  lstat,
  mkdir,
  readFile,
  readdir,
  readlink,
  realpath,
  rename,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { AGENT_UID } from '../../core/environment.js';
import type { Bind } from './bundle.js';
import type { Ids } from './ids.js';
import type { ToolchainPath } from './options.js';
import { removeTree } from './trees-on-disk.js';

// The root that every sandbox starts from: a small tree of our own, the host's /usr bound into it, and no more of
// the host. It has two folders, which one overlay covers: `root` becomes /, `local` becomes /usr/local (a folder
// of the overlay can't be bound from below the bind of /usr).

/** Of the host's /etc, what programs need to run; nothing that holds a secret or names a user. */
const ETC = [
  'alternatives',
  'bash.bashrc',
  'bash_completion',
  'debconf.conf',
  'debian_version',
  'default/locale',
  'dpkg',
  'fonts',
  'gai.conf',
  'groff',
  'host.conf',
  'inputrc',
  'issue',
  'ld.so.cache',
  'ld.so.conf',
  'ld.so.conf.d',
  'locale.alias',
  'locale.conf',
  'locale.gen',
  'localtime',
  'login.defs',
  'lsb-release',
  'magic',
  'magic.mime',
  'mime.types',
  'networks',
  'nanorc',
  'openssl',
  'os-release',
  'perl',
  'profile',
  'profile.d',
  'protocols',
  'redhat-release',
  'rpc',
  'services',
  'shells',
  'skel',
  'ssl/openssl.cnf',
  'terminfo',
  'timezone',
  'vim',
  'xattr.conf',
];
const ETC_PREFIXES = ['java-', 'python', 'maven', 'gradle', 'ruby', 'php'];
const TRUST = ['ssl/certs', 'pki/tls/certs', 'pki/ca-trust/extracted'];

const TOP_LINKS = ['bin', 'sbin', 'lib', 'lib32', 'lib64', 'libx32'];
export const SYSTEM_PATH = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];
/** Where the engine puts what PID 1 needs. */
export const CODESET_RUN = '/run/codeset';

export class HostRoot {
  readonly #ids: Ids;
  readonly #toolchain: readonly ToolchainPath[];

  constructor(ids: Ids, toolchain: readonly ToolchainPath[]) {
    this.#ids = ids;
    this.#toolchain = toolchain;
  }

  get path(): string {
    const extra = this.#toolchain.flatMap((entry) => (entry.bin === undefined ? [] : [entry.bin]));
    return [...extra, ...SYSTEM_PATH].join(':');
  }

  /** Absolute host path of a program as sandboxes see it, or undefined. */
  async find(program: string): Promise<string | undefined> {
    const folders = program.includes('/')
      ? ['']
      : this.path
          .split(':')
          .filter((folder) => !folder.startsWith('/usr/local/') || this.#inToolchain(folder));
    for (const folder of folders) {
      const candidate = folder === '' ? program : `${folder}/${program}`;
      try {
        const real = await realpath(candidate);
        if (!this.#isVisible(real) || !(await stat(real)).isFile()) continue;
        await access(real, constants.X_OK);
        return candidate;
      } catch {
        continue;
      }
    }
    return undefined;
  }

  #inToolchain(path: string): boolean {
    return this.#toolchain.some((entry) => path === entry.path || path.startsWith(`${entry.path}/`));
  }

  #isVisible(real: string): boolean {
    if (this.#inToolchain(real)) return true;
    if (real.startsWith('/usr/local/')) return false;
    return real.startsWith('/usr/') || TOP_LINKS.some((name) => real.startsWith(`/${name}/`));
  }

  /** Read-only views of the host. `/usr/local` of the sandbox itself goes between the two. */
  async binds(local: string): Promise<readonly Bind[]> {
    const binds: Bind[] = [{ source: '/usr', destination: '/usr' }];
    for (const name of TOP_LINKS) {
      if (await isFolder(`/${name}`)) binds.push({ source: `/${name}`, destination: `/${name}` });
    }
    binds.push({ source: local, destination: '/usr/local', writable: true });
    for (const entry of this.#toolchain) binds.push({ source: entry.path, destination: entry.path });
    return binds;
  }

  /** Changes with what the sandboxes' toolchain is: distribution, packages, extra paths, id map. */
  async fingerprint(): Promise<string> {
    const hash = createHash('sha256');
    hash.update(`root skeleton 1\n${process.arch}\n${this.#ids.label}\n${this.path}\n`);
    hash.update(await readFile('/etc/os-release').catch(() => ''));
    for (const path of [
      '/var/lib/dpkg/status',
      '/var/lib/rpm/rpmdb.sqlite',
      '/lib/apk/db/installed',
      '/usr/bin',
      '/usr/lib',
      '/etc/alternatives',
      ...this.#toolchain.flatMap((entry) => [entry.path, entry.bin ?? entry.path]),
    ]) {
      const found = await stat(path).catch(() => undefined);
      hash.update(`${path} ${found === undefined ? '-' : `${found.mtimeMs} ${found.size}`}\n`);
    }
    return hash.digest('hex').slice(0, 32);
  }

  /** Makes the tree at `target` unless it is there. */
  async build(target: string): Promise<void> {
    if (await isFolder(target)) return;
    const temporary = `${target}.tmp`;
    // A life that was killed in the middle of this left it.
    await removeTree(this.#ids, temporary);
    const root = join(temporary, 'root');
    await mkdir(join(temporary, 'local'), { recursive: true });
    await this.#buildRoot(root);
    for (const name of ['bin', 'sbin', 'lib', 'include', 'share', 'src', 'etc', 'games'])
      await mkdir(join(temporary, 'local', name));
    for (const entry of this.#toolchain) {
      const inside = entry.path.startsWith('/usr/local/')
        ? join(temporary, 'local', entry.path.slice('/usr/local/'.length))
        : join(root, entry.path);
      await mkdir(inside, { recursive: true });
    }
    await this.#own(temporary, 0);
    await this.#own(join(root, 'home', 'agent'), AGENT_UID);
    await rename(temporary, target);
  }

  async #buildRoot(root: string): Promise<void> {
    const folders = [
      'dev',
      'etc',
      'home/agent',
      'mnt',
      'media',
      'opt',
      'proc',
      'root',
      'run',
      'srv',
      'sys',
      'tmp',
      'usr',
      'workspace',
      'var/cache',
      'var/lib',
      'var/log',
      'var/tmp',
      'var/spool',
      'var/mail',
    ];
    for (const folder of folders) await mkdir(join(root, folder), { recursive: true });
    await chmod(join(root, 'tmp'), 0o1777);
    await chmod(join(root, 'var/tmp'), 0o1777);
    // Others may pass through: a toolchain can lie below it.
    await chmod(join(root, 'root'), 0o711);
    await symlink('/run', join(root, 'var/run'));
    await symlink('/run/lock', join(root, 'var/lock'));
    for (const name of TOP_LINKS) {
      const found = await lstat(`/${name}`).catch(() => undefined);
      if (found?.isSymbolicLink() === true) await symlink(await readlink(`/${name}`), join(root, name));
      else if (found?.isDirectory() === true) await mkdir(join(root, name));
    }
    const etc = join(root, 'etc');
    await this.#copyEtc(etc);
    const { passwd, group } = this.#userFiles();
    const files: Record<string, string> = {
      passwd,
      group,
      'nsswitch.conf':
        'passwd: files\ngroup: files\nshadow: files\nhosts: files dns\nnetworks: files\nprotocols: files\nservices: files\n',
      hosts: '',
      hostname: '',
      'resolv.conf': '',
      fstab: '',
    };
    for (const [name, content] of Object.entries(files)) await writeFile(join(etc, name), content);
    await symlink('/proc/mounts', join(etc, 'mtab'));
  }

  /**
   * Where there is one id, the agent has it too: a user without root's capabilities, not one of its own. It comes
   * first then, so that its commands are told its name.
   */
  #userFiles(): { readonly passwd: string; readonly group: string } {
    const id = this.#ids.separate ? AGENT_UID : 0;
    const root = 'root:x:0:0:root:/root:/bin/bash\ndaemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin\n';
    const agent = `agent:x:${id}:${id}:agent:/home/agent:/bin/bash\n`;
    const nobody = 'nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n';
    const groups = 'root:x:0:\ndaemon:x:1:\ntty:x:5:\nstaff:x:50:\nusers:x:100:\n';
    const agents = `agent:x:${id}:\n`;
    return this.#ids.separate
      ? { passwd: root + agent + nobody, group: `${groups}${agents}nogroup:x:65534:\n` }
      : { passwd: agent + root + nobody, group: `${agents}${groups}nogroup:x:65534:\n` };
  }

  async #copyEtc(etc: string): Promise<void> {
    const names = (await readdir('/etc')).filter((name) =>
      ETC_PREFIXES.some((prefix) => name.startsWith(prefix)),
    );
    for (const name of [...ETC, ...names]) await copyReadable(`/etc/${name}`, join(etc, name), false);
    // Followed: what a link in here points to may lie where sandboxes see nothing.
    for (const name of TRUST) await copyReadable(`/etc/${name}`, join(etc, name), true);
  }

  async #own(path: string, uid: number): Promise<void> {
    await this.#ids.own(path, uid);
    if (!(await lstat(path)).isDirectory()) return;
    for (const name of await readdir(path)) await this.#own(join(path, name), uid);
  }
}

async function copyReadable(from: string, to: string, follow: boolean): Promise<void> {
  const found = await lstat(from).catch(() => undefined);
  if (found === undefined) return;
  await cp(from, to, {
    recursive: true,
    ...(follow ? { dereference: true } : { verbatimSymlinks: true }),
    preserveTimestamps: true,
    filter: async (source) => {
      const entry = await (follow ? stat(source) : lstat(source)).catch(() => undefined);
      // Nothing that only root may read is anybody else's business.
      return entry !== undefined && (entry.isSymbolicLink() || (entry.mode & 0o004) !== 0);
    },
  });
}

async function isFolder(path: string): Promise<boolean> {
  return (await lstat(path).catch(() => undefined))?.isDirectory() === true;
}
