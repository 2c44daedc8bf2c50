import { execFile, execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { openBlobStore } from '../../src/storage/blob-store.js';
import { openSecretStore } from '../../src/storage/secret-store.js';
import { openStorage } from '../../src/storage/storage.js';
import { compiledScript } from '../support/compiled-script.js';
import { aSession } from '../support/entities.js';
import { tempFolder } from '../support/temp-folder.js';
import type { TempFolder } from '../support/temp-folder.js';
import { failure } from './storage-fixture.js';

const FULL = failure('resource-exhausted', 'DISK_FULL');

/** A disk of 2 MiB; undefined where this process may not mount one. */
async function smallDisk(): Promise<TempFolder | undefined> {
  const folder = await tempFolder();
  const path = join(folder.path, 'disk');
  await mkdir(path);
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'codeset-test', path], { stdio: 'ignore' });
  } catch {
    await folder[Symbol.asyncDispose]();
    return undefined;
  }
  return {
    path,
    async [Symbol.asyncDispose]() {
      execFileSync('umount', ['--lazy', path]);
      await folder[Symbol.asyncDispose]();
    },
  };
}

async function fill(disk: string): Promise<string> {
  const path = join(disk, 'ballast');
  await writeFile(path, Buffer.alloc(4 * 1024 ** 2)).catch((error: unknown) => {
    expect(error).toMatchObject({ code: 'ENOSPC' });
  });
  return path;
}

test('a full disk refuses rows as DISK_FULL, keeps what was there, and works again after', async ({
  skip,
}) => {
  await using disk = (await smallDisk()) ?? skip('needs the right to mount');
  await using storage = await openStorage({ dataDir: disk.path });
  const kept = aSession({ requestId: 'kept', labels: { a: '1' } });
  await storage.sessions.insert(kept);
  const ballast = await fill(disk.path);
  const big = () => aSession({ env: { BIG: 'x'.repeat(1_000_000) }, labels: { big: '1' } });
  await expect(storage.sessions.insert(big())).rejects.toMatchObject(FULL);
  await expect(storage.sessions.update(kept.sessionId, { env: big().env })).rejects.toMatchObject(FULL);
  expect(await storage.sessions.find(kept.sessionId)).toStrictEqual(kept);
  expect(await storage.sessions.count({ labels: { big: '1' } })).toBe(0);
  await rm(ballast);
  const after = aSession();
  await storage.sessions.insert(after);
  expect(await storage.sessions.find(after.sessionId)).toStrictEqual(after);
});

test('a database that finds no room to begin with says so', async ({ skip }) => {
  await using disk = (await smallDisk()) ?? skip('needs the right to mount');
  await fill(disk.path);
  await expect(openStorage({ dataDir: disk.path })).rejects.toMatchObject(FULL);
});

test('a full disk refuses a blob as DISK_FULL and leaves nothing of it', async ({ skip }) => {
  await using disk = (await smallDisk()) ?? skip('needs the right to mount');
  const dir = join(disk.path, 'blobs');
  const blobs = await openBlobStore(dir);
  const small = await blobs.put(Readable.from([randomBytes(1000)]), { maxBytes: 1e9 });
  const large = Readable.from(Array.from({ length: 100 }, () => randomBytes(65536)));
  await expect(blobs.put(large, { maxBytes: 1e9 })).rejects.toMatchObject(FULL);
  expect(large.destroyed).toBe(true);
  expect(await readdir(join(dir, 'tmp'))).toEqual([]);
  const listed: string[] = [];
  for await (const { digest } of blobs.list()) listed.push(digest);
  expect(listed).toEqual([small.digest]);
  await expect(blobs.put(Readable.from([randomBytes(500_000)]), { maxBytes: 1e9 })).resolves.toBeDefined();
});

test('a full disk leaves the earlier secret environment', async ({ skip }) => {
  await using disk = (await smallDisk()) ?? skip('needs the right to mount');
  const dir = join(disk.path, 'secrets');
  const secrets = await openSecretStore(dir);
  await secrets.put('ses_a', { TOKEN: 'old' });
  await fill(disk.path);
  await expect(secrets.put('ses_a', { TOKEN: 'x'.repeat(100_000) })).rejects.toMatchObject(FULL);
  expect(await secrets.get('ses_a')).toEqual({ TOKEN: 'old' });
  expect(await readdir(dir)).toEqual(['ses_a.json']);
});

test('a limit on the size of files is a full disk, too, and nothing half-written stays', async () => {
  await using script = await compiledScript('test/storage/children/limited-writer.ts');
  await using folder = await tempFolder();
  // In blocks of 512 bytes or 1 KiB, by shell: below the large blob's 4 MB either way.
  const line = 'ulimit -f 512 && exec "$0" "$@"';
  const { stdout } = await promisify(execFile)('sh', [
    '-c',
    line,
    process.execPath,
    script.path,
    folder.path,
  ]);
  expect(JSON.parse(stdout)).toEqual(['resource-exhausted DISK_FULL', 'stored']);
  expect(await readdir(join(folder.path, 'tmp'))).toEqual([]);
  expect(await readdir(join(folder.path, 'sha256'))).toHaveLength(1);
});
