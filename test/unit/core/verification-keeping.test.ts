import { join } from 'node:path';
import { Readable } from 'node:stream';
import SqliteConnection from 'better-sqlite3';
import { expect, test } from 'vitest';
import { KeptBlobs } from '../../../src/core/kept-blobs.js';
import { VerificationKeeping, type KeepingLimits } from '../../../src/core/verification-keeping.js';
import { storedBytes, type Verification } from '../../../src/core/verification.js';
import { openBlobStore, type FileBlobs } from '../../../src/storage/blob-store.js';
import { freshStorage, type OpenStorage } from '../../storage/storage-fixture.js';
import { aSample, aVerification, NOON } from '../../support/entities.js';

const DAY = 24 * 60 * 60_000;
const quiet = { debug() {}, info() {}, warn() {}, error() {} };
const UNLIMITED: KeepingLimits = { retentionMs: 0, diskBytes: Number.MAX_SAFE_INTEGER };

interface Kept extends OpenStorage {
  readonly blobs: FileBlobs;
  readonly keptBlobs: KeptBlobs;
  /** One on record, with patch and log of so many bytes among the blobs; it ended `age` milliseconds before noon. */
  put(
    id: string,
    content: { patch?: string; log?: string; age?: number },
    change?: Partial<Verification>,
  ): Promise<void>;
  keeping(limits: Partial<KeepingLimits>, isBusy?: (id: string) => boolean): VerificationKeeping;
  /** By id: the bytes of patch and log, `-` for what was given up. */
  stored(): Promise<Readonly<Record<string, string>>>;
  /** Lengths of all blobs. */
  lengths(): Promise<readonly number[]>;
}

async function kept(): Promise<Kept> {
  const open = await freshStorage();
  const { storage } = open;
  const blobs = await openBlobStore(join(open.dataDir, 'blobs'));
  const keptBlobs = new KeptBlobs({ blobs, kept: storage.keptVerifications });
  return {
    ...open,
    blobs,
    keptBlobs,
    async put(id, { patch, log, age = 0 }, change = {}) {
      using held = patch === undefined ? undefined : await keptBlobs.put(Buffer.from(patch), 1000);
      using heldLog = log === undefined ? undefined : await keptBlobs.put(Buffer.from(log), 1000);
      await storage.verifications.insert(
        aVerification({
          verificationId: id,
          state: 'PASSED',
          endTime: new Date(NOON.getTime() - age),
          ...(held === undefined
            ? {}
            : {
                subject: { kind: 'patch', patchBlob: held.digest },
                kept: { kind: 'patch', blob: held.digest },
                patchBytes: held.bytes,
              }),
          logBlob: heldLog?.digest,
          logBytes: heldLog?.bytes ?? 0,
          ...change,
        }),
      );
    },
    keeping: (limits, isBusy = () => false) =>
      new VerificationKeeping({
        kept: storage.keptVerifications,
        blobs,
        keptBlobs,
        limits: { ...UNLIMITED, ...limits },
        isBusy,
        log: quiet,
        now: () => NOON.getTime(),
      }),
    async stored() {
      const { items } = await storage.verifications.list({}, { size: 100, after: undefined });
      return Object.fromEntries(
        items.map((one) => {
          const { subject, log } = storedBytes(one);
          const text = (bytes: number, gone: Date | undefined) => (gone === undefined ? String(bytes) : '-');
          return [
            one.verificationId,
            `${text(subject, one.subjectExpireTime)} ${text(log, one.logExpireTime)}`,
          ];
        }),
      );
    },
    async lengths() {
      const found: number[] = [];
      for await (const { bytes } of blobs.list()) found.push(bytes);
      return found.sort((a, b) => a - b);
    },
  };
}

test('for want of room patches go, then logs, of those that ended longest ago; records stay', async () => {
  await using all = await kept();
  await all.put('ver_new', { patch: 'p'.repeat(100), log: 'l'.repeat(40), age: 1 });
  await all.put('ver_old', { patch: 'q'.repeat(100), log: 'm'.repeat(41), age: 3 });
  await all.put('ver_mid', { patch: 'r'.repeat(100), log: 'n'.repeat(42), age: 2 });
  const open = { state: 'RUNNING', endTime: undefined } as const;
  await all.put('ver_open', { patch: 's'.repeat(100) }, open);

  await all.keeping({ diskBytes: 523 }).apply();
  const whole = { ver_new: '100 40', ver_mid: '100 42', ver_old: '100 41', ver_open: '100 0' };
  expect(await all.stored()).toEqual(whole);
  await all.keeping({ diskBytes: 522 }).apply();
  expect(await all.stored()).toEqual({ ...whole, ver_old: '- 41' });
  await all.keeping({ diskBytes: 182 }).apply();
  expect(await all.stored()).toEqual({ ver_new: '- 40', ver_mid: '- 42', ver_old: '- -', ver_open: '100 0' });
  expect(await all.lengths()).toEqual([40, 42, 100]);
  // What has not ended gives up nothing.
  await all.keeping({ diskBytes: 0 }).apply();
  expect(await all.stored()).toEqual({ ver_new: '- -', ver_mid: '- -', ver_old: '- -', ver_open: '100 0' });
  expect(await all.lengths()).toEqual([100]);
  expect(await all.storage.keptVerifications.bytes()).toBe(100);
});

test('what several share is counted once, and goes with the last of them', async () => {
  await using all = await kept();
  const shared = { patch: 'p'.repeat(100), log: 'l'.repeat(10) };
  for (let age = 1; age <= 4; age++) await all.put(`ver_${age}`, { ...shared, age });
  const keeping = all.keeping({ diskBytes: 110 });
  await keeping.apply();
  expect(new Set(Object.values(await all.stored()))).toEqual(new Set(['100 10']));
  const { keptVerifications } = all.storage;
  for (const id of ['ver_1', 'ver_2', 'ver_3']) expect(await keptVerifications.remove(id)).toBe(true);
  await all.keptBlobs.sweep();
  expect(await all.lengths()).toEqual([10, 100]);
  expect(await keptVerifications.giveUp('ver_4', 'subject', NOON)).toBe(100);
  expect(await keptVerifications.giveUp('ver_4', 'subject', NOON)).toBe(0);
  await all.keptBlobs.sweep();
  expect(await all.lengths()).toEqual([10]);
});

test('by age the whole verification goes, and counts on against the limit of its session', async () => {
  await using all = await kept();
  const subject = { kind: 'session', sessionId: 'ses_1' } as const;
  await all.put('ver_day', { log: 'a', age: DAY }, { subject });
  await all.put('ver_older', { log: 'b', age: 2 * DAY }, { subject });
  await all.put('ver_cancelled', { log: 'c', age: 2 * DAY }, { subject, state: 'CANCELLED' });
  await all.put('ver_busy', { log: 'd', age: 2 * DAY }, { subject });
  await all.put('ver_open', { age: 2 * DAY }, { subject, state: 'RUNNING', endTime: undefined });
  await all.put('ver_young', { log: 'e', age: DAY - 1 }, { subject });
  expect(await all.storage.verifications.countFor('ses_1')).toBe(5);

  await all.keeping({}).apply();
  expect(Object.keys(await all.stored())).toHaveLength(6);
  await all.keeping({ retentionMs: DAY }, (id) => id === 'ver_busy').apply();
  expect(Object.keys(await all.stored()).sort()).toEqual(['ver_busy', 'ver_open', 'ver_young']);
  expect(await all.lengths()).toHaveLength(2);
  expect(await all.storage.verifications.countFor('ses_1')).toBe(5);
  const sixth = aVerification({ subject });
  expect(await all.storage.verifications.insert(sixth, 5)).toBe(false);
  expect(await all.storage.verifications.insert(sixth, 6)).toBe(true);
});

test('more than fit into one look go all the same', async () => {
  await using all = await kept();
  for (let i = 0; i < 230; i++) await all.put(`ver_${i}`, { log: `log ${i}`, age: DAY + i });
  // Those of the first look all stay.
  const busy = new Set(Array.from({ length: 40 }, (_, i) => `ver_${229 - i}`));
  await all.keeping({ retentionMs: DAY, diskBytes: 0 }, (id) => busy.has(id)).apply();
  const left = await all.stored();
  expect(Object.keys(left)).toHaveLength(40);
  expect(new Set(Object.values(left))).toEqual(new Set(['0 -']));
  expect(await all.lengths()).toEqual([]);
});

test('a kill between record and blob leaves nothing: the next life goes on with it', async () => {
  await using all = await kept();
  await all.put('ver_1', { patch: 'patch', log: 'the log' });
  await all.storage.keptVerifications.remove('ver_1');
  expect(await all.lengths()).toEqual([5, 7]);
  await new KeptBlobs({ blobs: all.blobs, kept: all.storage.keptVerifications }).sweep();
  expect(await all.lengths()).toEqual([]);
  expect(await all.storage.keptVerifications.released()).toEqual([]);
});

test('content that somebody is about to put on record stays, though the last that had it has gone', async () => {
  await using all = await kept();
  await all.put('ver_1', { log: 'same' });
  {
    using held = await all.keptBlobs.put(Buffer.from('same'), 10);
    await all.storage.keptVerifications.remove('ver_1');
    await all.keptBlobs.sweep();
    expect(await all.blobs.has(held.digest)).toMatchObject({ bytes: 4 });
    await all.storage.verifications.insert(aVerification({ logBlob: held.digest, logBytes: 4 }));
  }
  await all.keptBlobs.sweep();
  expect(await all.lengths()).toEqual([4]);
  // Written while it is being removed, it is there afterwards.
  const { items } = await all.storage.verifications.list({}, { size: 1, after: undefined });
  await all.storage.verifications.update(items[0]?.verificationId ?? '', { state: 'FAILED' });
  await all.storage.keptVerifications.remove(items[0]?.verificationId ?? '');
  const [, again] = await Promise.all([all.keptBlobs.sweep(), all.keptBlobs.put(Buffer.from('same'), 10)]);
  expect(await all.blobs.has(again.digest)).toMatchObject({ bytes: 4 });
});

test("a sample's own content stays, whoever sent the same as a patch", async () => {
  await using all = await kept();
  const archive = await all.blobs.put(Readable.from([Buffer.from('archive')]), { maxBytes: 100 });
  await all.storage.samples.insert(aSample({ archiveBlob: archive.digest }));
  await all.put('ver_1', { patch: 'archive' });
  await all.storage.keptVerifications.remove('ver_1');
  await all.keptBlobs.sweep();
  expect(await all.lengths()).toEqual([7]);
});

test('a patch that was kept before sizes were written down gets its own', async () => {
  await using all = await kept();
  await all.put('ver_1', { patch: 'twelve bytes' });
  await all.put('ver_2', { patch: 'twelve bytes' });
  const database = new SqliteConnection(join(all.dataDir, 'codeset.db'));
  database.exec('update verifications set patch_bytes = null');
  database.close();
  expect(await all.stored()).toEqual({ ver_1: '0 0', ver_2: '0 0' });
  await all.keeping({}).recover();
  expect(await all.stored()).toEqual({ ver_1: '12 0', ver_2: '12 0' });
  expect(await all.storage.keptVerifications.unsized()).toEqual([]);
});
