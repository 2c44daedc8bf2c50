import { randomBytes } from 'node:crypto';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ExitReason } from '../../gen/codeset/v1/exec.js';
import {
  AlreadyExistsError,
  CodesetClient,
  ConnectionError,
  DeadlineExceededError,
  FailedPreconditionError,
  InvalidArgumentError,
  NotFoundError,
  OutOfRangeError,
  UnauthenticatedError,
  type Session,
} from '../../src/client/index.js';
import { addSample, startService, type TestService } from '../support/service.js';
import { environmentHere } from '../support/engine-here.js';

let service: TestService;
let client: CodesetClient;
let session: Session;

beforeAll(async () => {
  service = await startService();
  client = await CodesetClient.connect({ address: service.address, apiKey: service.adminKey });
  session = await client.createSession({ environment: environmentHere() });
});

afterAll(async () => {
  client?.close();
  await service?.[Symbol.asyncDispose]();
});

/** What a call threw. */
async function thrown(call: Promise<unknown> | (() => unknown)): Promise<unknown> {
  try {
    await (typeof call === 'function' ? call() : call);
  } catch (error) {
    return error;
  }
  throw new Error('It did not throw.');
}

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
});

describe('running', () => {
  test('a string is a shell line, an array a program and its arguments', async () => {
    const line = await session.run('echo "$A" | tr a-z A-Z; echo no >&2; pwd; exit 3', {
      env: { A: 'b c' },
      cwd: '/etc',
    });
    expect(line).toMatchObject({
      stdout: 'B C\n/etc\n',
      stderr: 'no\n',
      exitCode: 3,
      reason: 'EXITED',
      truncated: false,
    });
    expect(line.written).toEqual({ stdout: 9, stderr: 3 });
    expect(await session.run(['printf', '%s', '$A | b'])).toMatchObject({ stdout: '$A | b', exitCode: 0 });
    expect((await session.run('id -u', { user: 'root' })).stdout).toBe('0\n');
  });

  test('ends are told apart', async () => {
    expect(await session.run('kill -KILL $$')).toMatchObject({
      exitCode: undefined,
      signal: 'SIGKILL',
      reason: 'SIGNALLED',
    });
    expect(await session.run('sleep 60', { timeoutMs: 50, killGraceMs: 0 })).toMatchObject({
      reason: 'TIMEOUT',
    });
    expect(await session.run(['/no/such'])).toMatchObject({ exitCode: 127, reason: 'START_FAILED' });
    expect(await thrown(() => session.run(7 as never))).toBeInstanceOf(TypeError);
  });

  test('bytes are bytes, in and out', async () => {
    const bytes = randomBytes(700_000);
    const { stdoutBytes } = await session.run(['cat'], { stdin: bytes });
    expect(stdoutBytes.equals(bytes)).toBe(true);
    expect((await session.run('cat', { stdin: 'grüße' })).stdout).toBe('grüße');
    const pieces = Readable.from([Buffer.from('a'), 'b', Buffer.from('c')]);
    expect((await session.run('cat', { stdin: pieces })).stdout).toBe('abc');
    expect((await session.run('cat')).stdout).toBe('');
  });

  test('of more than is kept come the head and the tail, with a line that says so', async () => {
    const result = await session.run('seq 100000', { maxOutputBytes: 20 });
    expect(result.truncated).toBe(true);
    expect(result.stdoutBytes.toString()).toBe('1\n2\n3\n4\n5\n99\n100000\n');
    expect(result.stdout).toBe(`1\n2\n3\n4\n5\n\n[… ${588_895 - 20} bytes left out …]\n99\n100000\n`);
  });

  test('pieces are shown as they come', async () => {
    const seen: string[] = [];
    await session.run('echo a; echo b >&2', {
      onOutput: (data, stream) => void seen.push(`${stream} ${data}`),
    });
    expect(seen.sort()).toEqual(['stderr b\n', 'stdout a\n']);
  });

  test('an aborted signal ends the command and throws its reason', async () => {
    const stop = new AbortController();
    const reason = new Error('enough');
    const run = session.run('echo up; exec sleep 1000', {
      execId: 'aborted',
      signal: stop.signal,
      onOutput: () => stop.abort(reason),
    });
    expect(await thrown(run)).toBe(reason);
    await using gone = await session.attach('aborted');
    expect(await gone.exited).toMatchObject({ signal: 'SIGKILL' });
    expect(await thrown(session.run('true', { signal: stop.signal }))).toBe(reason);
    expect(await thrown(session.info({ signal: stop.signal }))).toBe(reason);
  });

  test('an input that fails ends the command and is thrown', async () => {
    const broken = (async function* () {
      yield 'a';
      throw new Error('torn');
    })();
    expect(await thrown(session.run('cat', { stdin: broken }))).toMatchObject({ message: 'torn' });
  });

  test('the same id runs once', async () => {
    const once = { execId: 'once' };
    const both = await Promise.all([
      session.run('echo x >> once; cat once', once),
      session.run('echo x >> once; cat once', once),
    ]);
    expect(both.map(({ stdout }) => stdout)).toEqual(['x\n', 'x\n']);
    expect(await thrown(session.run('echo other', once))).toBeInstanceOf(AlreadyExistsError);
  });

  test('a call that takes longer than its timeoutMs is a DeadlineExceededError', async () => {
    await using _sleeps = await session.spawn('sleep 1000', { execId: 'sleeps' });
    const late = client.stubs.sessions.waitExec(
      { sessionId: session.id, execId: 'sleeps' },
      { timeoutMs: 50 },
    );
    expect(await thrown(late)).toBeInstanceOf(DeadlineExceededError);
  });
});

describe('spawning', () => {
  test('stdin, stdout and stderr are streams', async () => {
    await using child = await session.spawn(['sh', '-c', 'tr a-z A-Z; echo done >&2'], { stdin: true });
    child.stdin.write('hello ');
    child.stdin.end('world\n');
    const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)]);
    expect([out, err]).toEqual(['HELLO WORLD\n', 'done\n']);
    expect(await child.exited).toMatchObject({ exitCode: 0, written: { stdout: 12, stderr: 5 } });
  });

  test('both outputs come in one, with offsets, and a loop that was left is gone on with', async () => {
    await using child = await session.spawn('echo one; read x; echo two', { stdin: true });
    for await (const event of child.output) {
      expect(event).toMatchObject({ type: 'output', stream: 'stdout', offset: 0 });
      break;
    }
    child.stdin.end('go\n');
    const rest: string[] = [];
    for await (const event of child.output)
      if (event.type === 'output') rest.push(`${event.offset} ${event.data}`);
    expect(rest).toEqual(['4 two\n']);
    expect(() => child.stdout).toThrow(TypeError);
  });

  test('streams go through pipes, 8 MB of them', async () => {
    const bytes = randomBytes(8_000_000);
    await using child = await session.spawn('cat', { stdin: true });
    const parts: Buffer[] = [];
    await Promise.all([
      pipeline(Readable.from(bytes, { objectMode: false }), child.stdin),
      (async () => {
        for await (const chunk of child.stdout as AsyncIterable<Buffer>) parts.push(chunk);
      })(),
    ]);
    expect(Buffer.concat(parts).equals(bytes)).toBe(true);
    expect(await child.exited).toMatchObject({ exitCode: 0 });
  });

  test('a signal reaches a Python program as KeyboardInterrupt, past input that waits', async () => {
    const program =
      'import sys, time\ntry:\n  print("up", flush=True)\n  time.sleep(1000)\nexcept KeyboardInterrupt:\n  print("interrupted")\n  sys.exit(5)';
    await using child = await session.spawn(['python3', '-c', program], { stdin: true });
    child.stdin.write(randomBytes(3_000_000));
    for await (const chunk of child.stdout) {
      if (String(chunk) === 'up\n') await child.kill('SIGINT');
      else expect(String(chunk)).toBe('interrupted\n');
    }
    expect(await child.exited).toMatchObject({ exitCode: 5, reason: 'EXITED' });
    expect(await thrown(child.kill())).toMatchObject({
      name: 'FailedPreconditionError',
      reason: 'EXEC_ENDED',
    });
    expect(await thrown(child.kill('SIGWHAT'))).toBeInstanceOf(InvalidArgumentError);
  });

  test('a terminal is one stream both ways, with a size that changes', async () => {
    await using child = await session.spawn('stty size; read x; stty size; read y; echo "got $y"', {
      tty: { rows: 30, columns: 90 },
    });
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const line = async (): Promise<unknown> => (await lines.next()).value;
    expect(await line()).toBe('30 90');
    await child.resize({ rows: 31, columns: 91 });
    child.stdin.write('\n');
    expect([await line(), await line()]).toEqual(['', '31 91']);
    child.stdin.end('last\n');
    expect([await line(), await line()]).toEqual(['last', 'got last']);
    expect(await child.exited).toMatchObject({ exitCode: 0, written: { stderr: 0 } });
    expect(await thrown(child.resize({ rows: 0, columns: 1.5 }))).toBeInstanceOf(TypeError);
  });

  test('a command without a terminal can not be resized, and is none the worse for it', async () => {
    const size = { rows: 1, columns: 1 };
    await using child = await session.spawn('read x; echo $x', { stdin: true });
    await using other = await session.attach(child.execId);
    for (const command of [child, other]) {
      const error = await thrown(command.resize(size));
      expect(error).toMatchObject({ code: 'FAILED_PRECONDITION', reason: 'NO_TERMINAL' });
    }
    child.stdin.end('well\n');
    expect([await text(child.stdout), await text(other.stdout)]).toEqual(['well\n', 'well\n']);
  });

  test('limits on silence and on output end it, and say so', async () => {
    expect(await session.run('sleep 60', { idleTimeoutMs: 100 })).toMatchObject({ reason: 'IDLE_TIMEOUT' });
    const flood = await session.run('yes', { outputLimitBytes: 1_000_000, maxOutputBytes: 1000 });
    expect(flood).toMatchObject({ reason: 'OUTPUT_LIMIT', truncated: true });
  });

  test('a lease of nothing ends it with its connection', async () => {
    const execId = 'leased';
    const own = await CodesetClient.connect({ address: service.address, apiKey: service.adminKey });
    await own.session(session.id).spawn('sleep 1000', { execId, leaseMs: 0 });
    own.close();
    // Waiting is no reader: an attach that came first would take it up.
    const { exec } = await client.stubs.sessions.waitExec({ sessionId: session.id, execId });
    expect(exec?.result?.reason).toBe(ExitReason.CANCELLED);
  });

  test('stdin that was not asked for says so', async () => {
    await using child = await session.spawn('true');
    expect(() => child.stdin).toThrow(/stdin: true/);
  });

  test('what leaves its block is ended, also when it does not listen to its stop signal', async () => {
    let execId: string;
    {
      await using child = await session.spawn('trap "" TERM; echo up; while :; do sleep 0.05; done', {
        killGraceMs: 100,
      });
      ({ execId } = child);
      for await (const _ of child.output) break;
      await child[Symbol.asyncDispose]();
    }
    await using gone = await session.attach(execId);
    expect(await gone.exited).toMatchObject({ signal: 'SIGKILL' });
  });

  test('a detached one goes on, and attaching gives it from any offset', async () => {
    let execId: string;
    {
      await using child = await session.spawn('echo first; read x; echo got $x', {
        stdin: true,
        detach: true,
      });
      ({ execId } = child);
    }
    await using again = await session.attach(execId, { stdoutOffset: 2, stdin: true });
    again.stdin.end('more\n');
    expect(await text(again.stdout)).toBe('rst\ngot more\n');
    expect(await thrown(session.attach(execId, { stdoutOffset: 1000 }))).toBeInstanceOf(OutOfRangeError);
    expect(await thrown(session.attach('none'))).toMatchObject({ reason: 'EXEC_NOT_FOUND' });
    const listed = [];
    for await (const exec of session.listExecs()) if (exec.execId === execId) listed.push(exec);
    expect(listed).toMatchObject([
      { state: 'EXITED', command: 'echo first; read x; echo got $x', exit: { exitCode: 0 } },
    ]);
  });

  test('output that nobody reads holds the command, and ignoring it lets it go', async () => {
    await using child = await session.spawn('head -c 50000000 /dev/zero; echo end >&2');
    for await (const event of child.output) {
      expect(event).toMatchObject({ stream: 'stdout' });
      break;
    }
    const { stdoutBytes } = await client.stubs.sessions
      .getExec({ sessionId: session.id, execId: child.execId })
      .then(({ exec }) => exec ?? { stdoutBytes: 0n });
    expect(Number(stdoutBytes)).toBeLessThan(50_000_000);
    child.ignoreOutput();
    expect(await child.exited).toMatchObject({ exitCode: 0, written: { stdout: 50_000_000, stderr: 4 } });
  });

  test('a detached pace never holds the command: what was missed is a gap', async () => {
    await using child = await session.spawn('head -c 200000000 /dev/zero', { pace: 'detached' });
    await client.stubs.sessions.waitExec({ sessionId: session.id, execId: child.execId });
    let bytes = 0;
    let missing = 0;
    for await (const event of child.output) {
      if (event.type === 'gap') missing += event.to - event.from;
      else bytes += event.data.length;
    }
    expect(missing).toBeGreaterThan(0);
    expect(bytes + missing).toBe(200_000_000);
  });
});

describe('shells, forks and snapshots', () => {
  test('a shell remembers, also for commands that stream, and says when it is lost', async () => {
    const shell = session.shell('remembers');
    await shell.run('cd /etc; export A=1');
    await using child = await shell.spawn('read x; echo $PWD $A $x', { stdin: true });
    child.stdin.end('y\n');
    expect(await text(child.stdout)).toBe('/etc 1 y\n');
    expect(await shell.run('true')).toMatchObject({ exitCode: 0, shellReset: false });
    expect(await shell.run('exit 4')).toMatchObject({ exitCode: 4, shellReset: true });
    expect((await shell.run('pwd')).stdout).toBe('/workspace\n');
    expect(await thrown(session.shell('a b').run('true'))).toBeInstanceOf(InvalidArgumentError);
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

describe('files', () => {
  test('are written, read, shown, listed, moved, edited and removed', async () => {
    await session.writeFile('files/deep/a.txt', 'one two two\n', { makeParents: true, mode: 0o600 });
    expect(await session.readFile('files/deep/a.txt', 'utf8')).toBe('one two two\n');
    expect(await session.stat('files/deep/a.txt')).toMatchObject({ type: 'file', size: 12, mode: 0o600 });
    expect(await thrown(session.replaceInFile('files/deep/a.txt', 'two', '2'))).toMatchObject({
      reason: 'TEXT_NOT_UNIQUE',
    });
    expect(await session.replaceInFile('files/deep/a.txt', 'two', '2', { replaceAll: true })).toBe(2);
    await session.move('files/deep/a.txt', 'files/b.txt');
    const listed = [];
    for await (const { path, type } of session.list('files')) listed.push([path, type]);
    expect(listed).toEqual([
      ['files/b.txt', 'file'],
      ['files/deep', 'directory'],
    ]);
    expect(await thrown(session.move('files/b.txt', 'files/deep'))).toBeInstanceOf(AlreadyExistsError);
    expect(await thrown(session.remove('files'))).toMatchObject({ reason: 'DIRECTORY_NOT_EMPTY' });
    await session.remove('files', { recursive: true });
    expect(await thrown(session.readFile('files/b.txt'))).toBeInstanceOf(NotFoundError);
  });

  test('of several pieces come whole, and parts of them as asked', async () => {
    await session.run('head -c 5000000 /dev/urandom > big');
    const whole = await session.readFile('big');
    const { stdout } = await session.run('sha256sum < big');
    const { createHash } = await import('node:crypto');
    expect(stdout).toContain(createHash('sha256').update(whole).digest('hex'));
    const part = await session.readFile('big', { offset: 1_000_000, limit: 3_000_000 });
    expect(part.equals(whole.subarray(1_000_000, 4_000_000))).toBe(true);
  });

  test('an archive goes out and in again', async () => {
    await session.run('mkdir -p tree/sub && echo x > tree/sub/x && mkdir -p copy');
    await session.uploadArchive('copy', session.downloadArchive('tree'));
    expect((await session.run('cat copy/tree/sub/x')).stdout).toBe('x\n');
    expect(await thrown(session.uploadArchive('copy', Readable.from([Buffer.alloc(10)])))).toBeInstanceOf(
      InvalidArgumentError,
    );
    // Also when its end was told long before all of it came.
    expect(
      await thrown(session.uploadArchive('copy', Readable.from([Buffer.alloc(5_000_000, 'x')]))),
    ).toBeInstanceOf(InvalidArgumentError);
    expect(
      await thrown(async () => {
        for await (const _ of session.downloadArchive('none'));
      }),
    ).toBeInstanceOf(NotFoundError);
  });
});

describe('samples and verdicts', () => {
  test('a sample is registered, found, worked on and judged', async () => {
    const registered = await client.samples.register(addSample());
    expect(registered).toMatchObject({ sampleId: 'add', version: 1, state: 'READY', dataset: 'try' });
    expect(await client.samples.get('try/add@1')).toMatchObject({ task: 'add(1, 2) should be 3.\n' });
    const found = [];
    for await (const { sampleId } of client.samples.list({ search: 'ADDS' })) found.push(sampleId);
    for await (const dataset of client.samples.datasets()) found.push(dataset);
    expect(found).toEqual(['add', { name: 'try', sampleCount: 1 }]);

    await using own = await client.createSession({ sample: 'add' });
    const log: Buffer[] = [];
    const failed = await own.verify({ onLog: (data) => void log.push(data) });
    expect(failed).toMatchObject({
      state: 'FAILED',
      passed: false,
      fault: 'SUBJECT',
      failToPass: { total: 1, passed: 0 },
    });
    expect(failed.tests).toContainEqual(
      expect.objectContaining({
        name: 'tests::test_add',
        status: 'FAILED',
        list: 'FAIL_TO_PASS',
        message: 'wrong',
      }),
    );
    expect(Buffer.concat(log).toString()).toMatch(/^judged as /);
    await own.replaceInFile('m.py', 'a - b', 'a + b');
    const diff = await own.diff();
    expect(diff.toString()).toContain('+    return a + b');
    expect(await own.verify()).toMatchObject({ state: 'PASSED', passed: true, sessionId: own.id, score: 1 });

    const judged = await client.verifyPatch('add', diff);
    expect(judged).toMatchObject({ passed: true, sessionId: '' });
    expect(await client.getVerification(judged.verificationId)).toMatchObject({ passed: true });
    await using fresh = await client.createSession({ sample: 'add@1' });
    expect(await fresh.applyPatch(diff)).toEqual(['m.py']);
    expect(await thrown(fresh.applyPatch(diff))).toMatchObject({ reason: 'PATCH_REJECTED' });
  });

  test('a session without a sample cannot be judged', async () => {
    expect(await thrown(session.verify())).toMatchObject({
      code: 'FAILED_PRECONDITION',
      reason: 'SAMPLE_NOT_FOUND',
    });
  });

  test('a bad sample tells where', async () => {
    const error = await thrown(client.samples.register(addSample([], 'what: 1')));
    expect(error).toBeInstanceOf(InvalidArgumentError);
    expect(error).toMatchObject({ reason: 'INVALID_MANIFEST' });
    expect((error as InvalidArgumentError).violations).not.toEqual([]);
  });
});
