import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { SessionState } from '../../gen/codeset/v1/session.js';
import type { AttemptResult } from '../../src/eval/attempt.js';
import { cli } from '../cli/run-cli.js';
import { compiledScript, type CompiledScript } from '../support/compiled-script.js';
import { startApp, type RunningApp } from '../support/running-app.js';
import { addSample, register } from '../support/service.js';
import { tempFolder, type TempFolder } from '../support/temp-folder.js';

const AGENT = `'${process.execPath}' '${resolve(import.meta.dirname, '../cli/children/agent.mjs')}'`;

let app: RunningApp;
let scratch: TempFolder;
let program: CompiledScript;

beforeAll(async () => {
  [app, scratch, program] = await Promise.all([startApp(), tempFolder(), compiledScript('src/cli/main.ts')]);
  await register(app.client(), addSample());
  await register(app.client(), addSample([], '', undefined, 'add-too'));
}, 120_000);

afterAll(async () => {
  await app?.[Symbol.asyncDispose]();
  await program?.[Symbol.asyncDispose]();
  await scratch?.[Symbol.asyncDispose]();
});

test('a run that was killed goes on: nothing is made twice, what was in the middle begins anew', async () => {
  const out = join(scratch.path, 'run');
  // The first attempt ends, the second waits for what is there only in the second life.
  const flag = join(scratch.path, 'go-on');
  const agent = `[ "$CODESET_SAMPLE_ID" = add ] && exec ${AGENT} fix; echo $$ > '${out}.pid'; while [ ! -e '${flag}' ]; do sleep 0.1; done; exec ${AGENT} fix`;
  const args = [
    'eval',
    '--agent',
    agent,
    '--sample',
    'add',
    '--sample',
    'add-too',
    '--concurrency',
    '2',
    '--out',
    out,
    '--address',
    app.app.address,
    '--data-dir',
    app.dataDir,
  ];
  const child = spawn(process.execPath, [program.path, ...args], { stdio: 'ignore' });
  const gone = once(child, 'exit');
  await expect.poll(async () => readFile(join(out, 'results.jsonl'), 'utf8').catch(() => '')).toMatch(/\n$/);
  await expect.poll(async () => readFile(`${out}.pid`, 'utf8').catch(() => '')).toMatch(/\n$/);
  const twice = await cli(args);
  expect([twice.status, twice.stderr]).toEqual([
    2,
    expect.stringContaining('Another codeset eval is at work in') as string,
  ]);
  child.kill('SIGKILL');
  await gone;
  process.kill(-Number(await readFile(`${out}.pid`, 'utf8')), 'SIGKILL');
  const first = await readFile(join(out, 'results.jsonl'), 'utf8');
  const [left] = (
    await app.client().sessions.listSessions({ states: [SessionState.CREATING, SessionState.READY] })
  ).sessions;
  expect(left?.labels).toMatchObject({ attempt: 'add-too#1' });

  await writeFile(flag, '');
  const run = await cli(args);
  expect(run.status).toBe(0);
  expect(run.stderr).toContain('1 of 2 attempts have ended before.');
  expect(JSON.parse(await readFile(join(out, 'summary.json'), 'utf8'))).toMatchObject({
    passed: 2,
    ended: 2,
    planned: 2,
  });
  const all = await readFile(join(out, 'results.jsonl'), 'utf8');
  expect(all.startsWith(first)).toBe(true);
  const results = all
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as AttemptResult);
  expect(results.map(({ sampleId }) => sampleId)).toEqual(['add', 'add-too']);
  const { session } = await app.client().sessions.getSession({ sessionId: left?.sessionId ?? '' });
  expect(session?.state).toBe(SessionState.CLOSED);
});
