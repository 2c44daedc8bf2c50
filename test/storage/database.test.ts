import { open, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import SqliteConnection from 'better-sqlite3';
import { sql } from 'kysely';
import type { Kysely } from 'kysely';
import { describe, expect, test } from 'vitest';
import { openSqlite } from '../../src/storage/database.js';
import type { Migrations } from '../../src/storage/migrate.js';
import { MIGRATIONS } from '../../src/storage/migrations/migrations.js';
import { openStorage } from '../../src/storage/storage.js';
import { aKey, anExec, aSample, aSession, aVerification } from '../support/entities.js';
import { tempFolder } from '../support/temp-folder.js';
import { failure } from './storage-fixture.js';

const DATABASE = 'codeset.db';

/** A step that a later version could bring. */
const NEXT: Migrations = {
  ...MIGRATIONS,
  '9999-next': {
    async up(db: Kysely<unknown>) {
      await db.schema
        .alterTable('sessions')
        .addColumn('priority', 'integer', (c) => c.notNull().defaultTo(5))
        .execute();
    },
  },
};

const BROKEN: Migrations = {
  ...MIGRATIONS,
  '9999-broken': {
    async up(db: Kysely<unknown>) {
      await db.schema.dropTable('api_keys').execute();
      throw new Error('the step fails half-way');
    },
  },
};

describe('the database', () => {
  test('is made private, with a write-ahead log, and opened again as it was', async () => {
    await using folder = await tempFolder();
    const path = join(folder.path, 'deep', 'er', DATABASE);
    const session = aSession();
    {
      await using storage = await openStorage({ url: `sqlite:${path}` });
      await storage.sessions.insert(session);
      for (const name of [path, `${path}-wal`]) expect((await stat(name)).mode & 0o077).toBe(0);
    }
    await using storage = await openStorage({ url: `sqlite:${path}` });
    expect(await storage.sessions.find(session.sessionId)).toStrictEqual(session);
    using raw = disposable(new SqliteConnection(path, { readonly: true }));
    expect(raw.db.pragma('journal_mode', { simple: true })).toBe('wal');
  });

  test('of an older schema is brought up to date with its rows kept', async () => {
    await using folder = await tempFolder();
    const session = aSession({ labels: { a: '1' } });
    const sample = aSample();
    {
      await using storage = await openStorage({ dataDir: folder.path });
      await storage.samples.insert(sample);
      await storage.sessions.insert(session);
      await storage.execs.save(anExec(session.sessionId));
      await storage.verifications.insert(aVerification());
      await storage.keys.insert(aKey());
    }
    const db = await openSqlite(join(folder.path, DATABASE), { migrations: NEXT });
    const { rows } = await sql`select session_id, priority from sessions`.execute(db);
    expect(rows).toEqual([{ session_id: session.sessionId, priority: 5 }]);
    for (const table of ['sample_versions', 'session_labels', 'execs', 'verifications', 'api_keys']) {
      const count = await sql<{ n: number }>`select count(*) as n from ${sql.table(table)}`.execute(db);
      expect(count.rows).toEqual([{ n: 1 }]);
    }
    await db.destroy();
  });

  test('of a newer schema is refused with a sentence and left alone', async () => {
    await using folder = await tempFolder();
    const path = join(folder.path, DATABASE);
    await (await openSqlite(path, { migrations: NEXT })).destroy();
    const before = await readFile(path);
    await expect(openStorage({ dataDir: folder.path })).rejects.toMatchObject({
      ...failure('failed-precondition', 'ENVIRONMENT_UNMET'),
      message: expect.stringMatching(/written by a newer codeset \(schema 9999-next\)/) as unknown,
    });
    expect((await readFile(path)).equals(before)).toBe(true);
  });

  test('is as before when a step towards a newer schema fails', async () => {
    await using folder = await tempFolder();
    const key = aKey();
    {
      await using storage = await openStorage({ dataDir: folder.path });
      await storage.keys.insert(key);
    }
    await expect(openSqlite(join(folder.path, DATABASE), { migrations: BROKEN })).rejects.toMatchObject({
      ...failure('internal', 'INTERNAL'),
      message: expect.stringMatching(/could not be brought up to date \(9999-broken\)/) as unknown,
    });
    await using storage = await openStorage({ dataDir: folder.path });
    expect(await storage.keys.list()).toStrictEqual([key]);
  });

  test('of another program is refused', async () => {
    await using folder = await tempFolder();
    const path = join(folder.path, DATABASE);
    using raw = disposable(new SqliteConnection(path));
    raw.db.exec('create table bookmarks (url text)');
    await expect(openStorage({ dataDir: folder.path })).rejects.toThrow(/belongs to another program/);
    expect(raw.db.prepare("select name from sqlite_master where type = 'table'").all()).toEqual([
      { name: 'bookmarks' },
    ]);
  });

  test('that is no database at all is refused with a sentence', async () => {
    await using folder = await tempFolder();
    await writeFile(join(folder.path, DATABASE), 'Dear diary, '.repeat(1000));
    await expect(openStorage({ dataDir: folder.path })).rejects.toThrow(/is damaged or no database at all/);
  });

  test('whose pages are overwritten is refused with a sentence', async () => {
    await using folder = await tempFolder();
    const path = join(folder.path, DATABASE);
    {
      await using storage = await openStorage({ dataDir: folder.path });
      for (let i = 0; i < 50; i++) await storage.sessions.insert(aSession({ env: { X: 'x'.repeat(1000) } }));
    }
    const file = await open(path, 'r+');
    const { size } = await file.stat();
    for (let page = 4096; page < size; page += 4096) await file.write(Buffer.alloc(64, 0xa5), 0, 64, page);
    await file.close();
    await expect(openStorage({ dataDir: folder.path })).rejects.toMatchObject({
      ...failure('internal', 'INTERNAL'),
      message: expect.stringMatching(/is damaged/) as unknown,
    });
  });

  test('that was cut short is refused with a sentence', async () => {
    await using folder = await tempFolder();
    const path = join(folder.path, DATABASE);
    await (await openStorage({ dataDir: folder.path })).close();
    const file = await open(path, 'r+');
    await file.truncate(10_000);
    await file.close();
    await expect(openStorage({ dataDir: folder.path })).rejects.toThrow(/is damaged/);
  });

  test('that can’t be a file is refused with a sentence', async () => {
    await using folder = await tempFolder();
    await writeFile(join(folder.path, 'file'), '');
    await expect(openStorage({ dataDir: join(folder.path, 'file', 'sub') })).rejects.toThrow(
      /can't be opened/,
    );
    await expect(openStorage({ url: `sqlite:${folder.path}` })).rejects.toThrow(/can't be opened/);
  });

  test.each(['postgres://host/db', 'postgresql://host/db'])(
    'at %s is refused as not supported yet',
    async (url) => {
      await expect(openStorage({ url })).rejects.toThrow(/PostgreSQL is not supported yet/);
    },
  );

  test.each(['', 'codeset.db', 'sqlite:', 'mysql://x'])('at "%s" is refused', async (url) => {
    await expect(openStorage({ url })).rejects.toMatchObject(failure('invalid-argument', 'INVALID_FIELD'));
  });
});

describe('two connections to one database', () => {
  test('see each other’s rows at once and both write', async () => {
    await using folder = await tempFolder();
    await using one = await openStorage({ dataDir: folder.path });
    await using two = await openStorage({ dataDir: folder.path });
    const work = async (storage: typeof one) => {
      for (let i = 0; i < 25; i++) await storage.keys.insert(aKey());
    };
    await Promise.all([work(one), work(two)]);
    expect(await one.keys.list()).toHaveLength(50);
    expect(await two.keys.list()).toHaveLength(50);
  });

  test('opened at the same time for the first time, make one schema', async () => {
    await using folder = await tempFolder();
    const all = await Promise.all([1, 2, 3].map(() => openStorage({ dataDir: folder.path })));
    await all[0]?.keys.insert(aKey());
    for (const storage of all) {
      expect(await storage.keys.list()).toHaveLength(1);
      await storage.close();
    }
  });

  test('a writer that another one blocks gives up soon, with when to try again', async () => {
    await using folder = await tempFolder();
    await using storage = await openStorage({ dataDir: folder.path });
    using other = disposable(new SqliteConnection(join(folder.path, DATABASE)));
    other.db.exec('begin immediate');
    const before = performance.now();
    await expect(storage.sessions.insert(aSession())).rejects.toMatchObject({
      kind: 'unavailable',
      retryAfterMs: 250,
    });
    expect(performance.now() - before).toBeLessThan(20_000);
    expect(await storage.sessions.count({})).toBe(0); // readers are not blocked
    other.db.exec('rollback');
    await storage.sessions.insert(aSession());
    expect(await storage.sessions.count({})).toBe(1);
  });
});

function disposable(db: SqliteConnection.Database): Disposable & { readonly db: SqliteConnection.Database } {
  return { db, [Symbol.dispose]: () => db.close() };
}
