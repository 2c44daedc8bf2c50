import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  CodesetClient,
  ConnectionError,
  FailedPreconditionError,
  InvalidArgumentError,
  NotFoundError,
  UnauthenticatedError,
  type Session,
} from '../../src/client/index.js';
import { environmentHere } from '../support/engine-here.js';
import type { TestService } from '../support/service.js';
import { startClient, thrown, type ClientUnderTest } from './client-under-test.js';

let under: ClientUnderTest;
let service: TestService;
let client: CodesetClient;
let session: Session;

beforeAll(async () => {
  under = await startClient();
  ({ service, client, session } = under);
});

afterAll(async () => {
  await under?.[Symbol.asyncDispose]();
});

describe('connecting', () => {
  test('address and key are taken from an environment that is handed in', async () => {
    const env = { CODESET_ADDRESS: service.address, CODESET_API_KEY: service.adminKey };
    await using own = await CodesetClient.connect({ env });
    for await (const { sessionId } of own.listSessions()) expect(sessionId).toBe(session.id);
  });

  test('no server is a ConnectionError that says how to start one, at once', async () => {
    const error = await thrown(CodesetClient.connect({ address: '127.0.0.1:1', apiKey: 'x' }));
    expect(error).toBeInstanceOf(ConnectionError);
    expect(error).toMatchObject({ name: 'ConnectionError', code: 'UNAVAILABLE', reason: '' });
    expect((error as Error).message).toMatch(
      /^There is no server at 127\.0\.0\.1:1: start one with `codeset serve`/,
    );
  });

  test('a wrong key and no key are UnauthenticatedErrors with their reasons', async () => {
    const { address } = service;
    const wrong = await thrown(CodesetClient.connect({ address, apiKey: 'csk_admin_wrong' }));
    expect(wrong).toBeInstanceOf(UnauthenticatedError);
    expect(wrong).toMatchObject({ code: 'UNAUTHENTICATED', reason: 'KEY_INVALID' });
    expect(await thrown(CodesetClient.connect({ address }))).toMatchObject({ reason: 'KEY_MISSING' });
  });

  test("an agent's token connects, and is good for its own session only", async () => {
    await using own = await client.createSession({ environment: environmentHere() });
    expect(own.agentToken).toMatch(/^csk_agent_/);
    await using agent = await CodesetClient.connect({ address: service.address, apiKey: own.agentToken });
    expect((await agent.session(own.id).run('echo $((6 * 7))')).stdout).toBe('42\n');
    expect(await thrown(agent.session(session.id).run('true'))).toBeInstanceOf(NotFoundError);
  });

  test('closing twice is once', async () => {
    const own = await CodesetClient.connect({ address: service.address, apiKey: service.adminKey });
    own.close();
    await own[Symbol.asyncDispose]();
    await expect(own.session(session.id).info()).rejects.toThrow();
  });
});

describe('sessions', () => {
  test('one that was made here is closed at the end of its block, one that was named is not', async () => {
    let id: string;
    {
      await using own = await client.createSession({
        environment: environmentHere('sh'),
        env: { A: '1' },
        secretEnv: { S: 'x' },
        labels: { of: 'block' },
        ttlMs: 60_000,
      });
      ({ id } = own);
      await using named = client.session(id);
      expect((await named.run('echo $A$S')).stdout).toBe('1x\n');
      expect(await own.info()).toMatchObject({ state: 'READY', env: { A: '1' }, labels: { of: 'block' } });
      const listed = [];
      for await (const found of client.listSessions({ labels: { of: 'block' } }))
        listed.push(found.sessionId);
      expect(listed).toEqual([id]);
      const { expireTime } = await own.extend(3_600_000);
      expect((expireTime?.getTime() ?? 0) - Date.now()).toBeGreaterThan(3_000_000);
    }
    expect(await client.session(id).info()).toMatchObject({ state: 'CLOSED' });
    expect(await thrown(client.session(id).run('true'))).toMatchObject({ reason: 'SESSION_ENDED' });
  });

  test('one that is closed twice is closed', async () => {
    const own = await client.createSession({ environment: environmentHere() });
    await own.close();
    await own.close();
    await own[Symbol.asyncDispose]();
    expect(await own.info()).toMatchObject({ state: 'CLOSED' });
  });

  test('what it is made from has to be said in one way', async () => {
    expect(await thrown(client.createSession({}))).toBeInstanceOf(TypeError);
    const both = client.createSession({ sample: 'x', environment: environmentHere() });
    expect(await thrown(both)).toBeInstanceOf(TypeError);
    const unknown = await thrown(client.createSession({ sample: 'none-such' }));
    expect(unknown).toBeInstanceOf(NotFoundError);
    expect(unknown).toMatchObject({ reason: 'SAMPLE_NOT_FOUND' });
    const unmet = client.createSession({ environment: { host: { requires: ['no-such-program'] } } });
    expect(await thrown(unmet)).toBeInstanceOf(FailedPreconditionError);
  });

  test('wrong fields are named', async () => {
    const error = await thrown(session.run('true', { env: { '1A': 'x' }, timeoutMs: 0 }));
    expect(error).toBeInstanceOf(InvalidArgumentError);
    const { violations, reason } = error as InvalidArgumentError;
    expect(reason).toBe('INVALID_FIELD');
    expect(violations.map(({ field }) => field).sort()).toEqual([
      'start.spec.env["1A"]',
      'start.spec.timeout',
    ]);
  });

  test('an unknown one is a NotFoundError', async () => {
    expect(await thrown(client.session('ses_none').info())).toMatchObject({
      name: 'NotFoundError',
      code: 'NOT_FOUND',
      reason: 'SESSION_NOT_FOUND',
    });
  });

  test('a word that does not exist is refused by its field before anything is sent', async () => {
    const none = 'nosuch' as 'public';
    const error = await thrown(client.createSession({ environment: environmentHere(), network: none }));
    expect(error).toBeInstanceOf(InvalidArgumentError);
    expect((error as InvalidArgumentError).violations).toEqual([
      { field: 'environment.network', description: '"nosuch" is none of none, public.' },
    ]);
    const states = ['toString' as 'READY'];
    expect(await thrown(client.listSessions({ states }).next())).toBeInstanceOf(InvalidArgumentError);
  });
});

// Sandboxes by the handful: a busy machine takes its time over them.
describe('forks and snapshots', { timeout: 240_000 }, () => {
  test('forks have the files of that moment, an own key each, and are closed together', async () => {
    await using own = await client.createSession({ environment: environmentHere(), env: { A: '1' } });
    await own.writeFile('f', 'x');
    const forks = await own.fork({ count: 3, labels: { of: 'fork' }, env: { B: '2' } });
    try {
      await own.writeFile('f', 'y');
      const seen = await Promise.all(forks.sessions.map((fork) => fork.run('cat f; echo $A$B')));
      expect(seen.map(({ stdout }) => stdout)).toEqual(['x12\n', 'x12\n', 'x12\n']);
      expect(new Set(forks.sessions.map(({ agentToken }) => agentToken)).size).toBe(3);
    } finally {
      await forks[Symbol.asyncDispose]();
      await forks[Symbol.asyncDispose]();
    }
    const states = [];
    for await (const { state } of client.listSessions({ labels: { of: 'fork' } })) states.push(state);
    expect(states).toEqual(['CLOSED', 'CLOSED', 'CLOSED']);
    // The words that a session is shown with are those that it is found by.
    const found = [];
    const filter = { labels: { of: 'fork' }, states: states.slice(0, 1) as ('CLOSED' | 'READY')[] };
    for await (const { state } of client.listSessions(filter)) found.push(state);
    expect(found).toEqual(states);
    expect(await thrown(client.session('ses_none').fork())).toBeInstanceOf(NotFoundError);
    expect(await thrown(own.fork({ count: 0.5 }))).toBeInstanceOf(Error);
    expect(await thrown(own.fork({ count: 1000 }))).toBeInstanceOf(InvalidArgumentError);
  });

  test('a snapshot outlives its session; sessions are made from it until it is deleted', async () => {
    const own = await client.createSession({ environment: environmentHere() });
    await own.writeFile('f', 'kept');
    const { snapshotId, sessionId } = await own.snapshot({ labels: { of: 'snapshot' } });
    expect(sessionId).toBe(own.id);
    await own.close();
    await using made = await client.createSession({ snapshot: snapshotId });
    expect(await made.readFile('f', 'utf8')).toBe('kept');
    expect(await made.info()).toMatchObject({ snapshotId });
    await using forks = await client.fork(snapshotId, { count: 2 });
    for (const fork of forks.sessions) expect(await fork.readFile('f', 'utf8')).toBe('kept');
    const listed = [];
    for await (const found of client.listSnapshots({ labels: { of: 'snapshot' } })) listed.push(found);
    expect(listed).toEqual([await client.getSnapshot(snapshotId)]);
    await client.deleteSnapshot(snapshotId);
    expect(await thrown(client.getSnapshot(snapshotId))).toMatchObject({ reason: 'SNAPSHOT_NOT_FOUND' });
    expect(await thrown(client.fork(snapshotId))).toBeInstanceOf(NotFoundError);
    expect(await made.readFile('f', 'utf8')).toBe('kept');
  });
});
