import { createReadStream } from 'node:fs';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Codebase } from '../../../src/core/ports/samples.js';
import { git, gitLine } from '../../../src/samples/git.js';
import { bundleRepository, packFiles } from '../../../src/samples/pack.js';
import { FileSampleReader } from '../../../src/samples/sample-reader.js';
import { temporaryFolder, untar } from './judge.js';

let root: string;
let repository: string;
let bundle: string;
let reader: FileSampleReader;
/** first, base, later on main; side on another branch; stashed nowhere but in the stash. */
const commits: Record<string, string> = {};

async function commit(name: string, file: string, content: string): Promise<void> {
  const options = { cwd: repository };
  await writeFile(path.join(repository, file), content);
  await git(['add', '--all'], options);
  await git(['commit', '--quiet', '-m', name], options);
  commits[name] = await gitLine(['rev-parse', 'HEAD'], options);
}

beforeAll(async () => {
  root = await temporaryFolder();
  repository = path.join(root, 'repository');
  await mkdir(repository);
  reader = new FileSampleReader(path.join(root, 'scratch'));
  const options = { cwd: repository };
  await git(['init', '--quiet'], options);
  await commit('first', 'a.txt', 'one\n');
  await commit('base', 'a.txt', 'two\n');
  await git(['tag', '-a', 'v1', '-m', 'tag of base'], options);
  await commit('later', 'secret.txt', 'the fix\n');
  await git(['tag', 'v2'], options);
  await git(['checkout', '--quiet', '-b', 'side', commits['base'] ?? ''], options);
  await commit('side', 'side.txt', 'other work\n');
  bundle = path.join(root, 'all.bundle');
  await git(['bundle', 'create', '--quiet', bundle, '--all'], options);
});
afterAll(() => rm(root, { recursive: true, force: true }));

async function unpack(codebase: Codebase, name: string): Promise<string> {
  const out = path.join(root, name);
  await untar(codebase.workTree(process.getuid?.() ?? 0), out);
  return out;
}

async function expectNothingLater(folder: string, log: readonly string[]): Promise<void> {
  const options = { cwd: folder };
  const lines = (await gitLine(['log', '--all', '--format=%H'], options)).split('\n');
  expect(lines).toEqual(log);
  expect(await gitLine(['fsck', '--full', '--unreachable', '--no-reflogs', '--no-progress'], options)).toBe(
    '',
  );
  expect(await gitLine(['for-each-ref', '--format=%(refname)'], options)).toBe('refs/heads/main');
  expect(await gitLine(['status', '--porcelain'], options)).toBe('');
  expect(await gitLine(['remote'], options)).toBe('');
  const inside = await readdir(path.join(folder, '.git'), { recursive: true });
  expect(
    inside.filter((name) => /FETCH_HEAD|ORIG_HEAD|logs|hooks|alternates|packed-refs/.test(name)),
  ).toEqual([]);
  // Whatever object is there is reachable: count them both ways.
  const all = await gitLine(['cat-file', '--batch-all-objects', '--batch-check=%(objectname)'], options);
  const reachable = await gitLine(['rev-list', '--objects', '--all', '--no-object-names'], options);
  expect(all.split('\n').sort()).toEqual(reachable.split('\n').sort());
  expect(all).not.toContain(commits['later']);
  expect(all).not.toContain(commits['side']);
  // Nothing of this machine's either.
  expect(await readFile(path.join(folder, '.git/config'), 'utf8')).not.toContain(root);
}

describe('the codebase of a commit', () => {
  test('with its past has the commits up to it and nothing later', async () => {
    const base = commits['base'] ?? '';
    await using codebase = await reader.codebaseFromBundle(createReadStream(bundle), base, 'past');
    expect(codebase.baseCommit).toBe(base);
    const folder = await unpack(codebase, 'past');
    expect(await readdir(folder)).toEqual(['.git', 'a.txt']);
    expect(await readFile(path.join(folder, 'a.txt'), 'utf8')).toBe('two\n');
    await expectNothingLater(folder, [base, commits['first'] ?? '']);
  });

  test('squashed is one commit, the same each time', async () => {
    const base = commits['base'] ?? '';
    await using first = await reader.codebaseFromBundle(createReadStream(bundle), base, 'squashed');
    await using again = await reader.codebaseFromBundle(createReadStream(bundle), base, 'squashed');
    expect(first.baseCommit).toBe(again.baseCommit);
    expect(first.baseCommit).not.toBe(base);
    const folder = await unpack(first, 'squashed');
    await expectNothingLater(folder, [first.baseCommit]);
    expect(await readFile(path.join(folder, 'a.txt'), 'utf8')).toBe('two\n');
  });

  test('has a name under which its owner can commit and stash', async () => {
    const base = commits['base'] ?? '';
    await using codebase = await reader.codebaseFromBundle(createReadStream(bundle), base, 'past');
    const folder = await unpack(codebase, 'owned');
    const config = await readFile(path.join(folder, '.git/config'), 'utf8');
    expect(config).toMatch(/name = agent/);
  });

  test('ends with its owner, the tar of it that nobody reads too', async () => {
    const codebase = await reader.codebaseFromBundle(createReadStream(bundle), commits['base'] ?? '', 'past');
    const tar = codebase.workTree(1000);
    await codebase[Symbol.asyncDispose]();
    expect(tar.destroyed).toBe(true);
  });

  test('that is not there is COMMIT_NOT_FOUND', async () => {
    for (const missing of ['0'.repeat(40), 'f'.repeat(40)]) {
      await expect(
        reader.codebaseFromBundle(createReadStream(bundle), missing, 'past'),
      ).rejects.toMatchObject({ reason: 'COMMIT_NOT_FOUND', metadata: { commit: missing } });
    }
  });

  test('that is a tree is COMMIT_NOT_FOUND too', async () => {
    const tree = await gitLine(['rev-parse', `${commits['base']}^{tree}`], { cwd: repository });
    await expect(reader.codebaseFromBundle(createReadStream(bundle), tree, 'past')).rejects.toMatchObject({
      reason: 'COMMIT_NOT_FOUND',
    });
  });

  test('with hooks, filters and submodules named in it runs nothing', async () => {
    const trap = path.join(root, 'trapped');
    const other = path.join(root, 'traps');
    await mkdir(other);
    const options = { cwd: other };
    await git(['init', '--quiet'], options);
    await writeFile(path.join(other, '.gitattributes'), '* filter=evil diff=evil\n');
    await writeFile(
      path.join(other, '.gitmodules'),
      `[submodule "x"]\n\tpath = x\n\turl = ext::touch ${trap}\n`,
    );
    await git(['config', 'filter.evil.smudge', `touch ${trap}`], options);
    await git(['add', '--all'], options);
    await git(['update-index', '--add', '--cacheinfo', `160000,${commits['base']},x`], options);
    await git(['commit', '--quiet', '-m', 'x'], options);
    const head = await gitLine(['rev-parse', 'HEAD'], options);
    await using made = await bundleRepository(other, [head], root);
    await using codebase = await reader.codebaseFromBundle(made.content(), head, 'past');
    const folder = await unpack(codebase, 'trap-out');
    expect(await readFile(path.join(folder, '.gitmodules'), 'utf8')).toMatch(/ext::/);
    expect(await readdir(root)).not.toContain('trapped');
  });
});

describe('a bundle', () => {
  test('that git can read is accepted', async () => {
    await reader.checkBundle(createReadStream(bundle));
    expect(await readdir(path.join(root, 'scratch'))).toEqual([]);
  });

  test('that is damaged, cut, partial or something else is INVALID_REPOSITORY', async () => {
    const whole = await readFile(bundle);
    const damaged = Buffer.from(whole);
    damaged.fill(7, damaged.length - 60, damaged.length - 40);
    const partial = path.join(root, 'partial.bundle');
    await git(['bundle', 'create', '--quiet', partial, `${commits['first']}..side`], { cwd: repository });
    for (const [content, why] of [
      [damaged, /damaged or cut short/],
      [whole.subarray(0, whole.length - 100), /damaged or cut short/],
      [await readFile(partial), /commits that are not in it/],
      [Buffer.from('PK zip or what'), /no git bundle; make one with `git bundle create FILE --all`/],
      [Buffer.alloc(0), /no git bundle/],
    ] as const) {
      const refused = reader.checkBundle(Readable.from([content]));
      await expect(refused).rejects.toMatchObject({ kind: 'invalid-argument', reason: 'INVALID_REPOSITORY' });
      await expect(reader.checkBundle(Readable.from([content]))).rejects.toThrow(why);
    }
    expect(await readdir(path.join(root, 'scratch'))).toEqual([]);
  });
});

describe('a plain folder', () => {
  test('becomes one commit with every file, ignored ones too, the same each time', async () => {
    const files = [
      { path: 'codebase/.gitignore', content: '*.log\n' },
      { path: 'codebase/x.log', content: 'kept\n' },
      { path: 'codebase/run', content: '#!/bin/sh\n', executable: true },
      { path: 'verification/run', content: 'hidden' },
    ];
    await using codebase = await reader.codebaseFromFolder(packFiles(files), 'past');
    await using again = await reader.codebaseFromFolder(packFiles(files), 'squashed');
    expect(again.baseCommit).toBe(codebase.baseCommit);
    const folder = await unpack(codebase, 'folder');
    expect(await readdir(folder)).toEqual(['.git', '.gitignore', 'run', 'x.log']);
    await expectNothingLater(folder, [codebase.baseCommit]);
    expect(await gitLine(['ls-files'], { cwd: folder })).toBe('.gitignore\nrun\nx.log');
  });
});

describe('a local repository', () => {
  test('becomes a bundle with the commits asked for, and stays as it is', async () => {
    const before = await readdir(path.join(repository, '.git'), { recursive: true });
    await using made = await bundleRepository(
      repository,
      [commits['base'] ?? '', commits['first'] ?? ''],
      root,
    );
    const content = await buffer(made.content());
    expect(content.length).toBe(made.bytes);
    await using codebase = await reader.codebaseFromBundle(made.content(), commits['base'] ?? '', 'past');
    expect(codebase.baseCommit).toBe(commits['base']);
    await expect(
      reader.codebaseFromBundle(made.content(), commits['later'] ?? '', 'past'),
    ).rejects.toMatchObject({
      reason: 'COMMIT_NOT_FOUND',
    });
    expect(await readdir(path.join(repository, '.git'), { recursive: true })).toEqual(before);
  });

  test('is one upload for the same commits: the digest is the same each time', async () => {
    const wanted = [commits['base'] ?? '', commits['side'] ?? ''];
    await using first = await bundleRepository(repository, wanted, root);
    await using again = await bundleRepository(repository, wanted.toReversed(), root);
    expect(again.sha256).toBe(first.sha256);
  });

  test('that is none, or lacks a commit, is refused with what to do', async () => {
    await mkdir(path.join(root, 'plain'), { recursive: true });
    for (const wrong of [path.join(root, 'plain'), path.join(root, 'nowhere')])
      await expect(bundleRepository(wrong, [commits['base'] ?? ''], root)).rejects.toMatchObject({
        reason: 'INVALID_REPOSITORY',
      });
    await expect(bundleRepository(repository, ['0'.repeat(40)], root)).rejects.toMatchObject({
      reason: 'COMMIT_NOT_FOUND',
    });
  });
});
