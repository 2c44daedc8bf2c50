import { mkdir, readdir, readFile, readlink, rm, stat, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pack, type Header } from 'tar-stream';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { CodesetError } from '../../../src/core/errors.js';
import { DEFAULT_ARCHIVE_LIMITS, SampleArchive } from '../../../src/samples/archive.js';
import { packFiles, packFolder } from '../../../src/samples/pack.js';
import { FileSampleReader } from '../../../src/samples/sample-reader.js';
import { temporaryFolder, untar } from './judge.js';

let scratch: string;
beforeEach(async () => {
  scratch = path.join(await temporaryFolder(), 'scratch');
});
afterEach(() => rm(path.dirname(scratch), { recursive: true, force: true }));

type Entry = Partial<Header> & { name: string; content?: string };

async function tarOf(...entries: Entry[]): Promise<Buffer> {
  const out = pack();
  for (const { content, ...header } of entries) out.entry(header, content ?? '');
  out.finalize();
  return buffer(out as unknown as Readable);
}

const SAMPLE: Entry[] = [
  { name: 'sample.yaml', content: 'sample_id: s\ndataset: d\nenvironment: {host: {}}\n' },
  { name: 'task.md', content: '# Do it\n' },
  { name: 'verification/run', content: '#!/bin/sh\n', mode: 0o755 },
  { name: 'codebase/a b/ü.txt', content: 'text' },
];

async function refusal(tar: Buffer | Readable): Promise<CodesetError> {
  try {
    await using upload = await new FileSampleReader(scratch).read(
      Buffer.isBuffer(tar) ? Readable.from([tar], { objectMode: false }) : tar,
    );
    void upload;
  } catch (error) {
    expect(error).toBeInstanceOf(CodesetError);
    // Nothing of it stays.
    expect(await readdir(scratch)).toEqual([]);
    return error as CodesetError;
  }
  throw new Error('the archive was accepted');
}

describe('an uploaded sample', () => {
  test('is read, and gives its folder and its hidden files again', async () => {
    const reader = new FileSampleReader(scratch);
    const upload = await reader.read(Readable.from([await tarOf(...SAMPLE)]));
    expect(upload).toMatchObject({ task: '# Do it\n', hasCodebase: true, hasSolution: false });
    expect(upload.manifest.sampleId).toBe('s');
    const out = path.join(scratch, '../out');
    await untar(upload.archive(), out);
    expect(await readFile(path.join(out, 'codebase/a b/ü.txt'), 'utf8')).toBe('text');
    await untar(upload.hidden(), path.join(out, 'hidden'));
    expect((await stat(path.join(out, 'hidden/run'))).mode & 0o777).toBe(0o700);
    await upload[Symbol.asyncDispose]();
    expect(await readdir(scratch)).toEqual([]);
  });

  test('has one digest whatever the order, times, owners and folders of its tar', async () => {
    const reader = new FileSampleReader(scratch);
    const digest = async (entries: Entry[]): Promise<string> => {
      await using upload = await reader.read(Readable.from([await tarOf(...entries)]));
      return upload.digest;
    };
    const first = await digest(SAMPLE);
    const other = SAMPLE.map((entry) => ({ ...entry, name: `./${entry.name}`, mtime: new Date(5), uid: 7 }));
    expect(await digest([{ name: './', type: 'directory' }, ...other.reverse()])).toBe(first);
    expect(await digest([...SAMPLE, { name: 'codebase/new', content: '' }])).not.toBe(first);
    expect(await digest(SAMPLE.map((e) => ({ ...e, mode: 0o755 })))).not.toBe(first);
    await using upload = await reader.read(Readable.from([await tarOf(...SAMPLE)]));
    await using again = await reader.read(upload.archive());
    expect(again.digest).toBe(first);
  });

  test.each<[string, Entry, RegExp]>([
    ['leads out', { name: 'codebase/../../etc/x', content: 'x' }, /leads out of the sample/],
    ['is absolute', { name: '/etc/x', content: 'x' }, /absolute path/],
    [
      'is a device',
      { name: 'codebase/null', type: 'character-device', devmajor: 1, devminor: 3 },
      /character-device/,
    ],
    ['is a FIFO', { name: 'codebase/pipe', type: 'fifo' }, /fifo/],
    [
      'links outside',
      { name: 'codebase/l', type: 'symlink', linkname: '../../etc' },
      /points out of its folder/,
    ],
    [
      'links to the hidden files',
      { name: 'codebase/l', type: 'symlink', linkname: '../verification/run' },
      /points out of its folder/,
    ],
    [
      'links absolutely',
      { name: 'codebase/l', type: 'symlink', linkname: '/etc/passwd' },
      /must be a relative path/,
    ],
    ['hard-links outside', { name: 'codebase/l', type: 'link', linkname: '../x' }, /leads out/],
    [
      'hard-links to nothing',
      { name: 'codebase/l', type: 'link', linkname: 'codebase/none' },
      /no earlier file/,
    ],
    ['is there twice', { name: 'task.md', content: 'other' }, /"task\.md" is there twice/],
    ['is a repository', { name: 'codebase/.git/config', content: '' }, /belongs to a git repository/],
    [
      'is a hidden repository',
      { name: 'codebase/x/.GIT/config', content: '' },
      /belongs to a git repository/,
    ],
    ['lies below a file', { name: 'task.md/x', content: '' }, /lies below "task\.md", which is no folder/],
    ['has a name that is too long', { name: `codebase/${'x'.repeat(256)}`, content: '' }, /no file name/],
  ])('with an entry that %s is refused', async (_, entry, why) => {
    const error = await refusal(await tarOf(...SAMPLE, entry));
    expect(error).toMatchObject({ kind: 'invalid-argument', reason: 'INVALID_ARCHIVE' });
    expect(error.message).toMatch(why);
  });

  test('with a file below a link is refused', async () => {
    const link: Entry = { name: 'codebase/l', type: 'symlink', linkname: 'a b' };
    const error = await refusal(await tarOf(...SAMPLE, link, { name: 'codebase/l/x', content: 'x' }));
    expect(error.message).toMatch(/lies below "codebase\/l"/);
  });

  test('that is no tar, is cut, or is empty is refused', async () => {
    const whole = await tarOf(...SAMPLE);
    expect((await refusal(Buffer.from('not a tar'.repeat(200)))).reason).toBe('INVALID_ARCHIVE');
    expect((await refusal(whole.subarray(0, 1200))).reason).toBe('INVALID_ARCHIVE');
    expect((await refusal(Buffer.alloc(0))).reason).toBe('INVALID_ARCHIVE');
    expect((await refusal(Buffer.alloc(1024))).message).toMatch(/empty or is no tar/);
  });

  test('whose header claims gigabytes of name is refused before they are kept', async () => {
    const huge = (await tarOf({ name: 'x', content: '' })).subarray(0, 512);
    huge.write('L', 156);
    huge.write('77777777777\0', 124);
    huge.fill(' ', 148, 156);
    const sum = huge.reduce((total, byte) => total + byte, 0);
    huge.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
    const before = process.memoryUsage().rss;
    let sent = 0;
    const endless = Readable.from(
      (function* () {
        yield huge;
        for (; sent < 4096; sent += 1) yield Buffer.alloc(1024 * 1024, 'x');
      })(),
      { objectMode: false },
    );
    expect((await refusal(endless)).message).toMatch(/header (?:has more than|exceeds max size)/i);
    expect(sent).toBeLessThan(64);
    expect(process.memoryUsage().rss - before).toBeLessThan(300 * 1024 ** 2);
  });

  test('beyond the limits of size or entries is refused', async () => {
    const limits = { ...DEFAULT_ARCHIVE_LIMITS, maxBytes: 10_000, maxEntries: 3 };
    const big = await tarOf({ name: 'x', content: 'x'.repeat(20_000) });
    await expect(SampleArchive.spool(Readable.from([big]), scratch, limits)).rejects.toMatchObject({
      reason: 'TOO_LARGE',
    });
    await expect(
      SampleArchive.spool(Readable.from([await tarOf(...SAMPLE)]), scratch, limits),
    ).rejects.toThrow(/more than 3 entries/);
    expect(await readdir(scratch)).toEqual([]);
  });

  test('whose sender fails half-way leaves nothing', async () => {
    const tar = await tarOf(...SAMPLE);
    const broken = Readable.from(
      (async function* () {
        yield tar.subarray(0, 700);
        throw new Error('the client went away');
      })(),
    );
    await expect(new FileSampleReader(scratch).read(broken)).rejects.toThrow('the client went away');
    expect(await readdir(scratch)).toEqual([]);
  });

  test('without manifest, task or script is refused, and says which', async () => {
    const without = (name: string) => tarOf(...SAMPLE.filter((entry) => entry.name !== name));
    expect((await refusal(await without('sample.yaml'))).message).toMatch(/no sample\.yaml at its top/);
    expect((await refusal(await without('task.md'))).message).toMatch(/no task\.md/);
    const script = await refusal(await without('verification/run'));
    expect(script.violations).toEqual([
      {
        field: 'sample.yaml: verification.command',
        description: 'names verification/run, which the sample does not hold',
      },
    ]);
    const inner = SAMPLE.map((entry) =>
      entry.name === 'sample.yaml'
        ? { ...entry, content: `${entry.content}verification: {command: [/bin/sh, verification/other]}\n` }
        : entry,
    );
    expect((await refusal(await tarOf(...inner))).message).toMatch(/names verification\/other, which/);
    const plain = SAMPLE.map((entry) => ({ ...entry, mode: 0o644 }));
    expect((await refusal(await tarOf(...plain))).message).toMatch(/not executable; chmod \+x/);
  });

  test('with a wrong manifest is refused with its line', async () => {
    const [, ...rest] = SAMPLE;
    const error = await refusal(
      await tarOf(
        { name: 'sample.yaml', content: 'sample_id: s\ndataset: d\nenvironment: {host: {}}\ntgas: []\n' },
        ...rest,
      ),
    );
    expect(error).toMatchObject({
      reason: 'INVALID_MANIFEST',
      violations: [{ field: 'sample.yaml:4: tgas', description: 'is not a known field; did you mean tags?' }],
    });
  });
});

describe('a folder that is packed', () => {
  test('keeps hidden files, empty folders, modes and links, and survives reading and unpacking', async () => {
    const folder = path.join(scratch, '../sample');
    for (const name of ['verification', 'codebase/.hidden/empty', 'codebase/bin'])
      await mkdir(path.join(folder, name), { recursive: true });
    await writeFile(path.join(folder, 'sample.yaml'), SAMPLE[0]?.content ?? '');
    await writeFile(path.join(folder, 'task.md'), 'x');
    await writeFile(path.join(folder, 'verification/run'), '', { mode: 0o755 });
    await writeFile(path.join(folder, 'codebase/.gitignore'), 'ignored\n');
    await writeFile(path.join(folder, 'codebase/ignored'), Buffer.from([0, 255, 10, 13]));
    await writeFile(path.join(folder, 'codebase/bin/tool'), '#!', { mode: 0o755 });
    await symlink('../ignored', path.join(folder, 'codebase/bin/link'));
    const reader = new FileSampleReader(scratch);
    await using codebase = await reader.codebaseFromFolder(packFolder(folder), 'past');
    const out = path.join(scratch, '../out');
    await untar(codebase.workTree(1000), out);
    expect(await readdir(path.join(out, '.hidden/empty'))).toEqual([]);
    expect(await readFile(path.join(out, 'ignored'))).toEqual(Buffer.from([0, 255, 10, 13]));
    expect(await readlink(path.join(out, 'bin/link'))).toBe('../ignored');
    expect((await stat(path.join(out, 'bin/tool'))).mode & 0o777).toBe(0o755);
    if (process.getuid?.() === 0) expect((await stat(path.join(out, 'ignored'))).uid).toBe(1000);
  });

  test('made in memory is the same sample', async () => {
    const reader = new FileSampleReader(scratch);
    const files = SAMPLE.map(({ name, content, mode }) => ({
      path: name,
      content: content ?? '',
      executable: mode === 0o755,
    }));
    await using made = await reader.read(packFiles(files));
    await using sent = await reader.read(Readable.from([await tarOf(...SAMPLE)]));
    expect(made.digest).toBe(sent.digest);
  });
});
