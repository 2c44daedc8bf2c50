import { createHash, randomBytes } from 'node:crypto';
import { appendFile, chmod, mkdir, readdir, readFile, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { openBlobStore } from '../../src/storage/blob-store.js';
import type { FileBlobs } from '../../src/storage/blob-store.js';
import { tempFolder } from '../support/temp-folder.js';
import { failure } from './storage-fixture.js';

interface OpenBlobs extends AsyncDisposable {
  readonly dir: string;
  readonly blobs: FileBlobs;
  pathOf(digest: string): string;
}

async function freshBlobs(): Promise<OpenBlobs> {
  const folder = await tempFolder();
  const dir = join(folder.path, 'blobs');
  return {
    dir,
    blobs: await openBlobStore(dir),
    pathOf: (digest) => join(dir, 'sha256', digest.slice(0, 2), digest),
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

function digestOf(content: Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}

async function listed(blobs: FileBlobs): Promise<readonly string[]> {
  const digests: string[] = [];
  for await (const { digest } of blobs.list()) digests.push(digest);
  return digests.sort();
}

const UNKNOWN = 'ab'.repeat(32);

describe('blobs', () => {
  test('of any content and cut come back byte for byte', async () => {
    await using open = await freshBlobs();
    const pieces = fc.array(fc.uint8Array({ maxLength: 5000 }), { maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(pieces, async (parts) => {
        const content = Buffer.concat(parts);
        const info = await open.blobs.put(Readable.from(parts), { maxBytes: 50_000 });
        expect(info).toEqual({ digest: digestOf(content), bytes: content.length });
        expect(await open.blobs.has(info.digest)).toEqual(info);
        expect((await buffer(await open.blobs.get(info.digest))).equals(content)).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  test('larger than a stream’s buffers come back, and many readers read at once', async () => {
    await using open = await freshBlobs();
    const content = randomBytes(5_000_000);
    const { digest } = await open.blobs.put(Readable.from([content]), { maxBytes: content.length });
    const all = await Promise.all([1, 2, 3].map(async () => buffer(await open.blobs.get(digest))));
    for (const one of all) expect(one.equals(content)).toBe(true);
  });

  test('lie where the layout says, readable by nobody else', async () => {
    await using open = await freshBlobs();
    const { digest } = await open.blobs.put(Readable.from(['text']), { maxBytes: 10 });
    expect((await stat(open.pathOf(digest))).mode & 0o777).toBe(0o600);
    expect((await stat(open.dir)).mode & 0o777).toBe(0o700);
    expect(await readFile(open.pathOf(digest), 'utf8')).toBe('text');
  });

  test('over the size are refused, exactly the size is fine', async () => {
    await using open = await freshBlobs();
    await expect(open.blobs.put(Readable.from([randomBytes(11)]), { maxBytes: 10 })).rejects.toMatchObject(
      failure('resource-exhausted', 'TOO_LARGE'),
    );
    await open.blobs.put(Readable.from([randomBytes(10)]), { maxBytes: 10 });
    expect(await listed(open.blobs)).toHaveLength(1);
    expect(await readdir(join(open.dir, 'tmp'))).toEqual([]);
  });

  test('that never end are cut off by the size', async () => {
    await using open = await freshBlobs();
    const endless = new Readable({
      read() {
        this.push(Buffer.alloc(65536));
      },
    });
    await expect(open.blobs.put(endless, { maxBytes: 1_000_000 })).rejects.toMatchObject({
      reason: 'TOO_LARGE',
    });
    expect(endless.destroyed).toBe(true);
  });

  test('with another digest than announced are refused', async () => {
    await using open = await freshBlobs();
    const content = Buffer.from('announced');
    const put = (expectedDigest: string) =>
      open.blobs.put(Readable.from([content]), { maxBytes: 100, expectedDigest });
    await expect(put(UNKNOWN)).rejects.toMatchObject({
      ...failure('invalid-argument', 'INVALID_FIELD'),
      violations: [{ field: 'sha256' }],
    });
    expect(await listed(open.blobs)).toEqual([]);
    expect(await readdir(join(open.dir, 'tmp'))).toEqual([]);
    await expect(put(digestOf(content))).resolves.toBeDefined();
  });

  test('whose sender fails leave nothing, and the sender’s error is what comes out', async () => {
    await using open = await freshBlobs();
    const failing = Readable.from(
      (function* () {
        yield Buffer.from('a beginning');
        throw new Error('the client went away');
      })(),
    );
    await expect(open.blobs.put(failing, { maxBytes: 100 })).rejects.toThrow('the client went away');
    expect(await listed(open.blobs)).toEqual([]);
    expect(await readdir(join(open.dir, 'tmp'))).toEqual([]);
  });

  test('stored twice, also at the same time, are one', async () => {
    await using open = await freshBlobs();
    const content = randomBytes(100_000);
    const put = () => open.blobs.put(Readable.from([content]), { maxBytes: 1e6 });
    const infos = await Promise.all([put(), put(), put()]);
    expect(new Set(infos.map((info) => info.digest))).toEqual(new Set([digestOf(content)]));
    expect(await listed(open.blobs)).toEqual([digestOf(content)]);
  });

  test('that are damaged fail their reader and verify, and are mended by the same content again', async () => {
    await using open = await freshBlobs();
    const content = randomBytes(300_000);
    const { digest } = await open.blobs.put(Readable.from([content]), { maxBytes: 1e6 });
    expect(await open.blobs.verify(digest)).toBe(true);
    for (const damage of [
      () => truncate(open.pathOf(digest), 1000),
      () => appendFile(open.pathOf(digest), 'x'),
    ]) {
      await damage();
      expect(await open.blobs.verify(digest)).toBe(false);
      await expect(buffer(await open.blobs.get(digest))).rejects.toMatchObject(
        failure('internal', 'INTERNAL'),
      );
      await open.blobs.put(Readable.from([content]), { maxBytes: 1e6 });
      expect(await open.blobs.verify(digest)).toBe(true);
    }
  });

  test('that are not there are told apart from names that are none', async () => {
    await using open = await freshBlobs();
    await expect(open.blobs.get(UNKNOWN)).rejects.toMatchObject(failure('internal', 'INTERNAL'));
    await expect(open.blobs.get('../../codeset.db')).rejects.toThrow('64 hexadecimal digits');
    expect(await open.blobs.has(UNKNOWN)).toBeUndefined();
    expect(await open.blobs.has('../../codeset.db')).toBeUndefined();
    expect(await open.blobs.verify(UNKNOWN)).toBe(false);
    await open.blobs.delete(UNKNOWN);
  });

  test('are deleted, and read to the end by who had begun', async () => {
    await using open = await freshBlobs();
    const content = randomBytes(3_000_000);
    const { digest } = await open.blobs.put(Readable.from([content]), { maxBytes: 1e7 });
    const reader = await open.blobs.get(digest);
    await open.blobs.delete(digest);
    expect(await open.blobs.has(digest)).toBeUndefined();
    expect((await buffer(reader)).equals(content)).toBe(true);
  });

  test('are listed with size and age; what is no blob is left out', async () => {
    await using open = await freshBlobs();
    const before = Date.now();
    const { digest } = await open.blobs.put(Readable.from(['four']), { maxBytes: 10 });
    await writeFile(join(open.dir, 'sha256', digest.slice(0, 2), 'README'), 'not a blob');
    await mkdir(join(open.dir, 'sha256', 'lost+found'));
    const found = [];
    for await (const info of open.blobs.list()) found.push(info);
    expect(found).toEqual([{ digest, bytes: 4, createTime: expect.any(Date) as Date }]);
    expect(found[0]?.createTime.getTime()).toBeGreaterThan(before - 5000);
  });

  test('leftovers of a crash are removed when the store is opened again, blobs stay', async () => {
    await using open = await freshBlobs();
    const { digest } = await open.blobs.put(Readable.from(['kept']), { maxBytes: 10 });
    await writeFile(join(open.dir, 'tmp', 'half'), 'half a bl');
    await chmod(open.dir, 0o755);
    const again = await openBlobStore(open.dir);
    expect(await readdir(join(open.dir, 'tmp'))).toEqual([]);
    expect((await stat(open.dir)).mode & 0o777).toBe(0o700);
    expect(await listed(again)).toEqual([digest]);
  });
});
