import { existsSync, readFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { lchown } from 'node:fs/promises';
import { run } from './command.js';
import { ID_COUNT } from './options.js';

/** Ids of the sandboxes that stand for ids of the host. */
export interface IdRange {
  readonly inside: number;
  readonly outside: number;
  readonly count: number;
}

/**
 * Who the users of sandboxes are on this host, and how this service does what takes their ids. Root maps them itself
 * and lets the runtime make the user namespace; an ordinary user's commands enter one first.
 */
export interface Ids {
  /** Whether sandboxes have users that the kernel tells apart. */
  readonly separate: boolean;
  /** Whether the service is root, which needs no namespace for what it does. */
  readonly root: boolean;
  /** Changes with what a layer's owners mean. */
  readonly label: string;
  readonly ranges: readonly IdRange[];
  /** The command line that runs `argv` able to mount, and to touch whatever belongs to sandboxes' users. */
  command(argv: readonly string[]): readonly string[];
  /** The id on the host that a sandbox's stands for. */
  outside(id: number): number;
  /** Makes `path` belong to a sandbox's user. */
  own(path: string, id: number): Promise<void>;
}

/** Root: the sandboxes' users are nobodies of the host. */
export class RootIds implements Ids {
  readonly separate = true;
  readonly root = true;
  readonly label: string;
  readonly ranges: readonly IdRange[];
  readonly #base: number;

  constructor(base: number) {
    this.#base = base;
    this.label = String(base);
    this.ranges = [{ inside: 0, outside: base, count: ID_COUNT }];
  }

  command(argv: readonly string[]): readonly string[] {
    return argv;
  }

  outside(id: number): number {
    return this.#base + id;
  }

  own(path: string, id: number): Promise<void> {
    return lchown(path, this.#base + id, this.#base + id);
  }
}

/** An ordinary user: the sandboxes' root is that user, further ids are its subordinate ones, where it has any. */
export class UserIds implements Ids {
  readonly root = false;
  readonly separate: boolean;
  readonly label: string;
  readonly ranges: readonly IdRange[];
  readonly #prefix: readonly string[];

  /** @param more subordinate ids, the same count of users and groups; undefined: none */
  constructor(
    initPath: string,
    own: { readonly uid: number; readonly gid: number },
    more: { readonly uid: number; readonly gid: number; readonly count: number } | undefined,
  ) {
    this.separate = more !== undefined;
    const map = (kind: 'uid' | 'gid'): IdRange[] => [
      { inside: 0, outside: own[kind], count: 1 },
      ...(more === undefined ? [] : [{ inside: 1, outside: more[kind], count: more.count }]),
    ];
    this.ranges = map('uid');
    const text = (ranges: readonly IdRange[]): string =>
      ranges.map(({ inside, outside, count }) => `${inside}:${outside}:${count}`).join(',');
    this.#prefix = [initPath, 'inside', text(map('uid')), text(map('gid'))];
    this.label = `user ${text(map('uid'))}`;
  }

  command(argv: readonly string[]): readonly string[] {
    return [...this.#prefix, ...argv];
  }

  outside(id: number): number {
    const range = this.ranges.find(({ inside, count }) => id >= inside && id < inside + count);
    return range === undefined ? (this.ranges[0]?.outside ?? id) : range.outside + id - range.inside;
  }

  async own(path: string, id: number): Promise<void> {
    // Its own already; where there is no other id, whoever asks for one means the same.
    if (id === 0 || !this.separate) return;
    const [program = '', ...args] = this.command(['chown', '-h', `${id}:${id}`, '--', path]);
    const result = await run(program, args);
    if (result.code !== 0) throw new Error(`${path} can't be given to a sandbox's user: ${result.stderr}`);
  }
}

/** Runs a command with the sandboxes' ids; `run` says how. */
export function runInside(
  ids: Ids,
  argv: readonly string[],
  options: Parameters<typeof run>[2] = {},
): ReturnType<typeof run> {
  const [program = '', ...args] = ids.command(argv);
  return run(program, args, options);
}

/** What this process can have. An ordinary user's subordinate ids are tried before they are counted on. */
export async function findIds(initPath: string, hostIdBase: number): Promise<Ids> {
  const uid = process.getuid?.() ?? 0;
  if (uid === 0) return new RootIds(hostIdBase);
  const own = { uid, gid: process.getgid?.() ?? uid };
  const users = subordinate('/etc/subuid', uid);
  const groups = subordinate('/etc/subgid', uid);
  const alone = new UserIds(initPath, own, undefined);
  if (users === undefined || groups === undefined) return alone;
  const count = Math.min(users.count, groups.count, ID_COUNT - 1);
  // Fewer would leave out the ids that systems use: 65534 is nobody.
  if (count < ID_COUNT - 1) return alone;
  const many = new UserIds(initPath, own, { uid: users.start, gid: groups.start, count });
  return (await runInside(many, ['true'])).code === 0 ? many : alone;
}

/** The largest range that the file gives to the user. */
function subordinate(path: string, uid: number): { start: number; count: number } | undefined {
  if (!existsSync(path)) return undefined;
  const names = new Set([String(uid), userName()]);
  let best: { start: number; count: number } | undefined;
  for (const line of readFileSync(path, 'utf8').split('\n')) {
    const [name = '', start = '', count = ''] = line.trim().split(':');
    if (!names.has(name) || !/^\d+$/.test(start) || !/^\d+$/.test(count)) continue;
    if (best === undefined || Number(count) > best.count) {
      best = { start: Number(start), count: Number(count) };
    }
  }
  return best;
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    // A user without an entry in /etc/passwd has a number alone.
    return '';
  }
}
