import { Status } from 'nice-grpc';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { refusal, type TestClient } from './client.js';
import { startApp, type RunningApp } from '../support/running-app.js';
import { environmentHere } from '../support/engine-here.js';

let running: RunningApp;
let client: TestClient;
let sessionId: string;
let agentToken: string;
let snapshotId: string;

const HOST = { $case: 'environment', value: environmentHere() } as const;

beforeAll(async () => {
  running = await startApp();
  client = running.client();
  const created = await client.sessions.createSession({ source: HOST, env: { A: '1', B: '1' } });
  sessionId = created.session?.sessionId ?? '';
  agentToken = created.agentToken;
  const taken = await client.sessions.createSnapshot({ sessionId, labels: { n: '1' }, requestId: 'first' });
  snapshotId = taken.snapshot?.snapshotId ?? '';
});

afterAll(() => running?.[Symbol.asyncDispose]());

const LONG = 'x'.repeat(300);

describe('bad input', () => {
  const invalid = (...fields: string[]) => ({
    code: Status.INVALID_ARGUMENT,
    reason: 'INVALID_FIELD',
    fields,
    retry: false,
  });

  it('of ForkSession is told field by field', async () => {
    expect(await refusal(client.sessions.forkSession({}))).toMatchObject(invalid('source'));
    expect(
      await refusal(
        client.sessions.forkSession({
          source: { $case: 'sessionId', value: '' },
          count: 257,
          requestId: 'a b',
          labels: { Upper: '' },
          env: { '1': '' },
          secretEnv: { 'a-b': '' },
          ttl: { seconds: 0n },
          idleTimeout: { seconds: 8n * 86400n },
        }),
      ),
    ).toMatchObject(
      invalid(
        'request_id',
        'session_id',
        'count',
        'labels["Upper"]',
        'env["1"]',
        'secret_env["a-b"]',
        'ttl',
        'idle_timeout',
      ),
    );
    expect(
      await refusal(client.sessions.forkSession({ source: { $case: 'snapshotId', value: LONG }, count: -1 })),
    ).toMatchObject(invalid('snapshot_id', 'count'));
  });

  it('of the calls on snapshots is told field by field', async () => {
    expect(
      await refusal(client.sessions.createSnapshot({ requestId: 'a b', labels: { '': 'x' } })),
    ).toMatchObject(invalid('session_id', 'request_id', 'labels[""]'));
    expect(await refusal(client.sessions.getSnapshot({}))).toMatchObject(invalid('snapshot_id'));
    expect(await refusal(client.sessions.deleteSnapshot({ snapshotId: LONG }))).toMatchObject(
      invalid('snapshot_id'),
    );
    expect(
      await refusal(
        client.sessions.listSnapshots({
          sessionId: LONG,
          sampleId: LONG,
          labels: { 'a b': '' },
          pageSize: -1,
        }),
      ),
    ).toMatchObject(invalid('session_id', 'sample_id', 'labels["a b"]', 'page_size'));
    expect(await refusal(client.sessions.listSnapshots({ pageToken: 'nonsense' }))).toMatchObject({
      code: Status.INVALID_ARGUMENT,
      reason: 'INVALID_PAGE_TOKEN',
      fields: ['page_token'],
    });
    expect(
      await refusal(client.sessions.createSession({ source: { $case: 'snapshotId', value: '' } })),
    ).toMatchObject(invalid('snapshot_id'));
  });
});

describe('a thing that is not there', () => {
  it('is NOT_FOUND by its kind', async () => {
    const gone = { code: Status.NOT_FOUND, reason: 'SNAPSHOT_NOT_FOUND' };
    const nobody = 'snp_nobody';
    expect(await refusal(client.sessions.getSnapshot({ snapshotId: nobody }))).toMatchObject(gone);
    expect(await refusal(client.sessions.deleteSnapshot({ snapshotId: nobody }))).toMatchObject(gone);
    const source = { $case: 'snapshotId', value: nobody } as const;
    expect(await refusal(client.sessions.forkSession({ source }))).toMatchObject(gone);
    expect(await refusal(client.sessions.createSession({ source }))).toMatchObject(gone);
    const none = { code: Status.NOT_FOUND, reason: 'SESSION_NOT_FOUND' };
    expect(await refusal(client.sessions.createSnapshot({ sessionId: 'ses_nobody' }))).toMatchObject(none);
    expect(
      await refusal(client.sessions.forkSession({ source: { $case: 'sessionId', value: 'ses_nobody' } })),
    ).toMatchObject(none);
  });

  it('is SESSION_ENDED when it was a session', async () => {
    const { session } = await client.sessions.createSession({ source: HOST });
    const ended = session?.sessionId ?? '';
    await client.sessions.closeSession({ sessionId: ended });
    const refused = { code: Status.FAILED_PRECONDITION, reason: 'SESSION_ENDED' };
    expect(await refusal(client.sessions.createSnapshot({ sessionId: ended }))).toMatchObject(refused);
    expect(
      await refusal(client.sessions.forkSession({ source: { $case: 'sessionId', value: ended } })),
    ).toMatchObject(refused);
  });
});

it('an agent may neither fork nor keep anything, its own session included', async () => {
  const agent = running.client(agentToken);
  const refused = { code: Status.PERMISSION_DENIED, reason: 'ROLE_INSUFFICIENT' };
  const source = { $case: 'sessionId', value: sessionId } as const;
  expect(await refusal(agent.sessions.forkSession({ source }))).toMatchObject(refused);
  expect(await refusal(agent.sessions.createSnapshot({ sessionId }))).toMatchObject(refused);
  expect(await refusal(agent.sessions.getSnapshot({ snapshotId }))).toMatchObject(refused);
  expect(await refusal(agent.sessions.listSnapshots({}))).toMatchObject(refused);
  expect(await refusal(agent.sessions.deleteSnapshot({ snapshotId }))).toMatchObject(refused);
});

it('a request id is used once for a snapshot', async () => {
  const again = await client.sessions.createSnapshot({ sessionId, labels: { n: '1' }, requestId: 'first' });
  expect(again.snapshot?.snapshotId).toBe(snapshotId);
  expect(
    await refusal(client.sessions.createSnapshot({ sessionId, labels: { n: '2' }, requestId: 'first' })),
  ).toMatchObject({ code: Status.ALREADY_EXISTS, reason: 'REQUEST_ID_REUSED' });
});

it('snapshots are listed newest first in pages, by session and labels', async () => {
  const more = await Promise.all(
    [2, 3].map((n) => client.sessions.createSnapshot({ sessionId, labels: { n: String(n), more: 'yes' } })),
  );
  const ids = more.map(({ snapshot }) => snapshot?.snapshotId ?? '').sort();
  const first = await client.sessions.listSnapshots({ sessionId, pageSize: 2 });
  expect(first.snapshots.map((one) => one.snapshotId).sort()).toEqual(ids);
  expect(first.totalSize).toBe(3);
  expect(first.snapshots[0]?.env).toEqual({});
  const second = await client.sessions.listSnapshots({
    sessionId,
    pageSize: 2,
    pageToken: first.nextPageToken,
  });
  expect(second.snapshots.map((one) => one.snapshotId)).toEqual([snapshotId]);
  expect(second.nextPageToken).toBe('');
  expect((await client.sessions.listSnapshots({ labels: { more: 'yes' } })).totalSize).toBe(2);
  expect((await client.sessions.listSnapshots({ labels: { more: 'yes', n: '1' } })).snapshots).toEqual([]);
  expect((await client.sessions.listSnapshots({ sampleId: 'none' })).snapshots).toEqual([]);
  expect(
    await refusal(client.sessions.listSnapshots({ pageSize: 2, pageToken: first.nextPageToken })),
  ).toMatchObject({ reason: 'INVALID_PAGE_TOKEN' });
});

it('a session from a snapshot has the limits, network and variables of its session unless it asks for others', async () => {
  const { session } = await client.sessions.createSession({
    source: { $case: 'snapshotId', value: snapshotId },
    env: { B: '2' },
    resources: { processes: 32 },
  });
  const { snapshot } = await client.sessions.getSnapshot({ snapshotId });
  expect(session?.env).toEqual({ A: '1', B: '2' });
  expect(session?.resources).toEqual({ ...snapshot?.resources, processes: 32 });
  expect(session?.network).toBe(snapshot?.network);
  expect(session?.source?.$case).toBe('environment');
  const shown = await client.sessions.runCommand({
    sessionId: session?.sessionId ?? '',
    spec: { command: { $case: 'shellLine', value: 'echo $A $B' } },
  });
  expect(shown.stdout?.head.toString()).toBe('1 2\n');
});
