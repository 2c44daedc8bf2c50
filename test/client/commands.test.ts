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
  DeadlineExceededError,
  InvalidArgumentError,
  OutOfRangeError,
  type Session,
} from '../../src/client/index.js';
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
      'import sys, time\ntry:\n  print("up", flush=True)\n  while True: time.sleep(0.02)\nexcept KeyboardInterrupt:\n  print("interrupted")\n  sys.exit(5)';
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
});
