import { describe, expect, test } from 'vitest';
import { aKey, aSession, NOON } from '../support/entities.js';
import { freshStorage } from './storage-fixture.js';

describe('keys', () => {
  test('are found by the hash of their secret and listed without agents’ tokens', async () => {
    await using open = await freshStorage();
    const { keys } = open.storage;
    const admin = aKey({ role: 'ADMIN', createTime: new Date(NOON.getTime() + 1) });
    const runner = aKey();
    const agent = aKey({ role: 'AGENT', sessionId: 'ses_a' });
    for (const key of [admin, runner, agent]) await keys.insert(key);
    expect(await keys.findByHash(agent.secretHash)).toStrictEqual(agent);
    expect(await keys.findByHash('unknown')).toBeUndefined();
    expect(await keys.list()).toStrictEqual([runner, admin]);
  });

  test('two of one secret are refused', async () => {
    await using open = await freshStorage();
    await open.storage.keys.insert(aKey({ secretHash: 'h' }));
    await expect(open.storage.keys.insert(aKey({ secretHash: 'h' }))).rejects.toThrow();
    expect(await open.storage.keys.list()).toHaveLength(1);
  });

  test('are revoked once, by id or by session', async () => {
    await using open = await freshStorage();
    const { keys } = open.storage;
    const runner = aKey();
    const agents = [aKey({ role: 'AGENT', sessionId: 'ses_a' }), aKey({ role: 'AGENT', sessionId: 'ses_b' })];
    for (const key of [runner, ...agents]) await keys.insert(key);
    expect(await keys.revoke(runner.keyId, NOON)).toBe(true);
    expect(await keys.revoke(runner.keyId, new Date(0))).toBe(true);
    expect(await keys.revoke('key_nobody', NOON)).toBe(false);
    await keys.revokeForSession('ses_a', NOON);
    await keys.revokeForSession('ses_a', new Date(0));
    expect((await keys.findByHash(runner.secretHash))?.revokeTime).toEqual(NOON);
    const times = await Promise.all(agents.map((key) => keys.findByHash(key.secretHash)));
    expect(times.map((key) => key?.revokeTime)).toEqual([NOON, undefined]);
  });

  test('tokens of sessions that have ended are revoked together, and nothing else', async () => {
    await using open = await freshStorage();
    const { keys, sessions } = open.storage;
    const tokens = [];
    for (const [sessionId, state] of [
      ['ses_a', 'CLOSED'],
      ['ses_b', 'EXPIRED'],
      ['ses_c', 'ERROR'],
    ] as const) {
      await sessions.insert(aSession({ sessionId, state }));
      const keyId = `key_${sessionId}`;
      const token = aKey({ keyId, role: 'AGENT', sessionId });
      await keys.insert(token);
      tokens.push(token);
    }
    const admin = aKey();
    await keys.insert(admin);
    await keys.revokeOfEnded(NOON);
    await keys.revokeOfEnded(new Date(0));
    const found = await Promise.all([...tokens, admin].map((key) => keys.findByHash(key.secretHash)));
    expect(found.map((key) => key?.revokeTime)).toEqual([NOON, NOON, undefined, undefined]);
  });
});
