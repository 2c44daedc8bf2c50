import { expect, test } from 'vitest';
import { KeyRing } from '../../src/core/key-ring.js';
import type { KeyRepository } from '../../src/core/ports/storage.js';
import { openStorage } from '../../src/storage/storage.js';
import { failure, freshStorage } from './storage-fixture.js';

const MISSING = failure('unauthenticated', 'KEY_MISSING');
const INVALID = failure('unauthenticated', 'KEY_INVALID');

/** A clock that the test moves. */
function clockAt(start: number) {
  let now = start;
  return { read: () => now, advance: (ms: number) => (now += ms) };
}

test('a key is shown once, stored as a hash alone, and says who calls', async () => {
  await using open = await freshStorage();
  const ring = new KeyRing(open.storage.keys, Date.now);
  for (const role of ['ADMIN', 'RUNNER'] as const) {
    const { key, secret } = await ring.createKey(role, 'night shift');
    expect(secret).toMatch(new RegExp(`^csk_${role.toLowerCase()}_[A-Za-z0-9_-]{43}$`));
    expect(await ring.authenticate(secret)).toEqual({ role, keyId: key.keyId, sessionId: undefined });
    expect(await ring.authenticate(`Bearer ${secret}`)).toMatchObject({ keyId: key.keyId });
    expect(JSON.stringify(await ring.list())).not.toContain(secret.slice(11));
  }
  expect((await ring.list()).map((key) => key.name)).toEqual(['night shift', 'night shift']);
});

test('no key is KEY_MISSING, a wrong one KEY_INVALID', async () => {
  await using open = await freshStorage();
  const ring = new KeyRing(open.storage.keys, Date.now);
  const { key, secret } = await ring.createKey('ADMIN', 'a');
  for (const bearer of [undefined, '', '  ', 'Bearer ']) {
    await expect(ring.authenticate(bearer)).rejects.toMatchObject(MISSING);
  }
  const others = [
    `${secret}x`,
    secret.slice(0, -1),
    secret.replace('admin', 'runner'),
    key.secretHash,
    'x',
    '\0',
  ];
  for (const bearer of [...others, `Basic ${secret}`]) {
    await expect(ring.authenticate(bearer)).rejects.toMatchObject(INVALID);
  }
});

test('a name that is empty, endless, reserved or unprintable is refused', async () => {
  await using open = await freshStorage();
  const ring = new KeyRing(open.storage.keys, Date.now);
  for (const name of ['', ' ', 'x'.repeat(129), 'a\nb', 'admin.key']) {
    await expect(ring.createKey('RUNNER', name)).rejects.toMatchObject({
      ...failure('invalid-argument', 'INVALID_FIELD'),
      violations: [{ field: 'name' }],
    });
  }
  expect(await ring.list()).toEqual([]);
});

test('a revoked key ends at once in this process; an unknown one is KEY_NOT_FOUND', async () => {
  await using open = await freshStorage();
  const clock = clockAt(1_000_000);
  const ring = new KeyRing(open.storage.keys, clock.read);
  const { key, secret } = await ring.createKey('RUNNER', 'a');
  await ring.authenticate(secret);
  await ring.revoke(key.keyId);
  await expect(ring.authenticate(secret)).rejects.toMatchObject(INVALID);
  await ring.revoke(key.keyId);
  await expect(ring.revoke('key_nobody')).rejects.toMatchObject(failure('not-found', 'KEY_NOT_FOUND'));
});

test('a key that another process revokes ends within a second, one that it makes works at once', async () => {
  await using open = await freshStorage();
  await using other = await openStorage({ dataDir: open.dataDir });
  const clock = clockAt(1_000_000);
  const server = new KeyRing(open.storage.keys, clock.read);
  const cli = new KeyRing(other.keys, clock.read);
  const { key, secret } = await cli.createKey('RUNNER', 'a');
  expect(await server.authenticate(secret)).toMatchObject({ keyId: key.keyId });
  await cli.revoke(key.keyId);
  clock.advance(1000);
  await expect(server.authenticate(secret)).rejects.toMatchObject(INVALID);
});

test('a clock that is set back does not keep a revoked key alive', async () => {
  await using open = await freshStorage();
  await using other = await openStorage({ dataDir: open.dataDir });
  const clock = clockAt(10_000_000);
  const server = new KeyRing(open.storage.keys, clock.read);
  const { key, secret } = await server.createKey('RUNNER', 'a');
  await server.authenticate(secret);
  await other.keys.revoke(key.keyId, new Date(0));
  clock.advance(-5_000_000);
  await expect(server.authenticate(secret)).rejects.toMatchObject(INVALID);
});

test('an agent’s token is good for its session until that ends, and is not listed', async () => {
  await using open = await freshStorage();
  const ring = new KeyRing(open.storage.keys, Date.now);
  const tokens = [await ring.createAgentToken('ses_a'), await ring.createAgentToken('ses_a')];
  const elsewhere = await ring.createAgentToken('ses_b');
  for (const token of tokens) {
    expect(token).toMatch(/^csk_agent_/);
    expect(await ring.authenticate(token)).toMatchObject({ role: 'AGENT', sessionId: 'ses_a' });
  }
  expect(await ring.list()).toEqual([]);
  await ring.revokeSession('ses_a');
  await ring.revokeSession('ses_a');
  for (const token of tokens) await expect(ring.authenticate(token)).rejects.toMatchObject(INVALID);
  expect(await ring.authenticate(elsewhere)).toMatchObject({ sessionId: 'ses_b' });
});

test('known keys are not looked up again within a second, however many callers there are', async () => {
  await using open = await freshStorage();
  const clock = clockAt(1_000_000);
  let lookups = 0;
  const counted = counting(open.storage.keys, () => lookups++);
  const ring = new KeyRing(counted, clock.read);
  const { secret } = await ring.createKey('ADMIN', 'a');
  for (let i = 0; i < 100; i++) await ring.authenticate(secret);
  expect(lookups).toBe(1);
  clock.advance(1000);
  await ring.authenticate(secret);
  expect(lookups).toBe(2);
});

test('a look-up that a revocation overtakes is not believed', async () => {
  await using open = await freshStorage();
  const { keys } = open.storage;
  let meanwhile: (() => Promise<void>) | undefined;
  const ring: KeyRing = new KeyRing(
    counting(
      keys,
      () => undefined,
      async () => {
        const work = meanwhile;
        meanwhile = undefined;
        await work?.();
      },
    ),
    Date.now,
  );
  const { key, secret } = await ring.createKey('RUNNER', 'a');
  meanwhile = () => ring.revoke(key.keyId);
  await expect(ring.authenticate(secret)).rejects.toMatchObject(INVALID);
  await expect(ring.authenticate(secret)).rejects.toMatchObject(INVALID);
});

/** The real repository, with an ear on its look-ups and a chance to act after one has read its row. */
function counting(
  keys: KeyRepository,
  onLookup: () => void,
  afterRead: () => Promise<void> = () => Promise.resolve(),
): KeyRepository {
  return {
    insert: (key) => keys.insert(key),
    async findByHash(hash) {
      onLookup();
      const found = await keys.findByHash(hash);
      await afterRead();
      return found;
    },
    list: () => keys.list(),
    revoke: (keyId, time) => keys.revoke(keyId, time),
    revokeForSession: (sessionId, time) => keys.revokeForSession(sessionId, time),
    revokeOfEnded: (time) => keys.revokeOfEnded(time),
  };
}
