import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { compiledScript, type CompiledScript } from '../support/compiled-script.js';
import { engineArgs } from '../support/engine-here.js';
import { forget } from '../support/engine-parts.js';
import { tempFolder } from '../support/temp-folder.js';
import { cli } from './run-cli.js';

/** Several starts of the program, on a machine that does much else. */
const STARTS_MS = 300_000;

let program: CompiledScript;

beforeAll(async () => {
  program = await compiledScript('src/cli/main.ts');
}, 120_000);

afterAll(async () => {
  await program?.[Symbol.asyncDispose]();
});

test('serve says where it listens, serves, and ends with 0 at SIGTERM', { timeout: STARTS_MS }, async () => {
  await using folder = await tempFolder();
  await chmod(folder.path, 0o711);
  const dataDir = join(folder.path, 'data');
  const args = [
    'serve',
    '--data-dir',
    dataDir,
    '--run-dir',
    join(folder.path, 'run'),
    '--log-level',
    'error',
    // Not a Docker of this machine's owner.
    ...(await engineArgs()),
  ];
  const server = spawn(process.execPath, [program.path, ...args, '--listen', '127.0.0.1:0', '--json'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    const first = await createInterface({ input: server.stdout })[Symbol.asyncIterator]().next();
    const { address } = JSON.parse(String(first.value)) as { address: string };
    const listed = await cli(['session', 'list', '--address', address, '--data-dir', dataDir, '--json']);
    expect(JSON.parse(listed.stdout)).toEqual({});
    // A second one on the same folder is told so.
    const second = spawn(process.execPath, [program.path, ...args, '--listen', '127.0.0.1:0'], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const words: string[] = [];
    second.stderr.setEncoding('utf8').on('data', (text: string) => words.push(text));
    expect((await once(second, 'close'))[0]).toBe(3);
    expect(words.join('')).toContain('Another codeset server');
  } finally {
    server.kill('SIGTERM');
  }
  expect(await once(server, 'exit')).toEqual([0, null]);
  await forget(dataDir);
});

test(
  'a socket that can’t be made is told as a wrong setting, in a sentence',
  { timeout: STARTS_MS },
  async () => {
    await using folder = await tempFolder();
    await chmod(folder.path, 0o711);
    await writeFile(join(folder.path, 'file'), '');
    const serve = async (listen: string): Promise<{ status: number; said: string }> => {
      const args = ['--data-dir', join(folder.path, 'data'), '--run-dir', join(folder.path, 'run')];
      // Nothing answers there: what the engine makes is not there by chance.
      const engine = ['--engine', 'docker', '--docker-host', `unix://${join(folder.path, 'none')}`];
      const child = spawn(
        process.execPath,
        [program.path, 'serve', ...args, ...engine, '--log-level', 'error', '--listen', `unix:${listen}`],
        { stdio: ['ignore', 'pipe', 'pipe'] },
      );
      const words: string[] = [];
      child.stderr.setEncoding('utf8').on('data', (text: string) => words.push(text));
      child.stdout.setEncoding('utf8').on('data', () => child.kill('SIGTERM'));
      const [status] = (await once(child, 'close')) as [number];
      return { status, said: words.join('') };
    };
    for (const place of ['missing', 'file']) {
      const { status, said } = await serve(join(folder.path, place, 'server.sock'));
      expect(status).toBe(2);
      expect(said).toContain(`there is no folder ${join(folder.path, place)} for the socket`);
      expect(said).not.toMatch(/^ +at /m);
    }
    // Its own folders the service makes.
    expect((await serve(join(folder.path, 'run', 'server.sock'))).status).toBe(0);
    expect((await stat(join(folder.path, 'run'))).mode & 0o777).toBe(0o711);
  },
);

test('a reader that goes away ends a command quietly', async () => {
  const child = spawn(process.execPath, [program.path, '--help'], { stdio: ['ignore', 'pipe', 'pipe'] });
  child.stdout.destroy();
  const words: string[] = [];
  child.stderr.setEncoding('utf8').on('data', (text: string) => words.push(text));
  await once(child, 'close');
  expect(words.join('')).toBe('');
});
