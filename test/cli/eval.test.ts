import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { SessionState } from '../../gen/codeset/v1/session.js';
import type { AttemptResult } from '../../src/eval/attempt.js';
import type { Summary } from '../../src/eval/summary.js';
import { startApp, type RunningApp } from '../support/running-app.js';
import { addSample, register } from '../support/service.js';
import { tempFolder, type TempFolder } from '../support/temp-folder.js';
import { cli, type CliInput, type CliRun } from './run-cli.js';

const AGENT = `'${process.execPath}' '${resolve(import.meta.dirname, 'children/agent.mjs')}'`;
const OPEN = [SessionState.CREATING, SessionState.READY];

let app: RunningApp;
let scratch: TempFolder;
let runs = 0;

beforeAll(async () => {
  [app, scratch] = await Promise.all([startApp(), tempFolder()]);
  const client = app.client();
  await register(client, addSample());
  await register(client, addSample([], '', undefined, 'add-too'));
  await register(client, addSample([], '  fail_to_fail: ["tests::nowhere"]', undefined, 'unsolved'));
}, 120_000);

afterAll(async () => {
  await app?.[Symbol.asyncDispose]();
  await scratch?.[Symbol.asyncDispose]();
});

const server = (): string[] => ['--address', app.app.address, '--data-dir', app.dataDir];
const fresh = (): string => join(scratch.path, `run-${++runs}`);
const GOOD = ['--sample', 'add', '--sample', 'add-too'];

function evaluate(args: readonly string[], input: CliInput = {}): Promise<CliRun> {
  return cli(['eval', ...args, ...server()], input);
}

async function read(out: string): Promise<{ summary: Summary; results: AttemptResult[] }> {
  const summary = JSON.parse(await readFile(join(out, 'summary.json'), 'utf8')) as Summary;
  const lines = (await readFile(join(out, 'results.jsonl'), 'utf8')).trim().split('\n');
  return { summary, results: lines.map((line) => JSON.parse(line) as AttemptResult) };
}

async function openSessions(): Promise<number> {
  return (await app.client().sessions.listSessions({ states: OPEN })).sessions.length;
}

test('the oracle passes where there is a solution that works, nop nowhere', async () => {
  const [oracle, nop] = [fresh(), fresh()];
  const all = await evaluate(['--agent', 'oracle', '--dataset', 'try', '--out', oracle]);
  expect(all.status).toBe(0);
  expect(all.stdout).toMatch(/^pass rate +66\.7 %/m);
  const { summary, results } = await read(oracle);
  expect(summary).toMatchObject({ passed: 2, failed: 1, unscored: 0, samples: 3, attempts: 1 });
  expect(results.find(({ sampleId }) => sampleId === 'unsolved')?.message).toContain('tests::nowhere');
  expect(await readFile(join(oracle, 'attempts/add/1/verification.log'), 'utf8')).toContain('judged as');
  // It was no validation.
  const { sample } = await app.client().samples.getSample({ sample: { sampleId: 'add' } });
  expect(sample?.validation).toBeUndefined();
  expect((await evaluate(['--agent', 'nop', ...GOOD, '--out', nop, '--fail-under', '0.5'])).status).toBe(1);
  expect((await read(nop)).summary).toMatchObject({ passRate: 0, passed: 0, failed: 2 });
  expect(await openSessions()).toBe(0);
});

test('an agent has the token of its session and no more; attempts, pass@k and files are there', async () => {
  const out = fresh();
  const run = await evaluate([
    '--agent',
    `${AGENT} once`,
    ...GOOD,
    '--attempts',
    '2',
    '--out',
    out,
    '--json',
  ]);
  expect(run.status).toBe(0);
  const { summary, results } = await read(out);
  expect(summary).toMatchObject({ passRate: 0.5, passed: 2, failed: 2, passAtK: { '1': 0.5, '2': 1 } });
  const lines = run.stdout.trim().split('\n');
  expect(lines.map((line) => Object.keys(JSON.parse(line) as object)[0])).toEqual([
    ...results.map(() => 'result'),
    'summary',
  ]);
  const folder = join(out, 'attempts/add/1');
  expect((await readdir(folder)).sort()).toEqual([
    'agent.log',
    'diff.patch',
    'task.md',
    'trajectory.jsonl',
    'verdict.json',
    'verification.log',
  ]);
  const log = await readFile(join(folder, 'agent.log'), 'utf8');
  expect(log.split('\n').slice(0, 3)).toEqual([
    'CODESET_ADDRESS CODESET_API_KEY CODESET_ATTEMPT CODESET_SAMPLE_ID CODESET_SESSION_ID CODESET_TASK_FILE',
    'add(1, 2) should be 3.',
    'listing: A key of role AGENT may not call ListSessions.',
  ]);
  expect(await readFile(join(folder, 'diff.patch'), 'utf8')).toContain('+    return a + b');
  expect(await readFile(join(folder, 'trajectory.jsonl'), 'utf8')).toContain('"stdout":{"head":"fixing\\n"');
  expect(await readFile(join(out, 'junit.xml'), 'utf8')).toContain('tests="4" failures="2" errors="0"');
  const page = await readFile(join(out, 'report.html'), 'utf8');
  for (const part of ['pass@2', 'add-too#2', 'return a + b', '$ echo fixing', 'judged as'])
    expect(page).toContain(part);
  expect(page).not.toMatch(/<script|src=|https?:/);
  expect(await openSessions()).toBe(0);
});

test('an agent that fails, or takes too long, is judged by what it did, and nothing of it is left', async () => {
  const [failing, hanging] = [fresh(), fresh()];
  const one = ['--sample', 'add'];
  expect((await evaluate(['--agent', `${AGENT} fail`, ...one, '--out', failing])).status).toBe(0);
  expect((await read(failing)).results[0]).toMatchObject({
    state: 'FAILED',
    agent: { exitCode: 7, signal: null, timedOut: false },
  });
  expect((await read(failing)).summary).toMatchObject({ agentsFailed: 1, agentsTimedOut: 0 });
  // Its own shell ends at SIGTERM; what that leaves is ended with it.
  const line = `${AGENT} fix; sleep 1000 & echo $! > '${scratch.path}/pid'; wait`;
  const late = ['--agent', line, ...one, '--agent-timeout', '3s', '--out', hanging];
  expect((await evaluate(late)).status).toBe(0);
  expect((await read(hanging)).results[0]).toMatchObject({ state: 'PASSED', agent: { timedOut: true } });
  const pid = Number(await readFile(join(scratch.path, 'pid'), 'utf8'));
  await expect.poll(() => isAlive(pid)).toBe(false);
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

test('what an agent leaves for which there is no difference is judged, and is no error', async () => {
  const out = fresh();
  const run = await evaluate(['--agent', `${AGENT} refused`, '--sample', 'add', '--out', out]);
  expect(run.status).toBe(0);
  expect((await read(out)).results[0]).toMatchObject({ state: 'FAILED', fault: 'SUBJECT', tries: 1 });
  expect(await readFile(join(out, 'attempts/add/1/diff.patch.error'), 'utf8')).toContain('.GIT');
});

test('predictions are judged without a session; what is wrong with the file is told', async () => {
  const [file, out] = [join(scratch.path, 'preds.jsonl'), fresh()];
  const patch = `diff --git a/m.py b/m.py
--- a/m.py
+++ b/m.py
@@ -1,2 +1,2 @@
 def add(a, b):
-    return a - b
+    return a + b`;
  const entries = [
    { instance_id: 'ADD', model_patch: patch },
    { instance_id: 'add-too', model_patch: '' },
    { instance_id: 'elsewhere', model_patch: '' },
  ];
  await writeFile(file, [...entries.map((entry) => JSON.stringify(entry)), '{'].join('\n'));
  const run = await evaluate(['--predictions', file, '--out', out]);
  expect(run.status).toBe(0);
  expect(run.stderr).toContain(`${file}:4: is not JSON\n`);
  expect(run.stderr).toContain('elsewhere: there is no such sample, left out.\n');
  const { summary, results } = await read(out);
  expect(summary).toMatchObject({ samples: 2, passed: 1, failed: 1 });
  expect(results.every(({ sessionId }) => sessionId === null)).toBe(true);

  const again = fresh();
  expect((await evaluate(['regrade', out, '--out', again])).status).toBe(0);
  expect((await read(again)).summary).toMatchObject({ samples: 2, passed: 1, failed: 1 });
  const compared = await cli(['eval', 'compare', out, again, '--json']);
  expect(JSON.parse(compared.stdout)).toMatchObject({ paired: 2, bothPassed: 1, neither: 1, pValue: 1 });
});

test('a run that is stopped ends its agents and sessions, and says how to go on', async () => {
  const out = fresh();
  let interrupt = (): void => undefined;
  const running = evaluate(
    ['--agent', `echo $$ > '${out}.pid'; sleep 1000`, '--sample', 'add', '--out', out],
    {
      onStart: (signal) => (interrupt = () => signal('SIGINT')),
    },
  );
  await expect.poll(async () => readFile(`${out}.pid`, 'utf8').catch(() => '')).toMatch(/\n$/);
  interrupt();
  const run = await running;
  expect([run.status, run.stderr]).toEqual([
    130,
    expect.stringContaining('The same command again goes on.') as string,
  ]);
  expect((await read(out).catch(() => undefined))?.results ?? []).toEqual([]);
  const pid = Number(await readFile(`${out}.pid`, 'utf8'));
  await expect.poll(() => isAlive(pid)).toBe(false);
  expect(await openSessions()).toBe(0);
});

test('what the service spoilt is no failure of the agent; --rerun errors makes it again', async () => {
  const out = fresh();
  const ask = ['--agent', `${AGENT} fix`, '--sample', 'add', '--retries', '1', '--out', out];
  // The session is closed under the agent, in every try.
  const { client } = { client: app.client() };
  const closing = setInterval(() => {
    client.sessions.closeSessions({ labels: { attempt: 'add#1' } }).catch(() => undefined);
  }, 50);
  try {
    const spoilt = await evaluate(ask);
    expect(spoilt.status).toBe(3);
    expect(spoilt.stderr).toContain('add#1  again, for the service failed: ');
  } finally {
    clearInterval(closing);
  }
  expect((await read(out)).results[0]).toMatchObject({
    state: 'ERROR',
    fault: 'SERVICE',
    tries: 2,
    score: null,
  });
  expect((await evaluate(ask)).status).toBe(3);
  expect((await evaluate([...ask, '--rerun', 'errors'])).status).toBe(0);
  expect((await read(out)).summary).toMatchObject({ passed: 1, unscored: 0, ended: 1 });
});

test('wrong questions are refused with what to do', async () => {
  const wrong = async (...args: string[]): Promise<string> => {
    const run = await evaluate(args);
    expect([run.status, run.stdout]).toEqual([2, '']);
    return run.stderr;
  };
  expect(await wrong('--agent', 'nop')).toContain('Name the folder of the run with --out.');
  expect(await wrong('--out', fresh())).toContain('one of --agent and --predictions');
  expect(await wrong('--agent', 'nop', '--predictions', 'x', '--out', fresh())).toContain('one of');
  expect(await wrong('--agent', ' ', '--out', fresh())).toContain('names no command');
  expect(await wrong('--agent', 'nop', '--attempts', '0', '--out', fresh())).toContain('whole number');
  expect(await wrong('--agent', 'nop', '--fail-under', '7', '--out', fresh())).toContain('from 0 to 1');
  const none = await evaluate(['--agent', 'nop', '--dataset', 'empty', '--out', fresh()]);
  expect([none.status, none.stderr]).toEqual([1, expect.stringContaining('no such samples') as string]);
  const gone = await cli([
    'eval',
    '--agent',
    'nop',
    '--out',
    fresh(),
    '--address',
    '127.0.0.1:1',
    '--api-key',
    'x',
  ]);
  expect([gone.status, gone.stderr]).toEqual([3, expect.stringContaining('127.0.0.1:1') as string]);
});
