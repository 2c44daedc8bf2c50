import { chmod, mkdir, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { KeyRing } from '../../src/core/key-ring.js';
import { adminKeyPath, ensureAdminKey, readAdminKey } from '../../src/storage/admin-key.js';
import { openStorage } from '../../src/storage/storage.js';
import { tempFolder } from '../support/temp-folder.js';
import { failure, freshStorage } from './storage-fixture.js';

const CLOCK = () => Date.parse('2026-03-01T12:00:00Z');
const INVALID = failure('unauthenticated', 'KEY_INVALID');

test('the first start makes an admin key that works, private; the next start keeps it', async () => {
  await using open = await freshStorage();
  await chmod(open.dataDir, 0o755);
  const { keys } = open.storage;
  const made = await ensureAdminKey(open.dataDir, keys, CLOCK);
  expect(made).toEqual({ path: adminKeyPath(open.dataDir), created: true });
  expect((await stat(made.path)).mode & 0o777).toBe(0o600);
  expect((await stat(open.dataDir)).mode & 0o777).toBe(0o700);
  const text = await readFile(made.path, 'utf8');
  expect(text).toMatch(/^csk_admin_[A-Za-z0-9_-]{43}\n$/);
  expect(await new KeyRing(keys, CLOCK).authenticate(text.trim())).toMatchObject({ role: 'ADMIN' });

  await chmod(made.path, 0o644);
  expect(await ensureAdminKey(open.dataDir, keys, CLOCK)).toEqual({ path: made.path, created: false });
  expect(await readFile(made.path, 'utf8')).toBe(text);
  expect((await stat(made.path)).mode & 0o777).toBe(0o600);
  expect(await keys.list()).toHaveLength(1);
});

test('a lost file is made anew, and the lost key no longer works; other keys do', async () => {
  await using open = await freshStorage();
  const { keys } = open.storage;
  const ring = new KeyRing(keys, CLOCK);
  const other = await ring.createKey('ADMIN', 'mine');
  await ensureAdminKey(open.dataDir, keys, CLOCK);
  const lost = await readAdminKey(open.dataDir);
  await rm(adminKeyPath(open.dataDir));
  expect(await readAdminKey(open.dataDir)).toBeUndefined();
  expect((await ensureAdminKey(open.dataDir, keys, CLOCK)).created).toBe(true);
  const fresh = await readAdminKey(open.dataDir);
  expect(fresh).not.toBe(lost);
  const after = new KeyRing(keys, CLOCK);
  await expect(after.authenticate(lost)).rejects.toMatchObject(INVALID);
  expect(await after.authenticate(fresh)).toMatchObject({ role: 'ADMIN' });
  expect(await after.authenticate(other.secret)).toMatchObject({ role: 'ADMIN', keyId: other.key.keyId });
});

test.each([
  ['empty', ''],
  ['damaged', 'csk_admin_short'],
  ['unknown', `csk_admin_${'A'.repeat(43)}`],
])('a file whose key is %s is replaced', async (_what, content) => {
  await using open = await freshStorage();
  await writeFile(adminKeyPath(open.dataDir), content);
  expect((await ensureAdminKey(open.dataDir, open.storage.keys, CLOCK)).created).toBe(true);
  const ring = new KeyRing(open.storage.keys, CLOCK);
  expect(await ring.authenticate(await readAdminKey(open.dataDir))).toMatchObject({ role: 'ADMIN' });
});

test('a revoked key, and one that is no admin’s, are replaced', async () => {
  await using open = await freshStorage();
  const { keys } = open.storage;
  const ring = new KeyRing(keys, CLOCK);
  await ensureAdminKey(open.dataDir, keys, CLOCK);
  const first = await readAdminKey(open.dataDir);
  await ring.revoke((await ring.authenticate(first)).keyId);
  expect((await ensureAdminKey(open.dataDir, keys, CLOCK)).created).toBe(true);
  expect(await readAdminKey(open.dataDir)).not.toBe(first);

  await writeFile(adminKeyPath(open.dataDir), (await ring.createKey('RUNNER', 'r')).secret);
  expect((await ensureAdminKey(open.dataDir, keys, CLOCK)).created).toBe(true);
});

test('a file kept while the database was lost is replaced', async () => {
  await using folder = await tempFolder();
  {
    await using storage = await openStorage({ dataDir: folder.path });
    await ensureAdminKey(folder.path, storage.keys, CLOCK);
  }
  const old = await readAdminKey(folder.path);
  await rename(join(folder.path, 'codeset.db'), join(folder.path, 'old.db'));
  await using storage = await openStorage({ dataDir: folder.path });
  expect((await ensureAdminKey(folder.path, storage.keys, CLOCK)).created).toBe(true);
  expect(await readAdminKey(folder.path)).not.toBe(old);
});

test('a symbolic link in the file’s place is refused, and a folder that users share, too', async () => {
  await using open = await freshStorage();
  const target = join(open.dataDir, 'elsewhere');
  await writeFile(target, 'untouched');
  await symlink(target, adminKeyPath(open.dataDir));
  await expect(ensureAdminKey(open.dataDir, open.storage.keys, CLOCK)).rejects.toThrow(/is a symbolic link/);
  expect(await readFile(target, 'utf8')).toBe('untouched');

  const shared = join(open.dataDir, 'shared');
  await mkdir(shared);
  await chmod(shared, 0o1777);
  await expect(ensureAdminKey(shared, open.storage.keys, CLOCK)).rejects.toThrow(/users share/);
  expect((await stat(shared)).mode & 0o7777).toBe(0o1777);
});
