import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { tempFolder, type TempFolder } from '../../../support/temp-folder.js';

const run = promisify(execFile);
const init = new URL('../../../../init/build/codeset-init', import.meta.url).pathname;

const DEPTH = 1000;
const BYTES = 3_000_000;

let folder: TempFolder;

beforeAll(async () => {
  folder = await tempFolder();
  const deep = join(folder.path, 'd/'.repeat(DEPTH));
  await mkdir(deep, { recursive: true });
  await writeFile(join(deep, 'f'), randomBytes(BYTES));
});

afterAll(async () => {
  await folder?.[Symbol.asyncDispose]();
});

/** @param descriptors what the counting may have open at a time */
async function usage(descriptors: number): Promise<{ readonly bytes: number; readonly files: number }> {
  const script = `ulimit -n ${descriptors} && exec "$0" store usage "$1"`;
  const { stdout } = await run('sh', ['-c', script, init, folder.path]);
  const [bytes = NaN, files = NaN] = stdout.trim().split(' ').map(Number);
  return { bytes, files };
}

test('what lies deep is counted as what lies at the top is', async () => {
  const { bytes, files } = await usage(DEPTH + 24);
  expect(files).toBe(DEPTH + 2);
  expect(bytes).toBeGreaterThanOrEqual(BYTES);
});

test('what lies deeper than can be counted is more than any limit', async () => {
  expect((await usage(64)).bytes).toBe(2 ** 60);
});
