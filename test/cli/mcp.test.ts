import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { CodesetClient } from '../../src/client/index.js';
import { compiledScript, type CompiledScript } from '../support/compiled-script.js';
import { startApp, type RunningApp } from '../support/running-app.js';
import { addSample, hostSession, register } from '../support/service.js';
import { cli } from './run-cli.js';

let program: CompiledScript;
let app: RunningApp;
let codeset: CodesetClient;

beforeAll(async () => {
  program = await compiledScript('src/cli/main.ts');
  app = await startApp();
  await register(app.client(), addSample());
  codeset = await CodesetClient.connect({ address: app.app.address, apiKey: app.adminKey });
}, 120_000);

afterAll(async () => {
  await codeset?.[Symbol.asyncDispose]();
  await app?.[Symbol.asyncDispose]();
  await program?.[Symbol.asyncDispose]();
});

interface Connected {
  readonly client: Client;
  readonly transport: StdioClientTransport;
  readonly stderr: () => string;
  /** A tool's text; what it refused begins with `REFUSED`. */
  readonly call: (
    name: string,
    args?: Record<string, unknown>,
    options?: Parameters<Client['callTool']>[1],
  ) => Promise<string>;
}

/** The program as a client of the protocol starts it, with the protocol's official client. */
async function connect(args: readonly string[], env: Record<string, string> = {}): Promise<Connected> {
  const key = env['CODESET_API_KEY'] === undefined ? { CODESET_DATA_DIR: app.dataDir } : {};
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [program.path, 'mcp', ...args],
    env: { PATH: process.env['PATH'] ?? '', CODESET_ADDRESS: app.app.address, ...key, ...env },
    stderr: 'pipe',
  });
  let said = '';
  transport.stderr?.on('data', (data: Buffer) => (said += data.toString()));
  const client = new Client({ name: 'test', version: '1.0.0' });
  await client.connect(transport);
  onTestFinished(() => client.close());
  return {
    client,
    transport,
    stderr: () => said,
    call: async (name, parameters = {}, options = {}) => {
      const { content, isError } = await client.callTool({ name, arguments: parameters }, options);
      const [first] = content;
      const text = first?.type === 'text' ? first.text : (first?.type ?? '');
      return isError === true ? `REFUSED ${text}` : text;
    },
  };
}

test('an agent works in a session of a sample: looks, changes, tries, sees the difference', async () => {
  const { client, call, stderr } = await connect(['--sample', 'add']);
  const { tools } = await client.listTools();
  expect(tools.map(({ name }) => name)).toEqual(['run', 'shell', 'read', 'write', 'replace', 'diff']);
  expect(client.getInstructions()).toMatch(/Commands run as agent in \/workspace\. It reaches no network\./);
  const { messages } = await client.getPrompt({ name: 'task' });
  expect(messages[0]?.content).toMatchObject({
    type: 'text',
    text: expect.stringContaining('add') as string,
  });

  expect(await call('diff')).toBe('Nothing was changed.');
  const listing = await call('read', { path: '.' });
  expect(listing.split('\n')).toContain('m.py');
  const before = await call('read', { path: 'm.py' });
  expect(before).toContain('def add');
  const [line = ''] = before.split('\n').filter((each) => each.includes('return'));
  expect(await call('replace', { path: 'm.py', old_text: line, new_text: `${line}  # looked at` })).toBe(
    'Replaced it in m.py.',
  );
  expect(await call('write', { path: 'notes/today.txt', content: 'grüße\n' })).toBe(
    'Wrote 8 bytes to notes/today.txt.',
  );
  expect(await call('run', { command: 'cat today.txt; echo oops >&2; exit 3', cwd: 'notes' })).toMatch(
    /^grüße\noops\n\[exit status 3, after \d+\.\d s\]$/,
  );
  expect(await call('run', { command: 'sort', stdin: 'b\na' })).toMatch(/^a\nb\n\[exit status 0/);
  const difference = await call('diff');
  expect(difference).toContain('+++ b/notes/today.txt');
  expect(difference).toContain('# looked at');

  const sessionId = /Session (ses_\w+) is made/.exec(stderr())?.[1] ?? '';
  expect((await codeset.session(sessionId).info()).state).toBe('READY');
  await client.close();
  await expect
    .poll(async () => (await codeset.session(sessionId).info()).state, { timeout: 10_000 })
    .toBe('CLOSED');
});

test('a shell remembers, says when it began anew, and several stand beside one another', async () => {
  const { call } = await connect([await hostSession(app.client())]);
  await call('shell', { command: 'mkdir -p sub && cd sub && WORD=kept' });
  expect(await call('shell', { command: 'echo "$WORD in ${PWD##*/}"' })).toMatch(
    /^kept in sub\n\[exit status 0/,
  );
  expect(await call('shell', { name: 'other', command: 'echo "[$WORD]"' })).toMatch(/^\[\]\n/);
  expect(await call('shell', { command: 'exit 7' })).toMatch(/^\[exit status 7, .*began anew/);
  expect(await call('shell', { command: 'echo "[$WORD]"' })).toMatch(/^\[\]\n/);
});

test('a command that takes too long is ended, one that is given up too, and both say so', async () => {
  const session = codeset.session(await hostSession(app.client()));
  const { call } = await connect([session.id, '--command-timeout', '1s']);
  expect(await call('run', { command: 'echo begun; sleep 300' })).toMatch(
    /^begun\n\[ended after \d+\.\d s: it may take 1 s, ask for more with timeout_seconds\]$/,
  );
  expect(await call('run', { command: 'sleep 1.2; echo done', timeout_seconds: 60 })).toMatch(/^done\n/);
  const giveUp = new AbortController();
  const progress: string[] = [];
  const given = call(
    'run',
    { command: 'echo here; sleep 301', timeout_seconds: 600 },
    {
      signal: giveUp.signal,
      onprogress: ({ message = '' }) => {
        progress.push(message);
        giveUp.abort();
      },
    },
  );
  await expect(given).rejects.toThrow();
  expect(progress[0]).toBe('1 s: here');
  await expect
    .poll(async () => (await session.run('pgrep -f "sleep 30[1]" | wc -l')).stdout.trim(), {
      timeout: 10_000,
    })
    .toBe('0');
});

test('what is long is cut in its middle, and files are read in parts', async () => {
  const session = codeset.session(await hostSession(app.client()));
  const { call } = await connect([session.id, '--max-output', '1KiB']);
  const flood = await call('run', { command: 'seq 1 100000' });
  expect(flood).toMatch(/^1\n2\n[^]*\n\[… \d{6} bytes left out …\]\n[^]*\n100000\n\[exit status 0/);
  expect(flood.length).toBeLessThan(1300);
  await session.run(
    'seq 1 5000 > numbers; printf "no end" > short; : > empty; printf "\\000\\001" > binary; ln -s . here',
  );
  expect(await call('read', { path: 'numbers', first_line: 4999 })).toBe(
    '4999\n5000\n[lines 4999 to 5000 of 5000 of numbers]',
  );
  expect(await call('read', { path: 'numbers', first_line: 2, lines: 2 })).toBe(
    '2\n3\n[lines 2 to 3 of 5000 of numbers]',
  );
  expect(await call('read', { path: 'numbers' })).toMatch(
    /^1\n2\n[^]*\[lines 1 to 2\d\d of 5000 of numbers\]$/,
  );
  expect(await call('read', { path: 'short' })).toBe('no end');
  expect(await call('read', { path: 'empty' })).toBe('empty is empty.');
  expect((await call('read', { path: 'here' })).split('\n')).toContain('here');
  expect(await call('read', { path: 'numbers', first_line: 6000 })).toMatch(
    /^REFUSED numbers has 5000 lines/,
  );
  expect(await call('read', { path: 'binary' })).toMatch(/^REFUSED binary is no UTF-8 text \(2 bytes\)/);
  await session.writeFile('dot.png', Buffer.from('89504e470d0a1a0a', 'hex'));
  expect(await call('read', { path: 'dot.png' })).toBe('image');
});

test('what the service refuses is an answer for the model', async () => {
  const session = codeset.session(await hostSession(app.client()));
  const { call, client } = await connect([session.id]);
  await session.writeFile('twice', 'a\na\n');
  expect(await call('read', { path: 'missing' })).toMatch(/^REFUSED .*\(PATH_NOT_FOUND\)$/);
  expect(await call('replace', { path: 'twice', old_text: 'a', new_text: 'b' })).toMatch(
    /\(TEXT_NOT_UNIQUE\)$/,
  );
  expect(await call('replace', { path: 'twice', old_text: 'a', new_text: 'b', replace_all: true })).toBe(
    'Replaced 2 of them in twice.',
  );
  expect(await call('run', { command: 'true', cwd: '/no/such' })).toMatch(/exit status 126|REFUSED/);
  expect(await call('run', { command: '' })).toMatch(/^REFUSED .*command/);
  await session.close();
  expect(await call('run', { command: 'true' })).toMatch(/^REFUSED .*\(SESSION_ENDED\)$/);
  // The connection lives on.
  expect((await client.listTools()).tools).toHaveLength(6);
});

test("an agent's token is enough, found where codeset eval leaves it, and reaches nothing else", async () => {
  await using made = await codeset.createSession({ sample: 'add' });
  const agent = { CODESET_API_KEY: made.agentToken, CODESET_SESSION_ID: made.id };
  const { call } = await connect([], agent);
  expect(await call('run', { command: 'echo mine' })).toMatch(/^mine\n/);
  const other = await hostSession(app.client());
  const { call: elsewhere } = await connect([other], agent);
  expect(await elsewhere('run', { command: 'true' })).toMatch(/^REFUSED .*\(SESSION_NOT_FOUND\)$/);
});

test('one that is asked to end closes its session, which has an idle time-out for the case that it is killed', async () => {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    const { transport, stderr, call } = await connect([
      '--host',
      '--idle-timeout',
      '5m',
      '--label',
      'by=mcp',
    ]);
    const running = call('run', { command: 'sleep 302' }).catch(() => 'gone');
    const id = /Session (ses_\w+) is made/.exec(stderr())?.[1] ?? '';
    const info = await codeset.session(id).info();
    expect([info.idleTimeoutMs, info.labels['by']]).toEqual([300_000, 'mcp']);
    process.kill(transport.pid ?? 0, signal);
    expect(await running).toBe('gone');
    await expect
      .poll(async () => (await codeset.session(id).info()).state, { timeout: 10_000 })
      .toBe('CLOSED');
  }
});

test('a message that is too long ends it as its client does', async () => {
  const child = spawn(process.execPath, [program.path, 'mcp', '--host', '--label', 'by=long'], {
    env: { PATH: process.env['PATH'] ?? '', CODESET_ADDRESS: app.app.address, CODESET_DATA_DIR: app.dataDir },
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const ended = once(child, 'exit');
  // It stops reading in the middle, and its input stays open.
  child.stdin.on('error', () => undefined).write(Buffer.alloc(33 * 1024 * 1024, 'x'));
  expect(await ended).toEqual([0, null]);
  const { sessions } = await app.client().sessions.listSessions({ labels: { by: 'long' } });
  expect(sessions).toHaveLength(1);
  expect((await codeset.session(sessions[0]?.sessionId ?? '').info()).state).toBe('CLOSED');
}, 60_000);

test('wrong usage is told on stderr, and stdout is the protocol’s alone', async () => {
  const server = ['--address', app.app.address, '--data-dir', app.dataDir];
  const none = await cli(['mcp', ...server]);
  expect([none.status, none.stdout]).toEqual([2, '']);
  expect(none.stderr).toContain('Name the session, or what one is made from');
  const both = await cli(['mcp', ...server, '--host', '--image', 'x']);
  expect(both.stderr).toContain('one of --sample, --host, --image, --snapshot');
  const unknown = await cli(['mcp', ...server, 'ses_none']);
  expect([unknown.status, unknown.stdout]).toEqual([1, '']);
  const sample = await cli(['mcp', ...server, '--sample', 'none']);
  expect([sample.status, sample.stdout]).toEqual([1, '']);
  // What is no message is passed over, and at the end of its input it ends.
  const session = await hostSession(app.client());
  const garbage = await cli(['mcp', ...server, session], { stdin: 'no message\n' });
  expect([garbage.status, garbage.stdout]).toEqual([0, '']);
});
