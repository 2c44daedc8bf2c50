import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import tar from 'tar-stream';
import { describe, expect, test } from 'vitest';
import { CheckedArchive } from '../../../../src/engines/docker/checked-archive.js';

type Entry = readonly [Partial<tar.Header> & Pick<tar.Header, 'name'>, string?];

async function checked(...entries: readonly Entry[]): Promise<readonly tar.Header[]> {
  const pack = tar.pack();
  for (const [header, content = ''] of entries) pack.entry(header, content);
  pack.finalize();
  const archive = new CheckedArchive(Readable.from([await buffer(pack)]));
  const [done, bytes] = await Promise.allSettled([archive.done, buffer(archive.stream)]);
  if (done.status === 'rejected') throw done.reason;
  if (bytes.status === 'rejected') throw bytes.reason;
  const found: tar.Header[] = [];
  const extract = tar.extract();
  Readable.from([bytes.value]).pipe(extract);
  for await (const entry of extract) {
    found.push(entry.header);
    entry.resume();
  }
  return found;
}

describe('an archive that a daemon is to unpack', () => {
  test.each<readonly [string, ...Entry[]]>([
    ['climbs', [{ name: 'a/../../b' }, 'x']],
    ['begins at the root', [{ name: '/etc/passwd' }, 'x']],
    ['goes through a link', [{ name: 'l', type: 'symlink', linkname: '/usr' }], [{ name: 'l/x' }, 'x']],
    ['goes through a link further up', [{ name: 'l', type: 'symlink', linkname: 'd' }], [{ name: 'l/a/b' }]],
    ['goes through a file', [{ name: 'f' }, 'x'], [{ name: 'f/x' }, 'x']],
    ['has a device', [{ name: 'd', type: 'block-device' }]],
    ['links to what is not in it', [{ name: 'h', type: 'link', linkname: 'etc/shadow' }]],
    ['links to what comes later', [{ name: 'h', type: 'link', linkname: 'f' }], [{ name: 'f' }, 'x']],
    ['links out of it', [{ name: 'h', type: 'link', linkname: '../f' }]],
    [
      'becomes a link that another goes through',
      [{ name: 'd/f' }, 'x'],
      [{ name: 'd', type: 'symlink', linkname: '/etc' }],
      [{ name: 'x', type: 'link', linkname: 'd/f' }],
    ],
    ['comes twice', [{ name: 'f' }, 'x'], [{ name: './f' }, 'y']],
    ['makes its top a file', [{ name: './', type: 'symlink', linkname: '/' }]],
  ])('is refused when one of its names %s', async (_what, ...entries) => {
    await expect(checked(...(entries as Entry[]))).rejects.toMatchObject({
      kind: 'invalid-argument',
      reason: 'INVALID_ARCHIVE',
    });
  });

  test('keeps owners, modes, times and links, and names folders that it left out', async () => {
    const mtime = new Date(1_000_000);
    const found = await checked(
      [{ name: './a/b/f', uid: 7, gid: 8, mode: 0o4755, mtime }, 'text'],
      [{ name: 'a/b/h', type: 'link', linkname: './a/b/f' }],
      [{ name: 'a/s', type: 'symlink', linkname: '/anywhere' }],
    );
    expect(found.map(({ name, type }) => [name, type])).toEqual([
      ['a/', 'directory'],
      ['a/b/', 'directory'],
      ['a/b/f', 'file'],
      ['a/b/h', 'link'],
      ['a/s', 'symlink'],
    ]);
    expect(found[2]).toMatchObject({ uid: 7, gid: 8, mode: 0o4755, mtime, size: 4 });
    expect(found[3]?.linkname).toBe('a/b/f');
    expect(found[4]?.linkname).toBe('/anywhere');
  });

  test('fails with what its source failed with', async () => {
    const archive = new CheckedArchive(
      Readable.from(
        (async function* () {
          yield Buffer.alloc(512);
          throw new Error('the client went');
        })(),
      ),
    );
    archive.stream.on('error', () => undefined).resume();
    await expect(archive.done).rejects.toThrow('the client went');
  });
});
