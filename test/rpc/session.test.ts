import { createHash, randomBytes } from 'node:crypto';
import { Status } from 'nice-grpc';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ExecState, ExitReason, OutputStream } from '../../gen/codeset/v1/exec.js';
import { FileType } from '../../gen/codeset/v1/file.js';
import { SessionState } from '../../gen/codeset/v1/session.js';
import type { DeepPartial, ExecRequest } from '../../gen/codeset/v1/session_service.js';
import { refusal, type TestClient } from './client.js';
import { startApp, type RunningApp } from '../support/running-app.js';
import { engineHere, environmentHere } from '../support/engine-here.js';

let running: RunningApp;
let client: TestClient;
let sessionId: string;
let agentToken: string;

const HOST = { $case: 'environment', value: environmentHere() } as const;
const line = (text: string) => ({ command: { $case: 'shellLine', value: text } }) as const;

beforeAll(async () => {
  running = await startApp();
  client = running.client();
  const created = await client.sessions.createSession({ source: HOST, labels: { suite: 'session' } });
  expect(created.session?.error).toBe('');
  expect(created.session?.state).toBe(SessionState.READY);
  sessionId = created.session?.sessionId ?? '';
  agentToken = created.agentToken;
});

afterAll(async () => {
  await running[Symbol.asyncDispose]();
});

function run(text: string, more: object = {}) {
  return client.sessions.runCommand({ sessionId, spec: line(text), ...more });
}

describe('RunCommand', () => {
  it('gives both outputs apart, and the exit code', async () => {
    const done = await run('echo out; echo err >&2; exit 7');
    expect(done.stdout?.head.toString()).toBe('out\n');
    expect(done.stderr?.head.toString()).toBe('err\n');
    expect(done.exec).toMatchObject({
      state: ExecState.EXITED,
      result: { reason: ExitReason.EXITED, status: { $case: 'exitCode', value: 7 } },
    });
  });

  it('feeds stdin, and leaves a command without it at the end of input', async () => {
    expect((await run('cat', { stdin: Buffer.from('given') })).stdout?.head.toString()).toBe('given');
    expect((await run('cat; echo done')).stdout?.head.toString()).toBe('done\n');
  });

  it('tells a signal from an exit, and a program that is not there from one that fails', async () => {
    expect((await run('kill -KILL $$')).exec?.result).toMatchObject({
      reason: ExitReason.SIGNALLED,
      status: { $case: 'signal', value: 'SIGKILL' },
    });
    const missing = await client.sessions.runCommand({
      sessionId,
      spec: { command: { $case: 'argv', value: { args: ['no-such-program'] } } },
    });
    expect(missing.exec?.result).toMatchObject({
      reason: ExitReason.START_FAILED,
      status: { $case: 'exitCode', value: 127 },
    });
  });

  it('ends a command at its time-out, with what it wrote until then', async () => {
    const done = await client.sessions.runCommand({
      sessionId,
      spec: { ...line('echo early; sleep 60'), timeout: { seconds: 2n } },
    });
    expect(done.exec?.result?.reason).toBe(ExitReason.TIMEOUT);
    expect(done.stdout?.head.toString()).toBe('early\n');
  });

  it('happens once for an exec id, and another command with it is refused', async () => {
    const spec = { ...line('echo once >> /workspace/count; cat /workspace/count'), execId: 'one' };
    const first = await client.sessions.runCommand({ sessionId, spec });
    const again = await client.sessions.runCommand({ sessionId, spec });
    expect(first.stdout?.head.toString()).toBe('once\n');
    expect(again.stdout?.head.toString()).toBe('once\n');
    expect(
      await refusal(client.sessions.runCommand({ sessionId, spec: { ...line('true'), execId: 'one' } })),
    ).toMatchObject({ code: Status.ALREADY_EXISTS, reason: 'EXEC_ID_REUSED' });
  });

  it('keeps head and tail of a large output', async () => {
    const done = await run('seq 200000', { maxOutputBytes: 1000 });
    const stdout = done.stdout;
    expect(stdout?.totalBytes).toBe(1288895n);
    expect(stdout?.head.toString().startsWith('1\n2\n')).toBe(true);
    expect(stdout?.tail.toString().endsWith('\n200000\n')).toBe(true);
    expect((stdout?.head.length ?? 0) + (stdout?.tail.length ?? 0)).toBeLessThanOrEqual(1000);
  });

  it('goes on under its exec id after a deadline, and WaitExec takes it up', async () => {
    const spec = { ...line('until [ -e go ]; do sleep 0.05; done; echo late'), execId: 'slow' };
    const abort = new AbortController();
    const call = Promise.allSettled([
      client.sessions.runCommand({ sessionId, spec }, { signal: abort.signal }),
    ]);
    await expect
      .poll(async () => (await client.sessions.listExecs({ sessionId })).execs.map(({ execId }) => execId))
      .toContain('slow');
    abort.abort();
    expect(await call).toMatchObject([{ status: 'rejected' }]);
    const soon = await client.sessions.waitExec({ sessionId, execId: 'slow', timeout: {} });
    expect([ExecState.STARTING, ExecState.RUNNING]).toContain(soon.exec?.state);
    await run('touch go');
    const late = await client.sessions.waitExec({ sessionId, execId: 'slow' });
    expect(late.exec?.state).toBe(ExecState.EXITED);
    expect(late.stdout?.head.toString()).toBe('late\n');
  });
});

describe('Exec', () => {
  async function collect(requests: AsyncIterable<DeepPartial<ExecRequest>>, each?: (data: Buffer) => void) {
    const order: string[] = [];
    let exited;
    for await (const { frame } of client.sessions.exec(requests)) {
      if (frame === undefined) continue;
      if (order.at(-1) !== frame.$case) order.push(frame.$case);
      if (frame.$case === 'output' && frame.value.stream === OutputStream.STDOUT) each?.(frame.value.data);
      if (frame.$case === 'exited') exited = frame.value;
    }
    return { order, exited };
  }

  it('brings 32 MB of random bytes back through cat as they were', async () => {
    const piece = randomBytes(64 * 1024);
    const sent = createHash('sha256');
    const received = createHash('sha256');
    async function* requests(): AsyncGenerator<DeepPartial<ExecRequest>> {
      yield { frame: { $case: 'start', value: { sessionId, spec: { ...line('cat'), stdin: true } } } };
      for (let i = 0; i < 512; i++) {
        piece.writeUInt32LE(i);
        const data = Buffer.from(piece);
        sent.update(data);
        yield { frame: { $case: 'stdin', value: { data } } };
      }
      yield { frame: { $case: 'endOfInput', value: {} } };
    }
    const { order, exited } = await collect(requests(), (data) => received.update(data));
    expect(order).toEqual(['started', 'output', 'exited']);
    expect(exited).toMatchObject({ stdoutBytes: 33_554_432n });
    expect(received.digest('hex')).toBe(sent.digest('hex'));
  });

  it('passes signals on, and lists and attaches to what runs', async () => {
    let ready: () => void = () => undefined;
    const trapped = new Promise<void>((resolve) => (ready = resolve));
    async function* requests(): AsyncGenerator<DeepPartial<ExecRequest>> {
      const spec = {
        ...line('trap "echo got; exit 9" USR1; echo ready; while :; do sleep 0.05; done'),
        execId: 'sig',
      };
      yield { frame: { $case: 'start', value: { sessionId, spec } } };
      await trapped;
      yield { frame: { $case: 'signal', value: { signal: 'SIGUSR1' } } };
    }
    let text = '';
    const done = collect(requests(), (data) => {
      text += data.toString();
      ready();
    });
    await trapped;
    const { execs } = await client.sessions.listExecs({ sessionId, states: [ExecState.RUNNING] });
    expect(execs.map(({ execId }) => execId)).toContain('sig');
    expect((await done).exited?.result?.status).toEqual({ $case: 'exitCode', value: 9 });
    // The signal reaches the whole group, so that bash may say on stderr how its `sleep` ended.
    expect(text).toBe('ready\ngot\n');
    // What has ended can be read again, from any place.
    async function* attach(): AsyncGenerator<DeepPartial<ExecRequest>> {
      yield { frame: { $case: 'attach', value: { sessionId, execId: 'sig', stdoutOffset: 6n } } };
    }
    let again = '';
    await collect(attach(), (data) => void (again += data.toString()));
    expect(again).toBe('got\n');
    expect(
      await refusal(client.sessions.signalExec({ sessionId, execId: 'sig', signal: 'SIGINT' })),
    ).toMatchObject({
      code: Status.FAILED_PRECONDITION,
      reason: 'EXEC_ENDED',
    });
  });
});

describe('files', () => {
  it('are written, read in parts, described, listed, moved and removed', async () => {
    const { sessions } = client;
    await sessions.writeFile({
      sessionId,
      path: 'a/b/file.txt',
      data: Buffer.from('0123456789'),
      makeParents: true,
    });
    const part = await sessions.readFile({ sessionId, path: 'a/b/file.txt', offset: 3n, limit: 4 });
    expect(part.data.toString()).toBe('3456');
    expect(part.sizeBytes).toBe(10n);
    expect((await sessions.stat({ sessionId, path: 'a/b' })).file?.type).toBe(FileType.DIRECTORY);
    await sessions.move({ sessionId, source: 'a/b/file.txt', destination: 'a/b/other' });
    const listed = await sessions.listDirectory({ sessionId, path: 'a/b' });
    expect(listed.files.map(({ path }) => path)).toEqual(['a/b/other']);
    expect(
      await sessions.replaceInFile({ sessionId, path: 'a/b/other', oldText: '345', newText: 'X' }),
    ).toMatchObject({ replacedCount: 1 });
    expect((await sessions.readFile({ sessionId, path: 'a/b/other' })).data.toString()).toBe('012X6789');
    expect(await refusal(sessions.remove({ sessionId, path: 'a' }))).toMatchObject({
      reason: 'DIRECTORY_NOT_EMPTY',
    });
    await sessions.remove({ sessionId, path: 'a', recursive: true });
    expect(await refusal(sessions.stat({ sessionId, path: 'a' }))).toMatchObject({
      code: Status.NOT_FOUND,
      reason: 'PATH_NOT_FOUND',
    });
  });

  it('go out and come in as a tar', async () => {
    const { sessions } = client;
    await run(
      'mkdir -p /workspace/tree/deep && echo hello > /workspace/tree/deep/x && mkdir /workspace/copy',
    );
    const parts: Buffer[] = [];
    for await (const { data } of sessions.downloadArchive({ sessionId, path: 'tree' })) parts.push(data);
    async function* upload() {
      yield { part: { $case: 'header', value: { sessionId, path: 'copy' } } } as const;
      for (const value of parts) yield { part: { $case: 'data', value } } as const;
    }
    await sessions.uploadArchive(upload());
    expect((await run('cat /workspace/copy/tree/deep/x')).stdout?.head.toString()).toBe('hello\n');
  });
});

describe('a session', () => {
  it('asks for limits within what there can be', async () => {
    const resources = { cpus: 1e9, memoryBytes: 1n, processes: 2_000_000_000, diskBytes: 1n << 60n };
    expect(await refusal(client.sessions.createSession({ source: HOST, resources }))).toMatchObject({
      code: Status.INVALID_ARGUMENT,
      reason: 'INVALID_FIELD',
      fields: ['resources.cpus', 'resources.memory_bytes', 'resources.processes', 'resources.disk_bytes'],
    });
  });

  it('is made once for a request id, with a token each time', async () => {
    const request = { requestId: 'req-1', source: HOST, labels: { once: 'yes' } };
    const [first, second] = [
      await client.sessions.createSession(request),
      await client.sessions.createSession(request),
    ];
    expect(second.session?.sessionId).toBe(first.session?.sessionId);
    expect(
      await refusal(client.sessions.createSession({ ...request, labels: { once: 'no' } })),
    ).toMatchObject({ code: Status.ALREADY_EXISTS, reason: 'REQUEST_ID_REUSED' });
    expect(await client.sessions.closeSessions({ labels: { once: 'yes' } })).toMatchObject({
      closedCount: 1,
    });
    const late = await client.sessions.createSession(request);
    expect(late).toMatchObject({ session: { state: SessionState.CLOSED }, agentToken: '' });
    const closed = await client.sessions.closeSession({ sessionId: first.session?.sessionId ?? '' });
    expect(closed.session?.state).toBe(SessionState.CLOSED);
    expect(
      await refusal(
        client.sessions.runCommand({ sessionId: first.session?.sessionId ?? '', spec: line('true') }),
      ),
    ).toMatchObject({ code: Status.FAILED_PRECONDITION, reason: 'SESSION_ENDED' });
    // And its token is good for nothing from then on.
    const agent = running.client(second.agentToken);
    expect(
      await refusal(agent.sessions.listExecs({ sessionId: first.session?.sessionId ?? '' })),
    ).toMatchObject({ code: Status.UNAUTHENTICATED, reason: 'KEY_INVALID' });
  });

  it('is listed by its labels, page by page', async () => {
    const { sessions } = await client.sessions.listSessions({ labels: { suite: 'session' } });
    expect(sessions.map((session) => session.sessionId)).toEqual([sessionId]);
    const page = await client.sessions.listSessions({ pageSize: 1 });
    expect(page.sessions).toHaveLength(1);
    expect(page.nextPageToken).not.toBe('');
    expect(
      await refusal(
        client.sessions.listSessions({ pageSize: 1, pageToken: page.nextPageToken, labels: { a: 'b' } }),
      ),
    ).toMatchObject({ reason: 'INVALID_PAGE_TOKEN' });
  });

  it('shows a secret to its commands and to nobody else', async () => {
    const made = await client.sessions.createSession({ source: HOST, secretEnv: { TOKEN: 'hidden-value' } });
    const id = made.session?.sessionId ?? '';
    const done = await client.sessions.runCommand({
      sessionId: id,
      spec: line('printf %s "$TOKEN" | wc -c'),
    });
    expect(done.stdout?.head.toString().trim()).toBe('12');
    const shown = JSON.stringify(await client.sessions.getSession({ sessionId: id }), (_k, v) =>
      typeof v === 'bigint' ? String(v) : v,
    );
    expect(shown).not.toContain('hidden-value');
    await client.sessions.closeSession({ sessionId: id });
  });

  it('that names only what the engine has not is refused with what it needs', async () => {
    const value = engineHere() === 'local' ? { image: 'debian:12' } : { host: { requires: [] } };
    expect(
      await refusal(client.sessions.createSession({ source: { $case: 'environment', value } })),
    ).toMatchObject({ code: Status.FAILED_PRECONDITION, reason: 'ENGINE_UNSUPPORTED' });
  });

  it('is unknown under an id that never was, to every call', async () => {
    const unknown = { code: Status.NOT_FOUND, reason: 'SESSION_NOT_FOUND' };
    const id = { sessionId: 'ses_never' };
    const calls = [
      client.sessions.getSession(id),
      client.sessions.closeSession(id),
      client.sessions.extendSession({ ...id, ttl: { seconds: 60n } }),
      client.sessions.watchSession(id),
      client.sessions.runCommand({ ...id, spec: line('true') }),
      client.sessions.listExecs(id),
      client.sessions.readFile({ ...id, path: 'x' }),
      client.sessions.getDiff(id),
      client.verifications.startVerification({ subject: { $case: 'sessionId', value: 'ses_never' } }),
    ];
    for (const told of await Promise.all(calls.map(refusal))) expect(told).toMatchObject(unknown);
  });

  it('serves its agent token', async () => {
    const agent = running.client(agentToken);
    const done = await agent.sessions.runCommand({ sessionId, spec: line('id -un') });
    expect(done.stdout?.head.toString()).toBe('agent\n');
  });

  it('and its commands outlive a restart of the service', async () => {
    const spec = { ...line('echo before; sleep 3; echo after; exit 5'), execId: 'survivor', detach: true };
    async function* requests(): AsyncGenerator<DeepPartial<ExecRequest>> {
      yield { frame: { $case: 'start', value: { sessionId, spec } } };
    }
    for await (const { frame } of client.sessions.exec(requests())) if (frame?.$case === 'output') break;
    await running.restart();
    client = running.client();
    const done = await client.sessions.waitExec({ sessionId, execId: 'survivor' });
    expect(done.stdout?.head.toString()).toBe('before\nafter\n');
    expect(done.exec?.result?.status).toEqual({ $case: 'exitCode', value: 5 });
  });
});
