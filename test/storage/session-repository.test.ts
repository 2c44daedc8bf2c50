import { describe, expect, test } from 'vitest';
import type { SessionRepository } from '../../src/core/ports/storage.js';
import type { Session, SessionFilter } from '../../src/core/session.js';
import { anEnvironment, aSession, NOON } from '../support/entities.js';
import { failure, freshStorage } from './storage-fixture.js';

function at(ms: number): Date {
  return new Date(NOON.getTime() + ms);
}

async function idsOf(sessions: SessionRepository, filter: SessionFilter): Promise<readonly string[]> {
  const { items } = await sessions.list(filter, { size: 100, after: undefined });
  expect(await sessions.count(filter)).toBe(items.length);
  return items.map((item) => item.sessionId);
}

describe('sessions', () => {
  test('come back as they were stored, from a sample or an environment', async () => {
    await using open = await freshStorage();
    const { sessions } = open.storage;
    const ofSample = aSession({ requestId: 'r1', labels: { run: '7' }, env: { A: 'b' }, readyTime: at(5) });
    const ofEnvironment = aSession({ source: { kind: 'environment', environment: anEnvironment() } });
    await sessions.insert(ofSample);
    await sessions.insert(ofEnvironment);
    expect(await sessions.find(ofSample.sessionId)).toStrictEqual(ofSample);
    expect(await sessions.find(ofEnvironment.sessionId)).toStrictEqual(ofEnvironment);
    expect(await sessions.findByRequestId('r1')).toStrictEqual(ofSample);
    expect(await sessions.find('ses_nobody')).toBeUndefined();
    expect(await sessions.findByRequestId('r2')).toBeUndefined();
  });

  test('with a taken request id are refused, and nothing of them stays', async () => {
    await using open = await freshStorage();
    const { sessions } = open.storage;
    await sessions.insert(aSession({ requestId: 'r1' }));
    const second = aSession({ requestId: 'r1', labels: { run: '7' } });
    await expect(sessions.insert(second)).rejects.toMatchObject({
      ...failure('already-exists', 'REQUEST_ID_REUSED'),
      metadata: { request_id: 'r1' },
    });
    expect(await sessions.find(second.sessionId)).toBeUndefined();
    expect(await idsOf(sessions, { labels: { run: '7' } })).toEqual([]);
  });

  test('are found by the beginning of their request ids, and by the snapshot that they began as', async () => {
    await using open = await freshStorage();
    const { sessions } = open.storage;
    const ids = ['fork/a/0', 'fork/a/1', 'fork/a1/0', 'fork/A/0', 'fork/a', 'a/0'];
    for (const requestId of ids) {
      const snapshotId = requestId.startsWith('fork/a/') ? 'snp_a' : undefined;
      await sessions.insert(aSession({ sessionId: `ses_${requestId}`, requestId, snapshotId }));
    }
    const found = await sessions.withRequestPrefix('fork/a/');
    expect(found.map((one) => one.requestId)).toEqual(['fork/a/0', 'fork/a/1']);
    expect(await idsOf(sessions, { snapshotId: 'snp_a' })).toHaveLength(2);
    expect(await idsOf(sessions, { snapshotId: 'snp_a', states: ['CLOSED'] })).toEqual([]);
    await sessions.update('ses_fork/a/0', { requestId: undefined });
    expect(await sessions.withRequestPrefix('fork/a/')).toHaveLength(1);
    await sessions.insert(aSession({ requestId: 'fork/a/0' }));
  });

  test('any number of them may come without a request id', async () => {
    await using open = await freshStorage();
    await open.storage.sessions.insert(aSession());
    await open.storage.sessions.insert(aSession());
    expect(await open.storage.sessions.count({})).toBe(2);
  });

  test('change what is named and nothing else', async () => {
    await using open = await freshStorage();
    const { sessions } = open.storage;
    const session = aSession({ state: 'CREATING', labels: { a: '1' } });
    await sessions.insert(session);
    const change: Partial<Session> = { state: 'READY', readyTime: at(9), labels: { b: '2' } };
    await sessions.update(session.sessionId, change);
    expect(await sessions.find(session.sessionId)).toStrictEqual({ ...session, ...change });
    expect(await idsOf(sessions, { labels: { a: '1' } })).toEqual([]);
    expect(await idsOf(sessions, { labels: { b: '2' } })).toEqual([session.sessionId]);
    await expect(sessions.update('ses_nobody', { error: 'x' })).rejects.toMatchObject(
      failure('not-found', 'SESSION_NOT_FOUND'),
    );
  });

  test.each(['CLOSED', 'EXPIRED'] as const)('never leave %s', async (state) => {
    await using open = await freshStorage();
    const { sessions } = open.storage;
    const session = aSession({ labels: { a: '1' } });
    await sessions.insert(session);
    await sessions.update(session.sessionId, { state, endTime: at(1) });
    const others = (['CREATING', 'READY', 'ERROR', 'CLOSED', 'EXPIRED'] as const).filter((s) => s !== state);
    for (const other of others) {
      await expect(
        sessions.update(session.sessionId, { state: other, endTime: undefined, labels: {} }),
      ).rejects.toMatchObject(failure('failed-precondition', 'SESSION_ENDED'));
    }
    await sessions.update(session.sessionId, { state });
    const expected = { ...session, state, endTime: at(1) };
    expect(await sessions.find(session.sessionId)).toStrictEqual(expected);
    expect(await idsOf(sessions, { labels: { a: '1' } })).toEqual([session.sessionId]);
  });

  test('are filtered by labels, states and sample, all of them together', async () => {
    await using open = await freshStorage();
    const { sessions } = open.storage;
    const a = aSession({ sessionId: 'ses_a', labels: { run: '1', kind: 'x' }, createTime: at(3) });
    const b = aSession({ sessionId: 'ses_b', labels: { run: '1' }, state: 'CLOSED', createTime: at(2) });
    const c = aSession({
      sessionId: 'ses_c',
      source: { kind: 'sample', sampleId: 'other', version: 1 },
      state: 'ERROR',
      createTime: at(1),
    });
    for (const session of [b, c, a]) await sessions.insert(session);
    expect(await idsOf(sessions, {})).toEqual(['ses_a', 'ses_b', 'ses_c']);
    expect(await idsOf(sessions, { labels: { run: '1' } })).toEqual(['ses_a', 'ses_b']);
    expect(await idsOf(sessions, { labels: { run: '1', kind: 'x' } })).toEqual(['ses_a']);
    expect(await idsOf(sessions, { labels: { run: '%' } })).toEqual([]);
    expect(await idsOf(sessions, { states: ['CLOSED', 'ERROR'] })).toEqual(['ses_b', 'ses_c']);
    expect(await idsOf(sessions, { states: [] })).toEqual(['ses_a', 'ses_b', 'ses_c']);
    expect(await idsOf(sessions, { sampleId: 'other' })).toEqual(['ses_c']);
    expect(await idsOf(sessions, { sampleId: 'other', states: ['READY'] })).toEqual([]);
    expect((await sessions.open()).map((session) => session.sessionId)).toEqual(['ses_c', 'ses_a']);
  });

  test('are paged newest first, completely and without repeats while new ones come', async () => {
    await using open = await freshStorage();
    const { sessions } = open.storage;
    // Several of one millisecond, so that ids have to break the tie.
    for (let i = 0; i < 10; i++) {
      await sessions.insert(aSession({ sessionId: `ses_${i}`, createTime: at(Math.floor(i / 4)) }));
    }
    const seen: string[] = [];
    let after: string | undefined;
    for (let page = 0; page < 5; page++) {
      const found = await sessions.list({}, { size: 3, after });
      seen.push(...found.items.map((item) => item.sessionId));
      after = found.next;
      if (after === undefined) break;
      await sessions.insert(aSession({ createTime: at(1000 + page) }));
    }
    expect(seen).toEqual([9, 8, 7, 6, 5, 4, 3, 2, 1, 0].map((i) => `ses_${i}`));
  });

  test('a page token of somebody else is refused', async () => {
    await using open = await freshStorage();
    for (const after of ['', 'x', '12', ':a', '1.5:ses_a']) {
      await expect(open.storage.sessions.list({}, { size: 3, after })).rejects.toMatchObject(
        failure('invalid-argument', 'INVALID_PAGE_TOKEN'),
      );
    }
  });
});
