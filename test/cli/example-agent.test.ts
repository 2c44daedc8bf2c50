import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { AttemptResult } from '../../src/eval/attempt.js';
import { compiledScript, type CompiledScript } from '../support/compiled-script.js';
import { startApp, type RunningApp } from '../support/running-app.js';
import { addSample, register } from '../support/service.js';
import { tempFolder, type TempFolder } from '../support/temp-folder.js';
import { cli } from './run-cli.js';

const AGENT = resolve(import.meta.dirname, '../../clients/agents/openai_agent.py');

interface Asked {
  readonly model: string;
  readonly messages: readonly { readonly role: string; readonly content: string | null }[];
}

type Answer = { readonly status: number } | { readonly message: object };

/** An endpoint that answers as it was told to, one after the other. */
class Endpoint implements AsyncDisposable {
  readonly asked: Asked[] = [];
  readonly keys: (string | undefined)[] = [];
  readonly #server: Server;
  #answers: Answer[] = [];

  constructor() {
    this.#server = createServer((request, response) => {
      void text(request).then((body) => {
        this.asked.push(JSON.parse(body) as Asked);
        this.keys.push(request.headers.authorization);
        const answer = this.#answers.shift() ?? { status: 400 };
        const fits = request.url === '/v1/chat/completions' && request.method === 'POST';
        if ('status' in answer || !fits) {
          response.writeHead('status' in answer ? answer.status : 404, { 'Retry-After': '0' }).end('not now');
        } else {
          response.writeHead(200, { 'Content-Type': 'application/json' });
          response.end(JSON.stringify({ choices: [{ index: 0, message: answer.message }] }));
        }
      });
    });
  }

  begin(answers: readonly Answer[]): void {
    this.#answers = [...answers];
    this.asked.length = 0;
    this.keys.length = 0;
  }

  async listen(): Promise<void> {
    await new Promise<void>((done) => this.#server.listen(0, '127.0.0.1', done));
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/v1`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((done) => this.#server.close(done));
  }
}

const runs = (...commands: readonly string[]): Answer => ({
  message: {
    role: 'assistant',
    content: null,
    tool_calls: commands.map((command, i) => ({
      id: `call_${i}`,
      type: 'function',
      function: { name: 'run', arguments: JSON.stringify({ command }) },
    })),
  },
});
const says = (content: string): Answer => ({ message: { role: 'assistant', content } });

let app: RunningApp;
let scratch: TempFolder;
let program: CompiledScript;
const endpoint = new Endpoint();

beforeAll(async () => {
  [app, scratch, program] = await Promise.all([startApp(), tempFolder(), compiledScript('src/cli/main.ts')]);
  await endpoint.listen();
  await register(app.client(), addSample());
}, 120_000);

afterAll(async () => {
  await endpoint[Symbol.asyncDispose]();
  await app?.[Symbol.asyncDispose]();
  await program?.[Symbol.asyncDispose]();
  await scratch?.[Symbol.asyncDispose]();
});

async function evaluated(
  name: string,
  more = '',
): Promise<{ result: AttemptResult | undefined; log: string }> {
  const settings = `OPENAI_BASE_URL=${endpoint.url} OPENAI_API_KEY=sk-test OPENAI_MODEL=fake CODESET_CLI='${process.execPath} ${program.path}'`;
  const out = join(scratch.path, name);
  const agent = `env ${settings} ${more} python3 '${AGENT}'`;
  const server = ['--address', app.app.address, '--data-dir', app.dataDir];
  await cli(['eval', '--agent', agent, '--sample', 'add', '--out', out, ...server]);
  const lines = (await readFile(join(out, 'results.jsonl'), 'utf8')).trim().split('\n');
  return {
    result: lines.map((line) => JSON.parse(line) as AttemptResult)[0],
    log: await readFile(join(out, 'attempts/add/1/agent.log'), 'utf8'),
  };
}

test('does what the model asks for in a shell that remembers, and is judged by it', async () => {
  endpoint.begin([
    { status: 503 },
    runs('cd tests; pwd; false', 'pwd'),
    runs("sed -i 's/a - b/a + b/' ../m.py"),
    { message: { role: 'assistant', tool_calls: [{ id: 'x', function: { name: 'fly', arguments: '{' } }] } },
    says('It adds now.'),
  ]);
  const { result, log } = await evaluated('fixed');
  expect([result?.state, result?.agent?.exitCode]).toEqual(['PASSED', 0]);
  expect(log).toContain('It adds now.');
  expect(endpoint.asked.map(({ model }) => model)).toEqual(['fake', 'fake', 'fake', 'fake', 'fake']);
  expect(new Set(endpoint.keys)).toEqual(new Set(['Bearer sk-test']));
  const told = endpoint.asked.at(-1)?.messages ?? [];
  expect(told.slice(0, 2).map(({ role }) => role)).toEqual(['system', 'user']);
  expect(told[1]?.content).toContain('add(1, 2) should be 3.');
  expect(told.filter(({ role }) => role === 'tool').map(({ content }) => content)).toEqual([
    'exit status 1\n/workspace/tests\n',
    'exit status 0\n/workspace/tests\n',
    'exit status 0\n',
    "There is no tool 'fly', only `run`.",
  ]);
});

test('an endpoint that refuses, or steps that are used up, end it with a sentence', async () => {
  endpoint.begin([{ status: 401 }]);
  const refused = await evaluated('refused');
  expect([refused.result?.state, refused.result?.agent?.exitCode]).toEqual(['FAILED', 1]);
  expect(refused.log).toContain('/v1/chat/completions: 401: not now');
  endpoint.begin([runs('true'), runs('true')]);
  const used = await evaluated('used', 'AGENT_MAX_STEPS=2');
  expect([used.result?.agent?.exitCode, used.log]).toEqual([
    1,
    expect.stringContaining('The steps are used up.') as string,
  ]);
});
