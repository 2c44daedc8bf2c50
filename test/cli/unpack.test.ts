import { lstat, readFile, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pack, type Header } from 'tar-stream';
import { expect, test } from 'vitest';
import { packPath } from '../../src/cli/archive/pack.js';
import { unpackInto } from '../../src/cli/archive/unpack.js';
import { tempFolder } from '../support/temp-folder.js';

type Entry = Partial<Header> & { readonly name: string };

function tar(entries: readonly (readonly [Entry, string?])[]): Readable {
  const out = pack();
  for (const [header, content] of entries) {
    if (content === undefined) out.entry(header as Header);
    else out.entry(header as Header, content);
  }
  out.finalize();
  return Readable.from(out, { objectMode: false });
}

test('files, folders and links come out as they went in', async () => {
  await using folder = await tempFolder();
  const skipped = await unpackInto(
    tar([
      [{ name: 'a/', type: 'directory', mode: 0o755 }],
      [{ name: 'a/run', mode: 0o755 }, 'echo'],
      [{ name: 'a/link', type: 'symlink', linkname: '/etc/passwd' }],
      [{ name: 'a/same', type: 'link', linkname: 'a/run' }],
      [{ name: 'a/pipe', type: 'fifo' }],
    ]),
    folder.path,
  );
  expect(await readFile(join(folder.path, 'a/run'), 'utf8')).toBe('echo');
  expect((await stat(join(folder.path, 'a/run'))).mode & 0o777).toBe(0o755);
  expect((await lstat(join(folder.path, 'a/link'))).isSymbolicLink()).toBe(true);
  expect((await stat(join(folder.path, 'a/same'))).ino).toBe((await stat(join(folder.path, 'a/run'))).ino);
  expect(skipped).toEqual(['a/pipe']);
});

test.each([
  ['a path that climbs', [[{ name: '../evil' }, 'x']]],
  ['an absolute path', [[{ name: '/tmp/evil' }, 'x']]],
  ['a path that climbs in its middle', [[{ name: 'a/../../evil' }, 'x']]],
  ['a hard link to a file outside', [[{ name: 'a', type: 'link', linkname: '../secret' }]]],
  ['a hard link to an absolute path', [[{ name: 'a', type: 'link', linkname: '/etc/passwd' }]]],
  [
    'the same file twice',
    [
      [{ name: 'a' }, 'x'],
      [{ name: 'a' }, 'y'],
    ],
  ],
  // The link is made last, so that the file's folder is not there.
  [
    'a file below a symbolic link',
    [[{ name: 'a', type: 'symlink', linkname: '/tmp' }], [{ name: 'a/evil' }, 'x']],
  ],
] as [string, [Entry, string?][]][])('%s is refused', async (_, entries) => {
  await using folder = await tempFolder();
  await expect(unpackInto(tar(entries), folder.path)).rejects.toThrow();
  expect((await readdir(folder.path)).filter((name) => name === 'evil')).toEqual([]);
});

test('set-user-id bits of a sandbox do not reach this machine', async () => {
  await using folder = await tempFolder();
  await unpackInto(tar([[{ name: 'a', mode: 0o4755 }, 'x']]), folder.path);
  expect((await stat(join(folder.path, 'a'))).mode & 0o7777).toBe(0o755);
});

test('what is packed here unpacks to the same under its new name', async () => {
  await using folder = await tempFolder();
  await unpackInto(packPath(join(import.meta.dirname, '../support'), 'new'), folder.path);
  const names = await readdir(join(import.meta.dirname, '../support'));
  expect((await readdir(join(folder.path, 'new'))).sort()).toEqual(names.sort());
});
