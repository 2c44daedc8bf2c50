import { randomInt } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { KeptBlobs } from '../../src/core/kept-blobs.js';
import { openBlobStore } from '../../src/storage/blob-store.js';
import { acquireServiceLock } from '../../src/storage/service-lock.js';
import { openStorage } from '../../src/storage/storage.js';
import { startChild } from '../support/child.js';
import { compiledScript } from '../support/compiled-script.js';
import { extent } from '../support/extent.js';
import { tempFolder } from '../support/temp-folder.js';

async function exists(check: Promise<unknown>): Promise<boolean> {
  return (await check) !== undefined;
}

test(
  'a writer killed at any moment leaves all that it stored, and nothing half-written',
  { timeout: 300_000 },
  async () => {
    await using script = await compiledScript('test/storage/children/writer.ts');
    await using folder = await tempFolder();
    const stored: string[] = [];
    const count = (kind: string): number => stored.filter((line) => line.startsWith(kind)).length;
    // A busy machine may need more rounds for the writer to come to something.
    for (let round = 0; round < 4 || (Math.min(count('blob'), count('row')) <= 3 && round < 50); round++) {
      const child = startChild(script.path, [folder.path]);
      const first = await child.lines.next();
      expect(first.done).toBeFalsy();
      stored.push(first.value as string);
      await delay(randomInt(50, 300)); // the moment of the kill is the point of the test
      await child.kill();
      for (let line = await child.lines.next(); !line.done; line = await child.lines.next())
        stored.push(line.value);

      const blobs = await openBlobStore(join(folder.path, 'blobs'));
      await using storage = await openStorage({ dataDir: folder.path });
      expect(await readdir(join(folder.path, 'blobs', 'tmp'))).toEqual([]);
      const found = new Set<string>();
      for await (const { digest } of blobs.list()) {
        expect(await blobs.verify(digest)).toBe(true);
        found.add(digest);
      }
      for (const line of stored) {
        const [kind, id = ''] = line.split(' ');
        if (kind === 'blob') expect(found).toContain(id);
        else expect((await storage.sessions.find(id))?.state).toBe('CLOSED');
      }
      // A row is there with its labels or not at all.
      const labels = { a: '1', b: '2' };
      expect(await storage.sessions.count({ labels })).toBe(await storage.sessions.count({}));
    }
    expect(count('blob')).toBeGreaterThan(3);
    expect(count('row')).toBeGreaterThan(3);
  },
);

test('what verifications give up is gone or there whole, whenever the service was killed', async () => {
  await using script = await compiledScript('test/storage/children/keeper.ts');
  await using folder = await tempFolder();
  for (let round = 0; round < extent(2, 40); round++) {
    const child = startChild(script.path, [folder.path]);
    expect((await child.lines.next()).value).toBe('full');
    await delay(randomInt(0, 100)); // the moment of the kill is the point of the test
    await child.kill();

    const blobs = await openBlobStore(join(folder.path, 'blobs'));
    await using storage = await openStorage({ dataDir: folder.path });
    const { keptVerifications: kept, verifications } = storage;
    await new KeptBlobs({ blobs, kept }).sweep();
    const there: string[] = [];
    for await (const { digest } of blobs.list()) there.push(digest);
    expect(there.sort()).toEqual([...(await verifications.references()).blobs].sort());
    expect(await kept.released()).toEqual([]);
    const page = await verifications.list({}, { size: 1000, after: undefined });
    for (const { kept: patch, subjectExpireTime, logBlob, logExpireTime } of page.items) {
      expect(patch === undefined).toBe(subjectExpireTime !== undefined);
      expect(logBlob === undefined).toBe(logExpireTime !== undefined);
    }
  }
}, 300_000);

test('a second service on a data folder is refused by name until the first is gone, even killed', async () => {
  await using script = await compiledScript('test/storage/children/lock-holder.ts');
  await using folder = await tempFolder();
  await using child = startChild(script.path, [folder.path]);
  expect((await child.lines.next()).value).toBe('held');
  expect(() => acquireServiceLock(folder.path)).toThrow(
    expect.objectContaining({
      kind: 'failed-precondition',
      message: expect.stringMatching(
        new RegExp(`Another codeset server \\(process ${child.pid}\\) uses the data folder`),
      ) as unknown,
    }),
  );
  // Keys may be managed meanwhile.
  await using storage = await openStorage({ dataDir: folder.path });
  expect(await exists(storage.keys.list())).toBe(true);

  await child.kill();
  using lock = acquireServiceLock(folder.path);
  expect(lock).toBeDefined();
});

test('a lock that was let go is free, and one process can take it but once', async () => {
  await using folder = await tempFolder();
  const first = acquireServiceLock(folder.path);
  expect(() => acquireServiceLock(folder.path)).toThrow(/Another codeset server/);
  first[Symbol.dispose]();
  first[Symbol.dispose]();
  const second = acquireServiceLock(folder.path);
  // The first owner's late second dispose must not take the second's away.
  first[Symbol.dispose]();
  expect(() => acquireServiceLock(folder.path)).toThrow(/Another codeset server/);
  second[Symbol.dispose]();
});
