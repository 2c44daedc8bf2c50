import { execFile } from 'node:child_process';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { compiledScript } from '../support/compiled-script.js';
import { programHere } from '../support/engine-here.js';
import { startService } from '../support/service.js';

const ROOT = resolve(import.meta.dirname, '../..');

test('the program of docs/dynamic-client.md runs as it stands', async () => {
  await using service = await startService();
  const text = await readFile(join(ROOT, 'docs/dynamic-client.md'), 'utf8');
  const program = programHere(/^```js\n(.*?)^```/ms.exec(text)?.[1] ?? '');
  // In the project, so that packages are found.
  const file = join(ROOT, `documents-${process.pid}.tmp.mjs`);
  await writeFile(file, program);
  try {
    const env = { ...process.env, CODESET_ADDRESS: service.address, CODESET_API_KEY: service.adminKey };
    const { stdout } = await promisify(execFile)(process.execPath, [file], {
      cwd: ROOT,
      env,
      timeout: 60_000,
    });
    expect(stdout).toBe('hello\n');
  } finally {
    await rm(file, { force: true });
  }
}, 120_000);

test("the README's first session on the command line runs as it stands", async () => {
  await using service = await startService();
  await using codeset = await compiledScript('src/cli/main.ts');
  const text = await readFile(join(ROOT, 'README.md'), 'utf8');
  const section = text.slice(text.indexOf('### With the CLI'));
  const lines = /^```sh\n(.*?)^```/ms.exec(section)?.[1] ?? '';
  const env = {
    ...process.env,
    CODESET_ADDRESS: service.address,
    CODESET_API_KEY: service.adminKey,
    NODE: process.execPath,
    PROGRAM: codeset.path,
  };
  const running = promisify(execFile)('sh', ['-c', `codeset() { "$NODE" "$PROGRAM" "$@"; }\n${lines}`], {
    cwd: ROOT,
    env,
  });
  // Nobody types into the shell among them.
  running.child.stdin?.end('echo in a shell\n');
  const { stdout, stderr } = await running;
  expect(stdout).toContain('in a shell\n');
  expect(stdout).toMatch(/READY\n[^]*\nFAILED {2}ver_[^]*CLOSED\n$/);
  expect(stderr).toContain('Ran 3 tests');
}, 300_000);
