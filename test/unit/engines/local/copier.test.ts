import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:fs';
import {
  chmod,
  chown,
  link,
  lstat,
  mkdir,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  symlink,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Copier, mapsFileForWriting } from '../../../../src/engines/shared/copier.js';
import { RootIds } from '../../../../src/engines/local/ids.js';
import { runProgram } from '../../../../src/engines/local/run-program.js';
import { Layers } from '../../../../src/engines/local/layers.js';
import { Paths } from '../../../../src/engines/local/paths.js';
import { extent } from '../../../support/extent.js';
import { isRoot } from '../../../support/root-only.js';
import { tempFolder } from '../../../support/temp-folder.js';

const program = new URL('../../../../init/build/codeset-init', import.meta.url).pathname;
const exec = promisify(execFile);

/** Everything that a copy has to keep, a line for each path; names of one file share a number. */
async function listing(root: string): Promise<readonly string[]> {
  const lines: string[] = [];
  const files = new Map<bigint, number>();
  const visit = async (path: string): Promise<void> => {
    const full = join(root, path);
    const st = await lstat(full, { bigint: true });
    if (!files.has(st.ino)) files.set(st.ino, files.size);
    let content = '';
    if (st.isSymbolicLink()) content = await readlink(full);
    else if (st.isFile()) content = (await readFile(full)).toString('base64');
    const { mode, uid, gid, mtimeNs, rdev, nlink } = st;
    lines.push([path, mode, uid, gid, mtimeNs, rdev, nlink, files.get(st.ino), content].join(' '));
    if (!st.isDirectory()) return;
    for (const name of (await readdir(full)).sort()) await visit(join(path, name));
  };
  await visit('.');
  return lines;
}

const NAMES = ['a', 'b', 'c'];
const path = fc
  .array(fc.constantFrom(...NAMES), { minLength: 1, maxLength: 3 })
  .map((names) => names.join('/'));
const step = fc.oneof(
  fc.record({ do: fc.constant('write' as const), path, text: fc.string({ maxLength: 8 }) }),
  fc.record({ do: fc.constant('hole' as const), path, size: fc.nat(100_000) }),
  fc.record({ do: fc.constant('mkdir' as const), path }),
  fc.record({ do: fc.constant('remove' as const), path }),
  fc.record({ do: fc.constant('move' as const), path, other: path }),
  fc.record({ do: fc.constant('swap' as const), path, other: path }),
  fc.record({ do: fc.constant('link' as const), path, other: path }),
  fc.record({ do: fc.constant('symlink' as const), path, text: fc.constantFrom('a', '/nowhere', '../b') }),
  fc.record({ do: fc.constant('fifo' as const), path }),
  fc.record({ do: fc.constant('whiteout' as const), path }),
  fc.record({ do: fc.constant('owner' as const), path, uid: fc.nat(3) }),
  fc.record({ do: fc.constant('mode' as const), path, mode: fc.constantFrom(0o644, 0o4755, 0o1777) }),
  fc.record({ do: fc.constant('old' as const), path }),
);

/** Nobody reads the FIFOs. */
const FLAG =
  constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NONBLOCK | constants.O_NOFOLLOW;

/** Does one thing to a tree, as far as it is possible. */
async function act(root: string, what: typeof step extends fc.Arbitrary<infer S> ? S : never): Promise<void> {
  const at = join(root, what.path);
  const other = 'other' in what ? join(root, what.other) : '';
  const doing = {
    write: async () => 'text' in what && writeFile(at, what.text, { flag: FLAG }),
    hole: async () => {
      await writeFile(at, 'x', { flag: FLAG });
      if ('size' in what) await truncate(at, what.size);
    },
    mkdir: () => mkdir(at),
    remove: () => rm(at, { recursive: true }),
    move: () => rename(at, other),
    swap: async () => {
      await rename(at, join(root, 'swap'));
      await rename(other, at).catch(() => undefined);
      await rename(join(root, 'swap'), other);
    },
    link: () => link(at, other),
    symlink: async () => 'text' in what && symlink(what.text, at),
    fifo: () => exec('mkfifo', [at]),
    whiteout: () => exec('mknod', [at, 'c', '0', '0']),
    owner: async () => 'uid' in what && chown(at, what.uid, what.uid),
    mode: async () => 'mode' in what && chmod(at, what.mode),
    // The time that a program may set says nothing about what changed.
    old: async () => {
      await writeFile(at, 'written', { flag: FLAG });
      await utimes(at, 1, 1);
    },
  };
  await doing[what.do]().catch(() => undefined);
}

describe.runIf(isRoot)('a copy', () => {
  test(
    'of a tree that changed between the two times is what the tree is at the second',
    { timeout: 600_000 },
    async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(step, { minLength: 5, maxLength: 40 }),
          fc.array(step, { maxLength: 12 }),
          async (before, between) => {
            await using folder = await tempFolder();
            const [from, to] = [join(folder.path, 'from'), join(folder.path, 'to')];
            await mkdir(from);
            for (const what of before) await act(from, what);
            // A moment far ahead: all depends on what is known of each file.
            const copying = spawn(program, ['copy', 'twice', String(4e12), from, to], {
              stdio: ['pipe', 'pipe', 'inherit'],
            });
            const ended = once(copying, 'exit');
            await once(copying.stdout, 'data');
            // Change times are as coarse as the kernel's tick; the service has its margin for that.
            await sleep(12);
            for (const what of between) await act(from, what);
            const wanted = await listing(from);
            copying.stdin.end('g');
            expect(await ended).toEqual([0, null]);
            expect(await listing(to)).toEqual(wanted);
          },
        ),
        { numRuns: extent(40, 1000) },
      );
    },
  );

  test('keeps attributes, capabilities, the overlay’s marks and holes, and drops what went', async () => {
    await using folder = await tempFolder();
    const [from, to] = [join(folder.path, 'from'), join(folder.path, 'to')];
    await mkdir(join(from, 'd'), { recursive: true });
    await writeFile(join(from, 'f'), 'x');
    await truncate(join(from, 'f'), 2 ** 30);
    await symlink('f', join(from, 's'));
    const script = `
import os, sys
d, f, s = (sys.argv[1] + n for n in ('/d', '/f', '/s'))
if sys.argv[2] == 'set':
    os.setxattr(d, 'trusted.overlay.opaque', b'y'); os.setxattr(d, 'user.gone', b'1')
    os.setxattr(d, 'system.posix_acl_default', bytes.fromhex('02000000' '01000700ffffffff' '04000500ffffffff' '20000500ffffffff'))
    os.setxattr(f, 'user.k', b'v' * 3000); os.setxattr(s, 'trusted.overlay.redirect', b'/x', follow_symlinks=False)
    os.setxattr(f, 'security.capability', bytes.fromhex('0000000200040000000000000000000000000000'))
if sys.argv[2] == 'drop': os.removexattr(d, 'user.gone'); os.setxattr(f, 'user.k', b'w')
for p in (d, f, s):
    for n in sorted(os.listxattr(p, follow_symlinks=False)): print(n, os.getxattr(p, n, follow_symlinks=False).hex())
`;
    const attributes = async (root: string, what: string): Promise<string> =>
      (await exec('python3', ['-c', script, root, what])).stdout;
    await attributes(from, 'set');
    const copying = spawn(program, ['copy', 'twice', String(4e12), from, to], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const ended = once(copying, 'exit');
    await once(copying.stdout, 'data');
    expect(await attributes(to, 'show')).toBe(await attributes(from, 'show'));
    await sleep(12);
    const wanted = await attributes(from, 'drop');
    copying.stdin.end('g');
    expect(await ended).toEqual([0, null]);
    expect(await attributes(to, 'show')).toBe(wanted);
    expect(wanted).not.toContain('user.gone');
    expect((await lstat(join(to, 'f'))).blocks).toBeLessThan(64);
  });

  test('of folders nested too deep is refused, and one that does not fit on the disk; nothing of either stays', async () => {
    await using folder = await tempFolder();
    const small = join(folder.path, 'small');
    await mkdir(small);
    await exec('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', small]);
    try {
      const paths = new Paths(small, join(folder.path, 'run'));
      const layers = new Layers({
        paths,
        ids: new RootIds(0),
        unpack: () => Promise.reject(new Error('not here')),
        copier: new Copier(program, runProgram),
      });
      await layers.open();
      const hold = {
        during: <T>(work: (pids: readonly number[]) => Promise<T>): Promise<T> => work([]),
        signal: new AbortController().signal,
      };
      const [deep, big, fine] = ['deep', 'big', 'fine'].map((name) => join(folder.path, name)) as [
        string,
        string,
        string,
      ];
      for (const one of [deep, big, fine]) await mkdir(one);
      await exec('sh', [
        '-c',
        'cd "$1" && for i in $(seq 40); do mkdir $2 && cd $2 || exit 1; done',
        'sh',
        deep,
        'x'.repeat(100),
      ]);
      await writeFile(join(big, 'f'), Buffer.alloc(8 * 1024 ** 2));
      for (const bytes of [0, 2 ** 30]) {
        await expect(
          layers.copy([{ layerId: 'deep', upper: deep }], { lasting: false, bytes, hold }),
        ).rejects.toMatchObject({ kind: 'failed-precondition', reason: 'TOO_LARGE' });
        const two = [fine, big].map((upper, i) => ({ layerId: `big-${i}`, upper }));
        await expect(layers.copy(two, { lasting: false, bytes, hold })).rejects.toMatchObject({
          kind: 'resource-exhausted',
          reason: 'DISK_FULL',
        });
        expect(await readdir(paths.layers)).toEqual([]);
      }
    } finally {
      await exec('umount', [small]);
    }
  });

  test('that its owner gives up leaves nothing, and ends with it', async () => {
    await using folder = await tempFolder();
    const paths = new Paths(folder.path, join(folder.path, 'run'));
    const layers = new Layers({
      paths,
      ids: new RootIds(0),
      unpack: () => Promise.reject(new Error('not here')),
      copier: new Copier(program, runProgram),
    });
    await layers.open();
    const upper = join(folder.path, 'upper');
    await mkdir(upper);
    const abort = new AbortController();
    let holds = 0;
    const during = async <T>(work: (pids: readonly number[]) => Promise<T>): Promise<T> => {
      // The second hold is the one in which the copy is completed.
      if (++holds === 2) abort.abort();
      return work([]);
    };
    const hold = { during, signal: abort.signal };
    await expect(
      layers.copy([{ layerId: 'a', upper }], { lasting: false, bytes: 2 ** 30, hold }),
    ).rejects.toMatchObject({ reason: 'SESSION_LOST' });
    expect(await readdir(paths.layers)).toEqual([]);
  });
});

test('a file that is mapped for writing is told from memory that is shared', () => {
  const line = (perms: string, inode: string, name: string): string =>
    `7f2c8a000000-7f2c8a021000 ${perms} 00000000 00:2d ${inode}                    ${name}\n`;
  expect(mapsFileForWriting(line('rw-s', '1234', '/workspace/db-shm'))).toBe(true);
  expect(mapsFileForWriting(line('-w-s', '1234', '/workspace/with space (deleted)'))).toBe(true);
  expect(mapsFileForWriting(line('r--s', '1234', '/workspace/db-shm'))).toBe(false);
  expect(mapsFileForWriting(line('rw-p', '1234', '/usr/lib/libc.so'))).toBe(false);
  expect(mapsFileForWriting(line('rw-s', '1234', '/memfd:x (deleted)'))).toBe(false);
  expect(mapsFileForWriting(line('rw-s', '1234', '/dev/shm/x'))).toBe(false);
  expect(mapsFileForWriting(line('rw-s', '0', ''))).toBe(false);
});
