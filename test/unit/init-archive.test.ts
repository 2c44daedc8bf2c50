import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { initBinary } from '../../src/init-binary.js';
import { tempFolder } from '../support/temp-folder.js';

// The applets `unpack` and `pack` of init, with GNU tar on the other side.

const LONG = 'long-'.repeat(40);

function run(command: string, args: readonly string[], input?: Buffer): Buffer {
  const { status, stdout, stderr } = spawnSync(command, args, { input, maxBuffer: 1 << 28 });
  expect(`${status} ${stderr.toString()}`).toBe('0 ');
  return stdout;
}

function unpack(folder: string, tar: Buffer): { status: number | null; said: string } {
  const { status, stderr } = spawnSync(initBinary(), ['unpack', folder], { input: tar });
  return { status, said: stderr.toString() };
}

/** A tree with something of everything that an ordinary user can make. */
function makeTree(folder: string): void {
  mkdirSync(join(folder, 'tree/deep/empty'), { recursive: true });
  mkdirSync(join(folder, 'tree', LONG.slice(0, 200), LONG.slice(0, 200)), { recursive: true });
  writeFileSync(join(folder, 'tree', LONG.slice(0, 200), LONG.slice(0, 200), 'x'), 'in deep names');
  writeFileSync(join(folder, 'tree/deep/run'), '#!/bin/sh\n', { mode: 0o755 });
  writeFileSync(join(folder, 'tree/ünï ✓\n'), Buffer.alloc(300_001, 'abc'));
  writeFileSync(join(folder, 'tree/none'), '');
  symlinkSync('deep/run', join(folder, 'tree/link'));
  symlinkSync(`/${LONG}`, join(folder, 'tree/far'));
  run('ln', [join(folder, 'tree/deep/run'), join(folder, 'tree/same')]);
  run('mkfifo', [join(folder, 'tree/pipe')]);
  run('truncate', ['-s', '3M', join(folder, 'tree/holes')]);
  writeFileSync(join(folder, 'tree/holes'), 'data', { flag: 'r+' });
  run('sh', [
    '-c',
    'printf end | dd conv=notrunc seek=2000000 bs=1 of="$0" status=none',
    join(folder, 'tree/holes'),
  ]);
  // An ordinary user's special bits are not restored, as tar has it.
  chmodSync(join(folder, 'tree/none'), process.getuid?.() === 0 ? 0o4751 : 0o751);
  utimesSync(join(folder, 'tree/none'), 1, 1_234_567_890.25);
  run('touch', ['-d', '@-1.5', join(folder, 'tree/deep/run')]);
  chmodSync(join(folder, 'tree/deep/empty'), 0o500);
  utimesSync(join(folder, 'tree/deep'), 1, 1_000_000_000);
}

/** All that an archive keeps: a line for each name. `whole`: times in whole seconds. */
function describeTree(folder: string, whole = false, below = 'tree'): string[] {
  const lines: string[] = [];
  const visit = (name: string): void => {
    const path = join(folder, name);
    const st = lstatSync(path, { bigint: true });
    const time = whole ? st.mtimeNs / 1_000_000_000n : st.mtimeNs;
    const kind = st.isDirectory() ? 'folder' : st.isSymbolicLink() ? 'link' : st.isFIFO() ? 'pipe' : 'file';
    const content = st.isFile() ? run('sha256sum', ['-z', path]).toString('latin1').slice(0, 64) : '';
    const links = st.isDirectory() ? '' : st.nlink;
    const target = st.isSymbolicLink() ? run('readlink', [path]).toString() : '';
    lines.push(
      [JSON.stringify(name), kind, (st.mode & 0o7777n).toString(8), links, time, content, target].join(' '),
    );
    if (st.isDirectory()) for (const entry of readdirSync(path).sort()) visit(`${name}/${entry}`);
  };
  visit(below);
  return lines;
}

const FORMATS: Readonly<Record<string, readonly string[]>> = {
  pax: ['--format=pax'],
  gnu: ['--format=gnu'],
  oldgnu: ['--format=oldgnu'],
  'pax with holes': ['--format=pax', '--sparse'],
  'pax with holes as 0.1 told them': ['--format=pax', '--sparse', '--sparse-version=0.1'],
  'pax with holes as 0.0 told them': ['--format=pax', '--sparse', '--sparse-version=0.0'],
  'gnu with holes': ['--format=gnu', '--sparse'],
};

describe('unpack', () => {
  test.each(Object.entries(FORMATS))('takes what tar packed as %s', async (name, flags) => {
    await using folder = await tempFolder();
    makeTree(folder.path);
    if (!name.startsWith('pax')) utimesSync(join(folder.path, 'tree/deep/run'), 1, 7);
    const tar = run('tar', ['-C', folder.path, ...flags, '-cf', '-', 'tree']);
    mkdirSync(join(folder.path, 'to'));
    expect(unpack(join(folder.path, 'to'), tar)).toEqual({ status: 0, said: '' });
    const whole = !name.startsWith('pax');
    expect(describeTree(join(folder.path, 'to'), whole)).toEqual(describeTree(folder.path, whole));
    if (name.includes('holes')) {
      expect(statSync(join(folder.path, 'to/tree/holes')).blocks).toBeLessThan(1000);
    }
    // Once more over itself: what is there is replaced.
    expect(unpack(join(folder.path, 'to'), tar)).toEqual({ status: 0, said: '' });
    expect(describeTree(join(folder.path, 'to'), whole)).toEqual(describeTree(folder.path, whole));
  });

  test('takes ustar and the format of before', async () => {
    await using folder = await tempFolder();
    mkdirSync(join(folder.path, 'tree', 'a'.repeat(90), 'b'.repeat(80)), { recursive: true });
    writeFileSync(join(folder.path, 'tree', 'a'.repeat(90), 'b'.repeat(80), 'x'), 'x');
    for (const format of ['ustar', 'v7']) {
      if (format === 'v7') {
        rmSync(join(folder.path, 'tree'), { recursive: true });
        mkdirSync(join(folder.path, 'tree/sub'), { recursive: true });
      }
      writeFileSync(join(folder.path, 'tree', 'y'), 'y');
      const tar = run('tar', ['-C', folder.path, `--format=${format}`, '-cf', '-', 'tree']);
      const to = join(folder.path, format);
      mkdirSync(to);
      expect(unpack(to, tar)).toEqual({ status: 0, said: '' });
      expect(describeTree(to, true)).toEqual(describeTree(folder.path, true));
    }
  });

  test('goes through no link that leads out, and makes the rest', async () => {
    await using folder = await tempFolder();
    const outside = join(folder.path, 'outside');
    const to = join(folder.path, 'to');
    for (const path of [outside, to, join(to, 'real')]) mkdirSync(path);
    writeFileSync(join(outside, 'kept'), 'kept');
    symlinkSync('../outside', join(to, 'up'));
    symlinkSync(outside, join(to, 'absolute'));
    symlinkSync('real/../real', join(to, 'inside'));
    const script = `
import io, sys, tarfile
out = tarfile.open(fileobj=sys.stdout.buffer, mode='w|')
def add(name, type=tarfile.REGTYPE, link='', data=b'x'):
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = type, link, len(data) if type == tarfile.REGTYPE else 0
    out.addfile(info, io.BytesIO(data))
add('../escape'); add('up/escape'); add('absolute/escape'); add('a/../../escape')
add('later', tarfile.SYMTYPE, '../outside'); add('later/escape'); add('twice', tarfile.SYMTYPE, 'later'); add('twice/escape')
add('hard', tarfile.LNKTYPE, '../outside/kept'); add('hard2', tarfile.LNKTYPE, 'up/kept')
add('loop', tarfile.SYMTYPE, 'loop'); add('loop/x')
add('inside/good'); add('/rooted'); add('fine')
out.close()`;
    const { status, said } = unpack(to, run('python3', ['-c', script]));
    expect(status).toBe(1);
    for (const name of [
      '../escape',
      'up/escape',
      'absolute/escape',
      'a/../../escape',
      'later/escape',
      'twice/escape',
      'hard',
      'hard2',
    ]) {
      expect(said).toContain(`${name}: this leads out of the folder\n`);
    }
    expect(readdirSync(outside)).toEqual(['kept']);
    expect(readdirSync(folder.path).sort()).toEqual(['outside', 'to']);
    expect(readdirSync(join(to, 'real'))).toEqual(['good']);
    expect(readFileSync(join(to, 'rooted'), 'utf8') + readFileSync(join(to, 'fine'), 'utf8')).toBe('xx');
  });

  test('tells what is no archive, and one that was cut off', async () => {
    await using folder = await tempFolder();
    expect(unpack(folder.path, Buffer.alloc(0))).toEqual({ status: 0, said: '' });
    for (const bytes of [Buffer.alloc(10), Buffer.alloc(2000, 'x')]) {
      expect(unpack(folder.path, bytes)).toEqual({
        status: 1,
        said: 'this does not look like a tar archive\n',
      });
    }
    writeFileSync(join(folder.path, 'big'), Buffer.alloc(5000));
    const tar = run('tar', ['-C', folder.path, '-cf', '-', 'big']);
    for (const length of [700, 3000]) {
      expect(unpack(folder.path, tar.subarray(0, length))).toEqual({
        status: 1,
        said: 'it ends in the middle of an entry\n',
      });
    }
  });
});

describe('pack', () => {
  test('makes what tar unpacks to the same', async () => {
    await using folder = await tempFolder();
    makeTree(folder.path);
    const tar = run(initBinary(), ['pack', folder.path, 'tree']);
    for (const [name, command] of [
      ['tar', ['tar', '--warning=no-timestamp', '-xpf', '-', '-C']],
      ['init', [initBinary(), 'unpack']],
    ] as const) {
      const to = join(folder.path, name);
      mkdirSync(to);
      run(command[0] ?? '', [...command.slice(1), to], tar);
      expect(describeTree(to)).toEqual(describeTree(folder.path));
    }
    const one = run(initBinary(), ['pack', join(folder.path, 'tree'), 'none']);
    expect(run('tar', ['-tf', '-'], one).toString()).toBe('none\n');
    const here = run(initBinary(), ['pack', join(folder.path, 'tree/deep'), '.']);
    expect(run('tar', ['-tf', '-'], here).toString()).toBe('./\n./empty/\n./run\n');
  });
});
