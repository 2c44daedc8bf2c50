import { describe, expect, test } from 'vitest';
import type { ExecExit } from '../../src/core/exec.js';
import { anExec, aSession, NOON } from '../support/entities.js';
import { failure, freshStorage } from './storage-fixture.js';

const EXIT: ExecExit = {
  reason: 'EXITED',
  code: 3,
  signal: undefined,
  message: '',
  cpuTimeUs: 1200,
  peakMemoryBytes: 4096,
  shellReset: false,
};

describe('execs', () => {
  test('are saved, replaced, and read back in the order of their creation', async () => {
    await using open = await freshStorage();
    const { sessions, execs } = open.storage;
    const session = aSession();
    await sessions.insert(session);
    const later = anExec(session.sessionId, { execId: 'a', createTime: new Date(NOON.getTime() + 1) });
    const earlier = anExec(session.sessionId, { execId: 'b' });
    await execs.save(later);
    await execs.save(earlier);
    const ended = { ...earlier, state: 'EXITED' as const, exit: EXIT, stdoutBytes: 2 ** 40, endTime: NOON };
    await execs.save(ended);
    expect(await execs.forSession(session.sessionId)).toStrictEqual([ended, later]);
    await execs.deleteForSession(session.sessionId);
    expect(await execs.forSession(session.sessionId)).toEqual([]);
  });

  test('one id may be used in two sessions', async () => {
    await using open = await freshStorage();
    const { sessions, execs } = open.storage;
    for (const sessionId of ['ses_a', 'ses_b']) {
      await sessions.insert(aSession({ sessionId }));
      await execs.save(anExec(sessionId, { execId: 'build' }));
    }
    expect(await execs.forSession('ses_a')).toHaveLength(1);
    expect(await execs.forSession('ses_b')).toHaveLength(1);
  });

  test.each(['EXITED', 'LOST'] as const)('a late save does not wake one that is %s', async (state) => {
    await using open = await freshStorage();
    const { sessions, execs } = open.storage;
    const session = aSession();
    await sessions.insert(session);
    const running = anExec(session.sessionId, { execId: 'a' });
    const ended = { ...running, state, exit: EXIT };
    await execs.save(ended);
    await execs.save(running);
    expect(await execs.forSession(session.sessionId)).toStrictEqual([ended]);
    const corrected = { ...ended, stdoutBytes: 7 };
    await execs.save(corrected);
    expect(await execs.forSession(session.sessionId)).toStrictEqual([corrected]);
  });

  test('what runs on record in sessions that have ended ended with them, and nothing else', async () => {
    await using open = await freshStorage();
    const { sessions, execs } = open.storage;
    for (const [sessionId, state] of [
      ['ses_a', 'CLOSED'],
      ['ses_b', 'EXPIRED'],
      ['ses_c', 'READY'],
    ] as const) {
      await sessions.insert(aSession({ sessionId, state }));
      await execs.save(anExec(sessionId, { execId: 'runs' }));
      await execs.save(anExec(sessionId, { execId: 'ended', state: 'EXITED', exit: EXIT, endTime: NOON }));
    }
    const now = new Date(NOON.getTime() + 5);
    const states = async (sessionId: string): Promise<readonly unknown[]> =>
      (await execs.forSession(sessionId)).map(({ state, exit, endTime }) => [state, exit?.reason, endTime]);
    await execs.endLeft(now, 'ses_a');
    const over = [
      ['EXITED', 'EXITED', NOON],
      ['EXITED', 'SESSION_ENDED', now],
    ];
    const runs = [['EXITED', 'EXITED', NOON], expect.arrayContaining(['RUNNING'])];
    expect(await states('ses_a')).toEqual(over);
    expect(await states('ses_b')).toEqual(runs);
    await execs.endLeft(now);
    expect(await states('ses_b')).toEqual(over);
    expect(await states('ses_c')).toEqual(runs);
  });

  test('saves at one time are all stored, and one that is refused spoils no other', async () => {
    await using open = await freshStorage();
    const { sessions, execs } = open.storage;
    const session = aSession();
    await sessions.insert(session);
    const ids = Array.from({ length: 20 }, (_, i) => `exec-${String(i).padStart(2, '0')}`);
    const saves = ids.map((execId) => execs.save(anExec(session.sessionId, { execId })));
    const refused = execs.save(anExec('ses_nobody'));
    await expect(refused).rejects.toMatchObject({ reason: 'SESSION_NOT_FOUND' });
    await Promise.all(saves);
    expect((await execs.forSession(session.sessionId)).map(({ execId }) => execId)).toEqual(ids);
  });

  test('of a session that is not there are refused', async () => {
    await using open = await freshStorage();
    await expect(open.storage.execs.save(anExec('ses_nobody'))).rejects.toMatchObject(
      failure('not-found', 'SESSION_NOT_FOUND'),
    );
  });
});
