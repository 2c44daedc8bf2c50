import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { access, readFile, realpath } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { pack } from 'tar-stream';
import { AGENT_UID } from '../../../core/environment.js';
import { failedPrecondition } from '../../../core/errors.js';
import { AGENT_HOME, withAgentGroup, withAgentUser } from './passwd.js';

/** What our own work on files needs; the rest of the list is for scripts that come later and is taken where it is. */
const NEEDED = ['cp', 'find', 'git', 'mkdir', 'rm', 'sed', 'sh', 'sort', 'tar', 'xargs'];
const WELCOME = [
  ...['awk', 'basename', 'cat', 'chmod', 'chown', 'cmp', 'cut', 'date', 'dd', 'diff', 'dirname', 'du'],
  ...[
    'echo',
    'env',
    'false',
    'grep',
    'gzip',
    'head',
    'id',
    'ln',
    'ls',
    'mkfifo',
    'mktemp',
    'mv',
    'patch',
    'printf',
    'pwd',
  ],
  ...['readlink', 'rmdir', 'sha256sum', 'sleep', 'stat', 'tail', 'test', 'touch', 'tr', 'true', 'uniq', 'wc'],
];
/** What git calls itself by when it fetches from a folder. */
const GIT_NAMES = ['git-upload-pack', 'git-receive-pack', 'git-upload-archive'];
const FOLDERS = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];

/**
 * A root of this machine's own git, shell and file tools with the libraries that they load and nothing else, as a tar.
 * The same machine gives the same bytes.
 * @throws {CodesetError} ENVIRONMENT_UNMET naming what this machine lacks
 */
export async function toolboxTar(folders: readonly string[] = FOLDERS): Promise<Buffer> {
  const programs = new Map<string, string>();
  for (const name of [...NEEDED, ...WELCOME]) {
    const path = await findProgram(name, folders);
    if (path !== undefined) programs.set(name, path);
  }
  const missing = NEEDED.filter((name) => !programs.has(name));
  if (missing.length > 0) {
    throw failedPrecondition(
      'ENVIRONMENT_UNMET',
      `This machine lacks ${missing.join(', ')}, from which the Docker engine makes the image for its own work: install ${missing.length === 1 ? 'it' : 'them'}, or name an image that has git and a shell in the setting toolbox_image.`,
      { metadata: { missing: missing.join(',') } },
    );
  }
  const root = new Root();
  await Promise.all(
    [...programs].map(async ([name, path]) => {
      const real = await realpath(path);
      root.file(`/usr/bin/${basename(real)}`, await readFile(real), 0o755);
      // Several names of one program (a BusyBox, a coreutils binary) stay one file.
      if (basename(real) !== name) root.link(`/usr/bin/${name}`, basename(real));
      for (const library of await librariesOf(real))
        root.file(library, await readFile(await realpath(library)), 0o755);
    }),
  );
  for (const name of GIT_NAMES) root.link(`/usr/bin/${name}`, 'git');
  root.link('/bin/sh', '../usr/bin/sh');
  const passwd = 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n';
  root.file('/etc/passwd', Buffer.from(withAgentUser(passwd, '/bin/sh') ?? passwd), 0o644);
  const group = 'root:x:0:\nnogroup:x:65534:\n';
  root.file('/etc/group', Buffer.from(withAgentGroup(group) ?? group), 0o644);
  // git complains where it finds none, though it needs nothing of them.
  root.folder('/usr/share/git-core/templates', 0o755);
  root.folder('/root', 0o700);
  root.folder('/tmp', 0o1777);
  root.folder('/run', 0o755);
  root.folder(AGENT_HOME, 0o755, AGENT_UID);
  return root.tar();
}

async function findProgram(name: string, folders: readonly string[]): Promise<string | undefined> {
  for (const folder of folders) {
    const path = join(folder, name);
    try {
      await access(path, constants.X_OK);
      return path;
    } catch {
      // the next folder, then
    }
  }
  return undefined;
}

/** Absolute paths of the loader and of all libraries of a program; none for a static one or a script. */
async function librariesOf(program: string): Promise<readonly string[]> {
  let told: string;
  try {
    told = (await promisify(execFile)('ldd', [program], { timeout: 30_000 })).stdout;
  } catch (error) {
    // "not a dynamic executable" is a good answer with a bad status.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
      throw failedPrecondition(
        'ENVIRONMENT_UNMET',
        'This machine has no ldd, by which the Docker engine finds the libraries for the image of its own work: install it, or name an image that has git and a shell in the setting toolbox_image.',
      );
    }
    return [];
  }
  return [...told.matchAll(/(?:=>\s+|^\s+)(\/\S+)\s+\(0x/gm)].map((match) => match[1] ?? '');
}

type Entry =
  | { readonly type: 'file'; readonly data: Buffer; readonly mode: number; readonly uid: number }
  | { readonly type: 'symlink'; readonly target: string }
  | { readonly type: 'directory'; readonly mode: number; readonly uid: number };

class Root {
  readonly #entries = new Map<string, Entry>();

  file(path: string, data: Buffer, mode: number): void {
    this.#parents(path);
    this.#entries.set(path, { type: 'file', data, mode, uid: 0 });
  }

  link(path: string, target: string): void {
    if (this.#entries.has(path)) return;
    this.#parents(path);
    this.#entries.set(path, { type: 'symlink', target });
  }

  folder(path: string, mode: number, uid = 0): void {
    this.#parents(path);
    this.#entries.set(path, { type: 'directory', mode, uid });
  }

  #parents(path: string): void {
    const parent = dirname(path);
    if (parent === '/') return;
    this.#parents(parent);
    if (!this.#entries.has(parent)) this.#entries.set(parent, { type: 'directory', mode: 0o755, uid: 0 });
  }

  async tar(): Promise<Buffer> {
    const archive = pack();
    const whole = buffer(archive);
    for (const [path, entry] of [...this.#entries].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
      const name = path.slice(1);
      const mtime = new Date(0);
      if (entry.type === 'symlink') archive.entry({ name, type: 'symlink', linkname: entry.target, mtime });
      else {
        const { mode, uid } = entry;
        const header = { name, mode, uid, gid: uid, mtime };
        if (entry.type === 'directory') archive.entry({ ...header, type: 'directory' });
        else archive.entry({ ...header, type: 'file', size: entry.data.length }, entry.data);
      }
    }
    archive.finalize();
    return whole;
  }
}
