import { createHash } from 'node:crypto';
import { truncate } from 'node:fs/promises';
import { readdir, readlink, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ExecSpec } from '../../../src/core/exec.js';
import { ended, InitProcess, read, sh } from './init-process.js';

let init: InitProcess;

beforeAll(async () => {
  init = await InitProcess.start();
});

afterAll(async () => {
  await init[Symbol.asyncDispose]();
});

const NUMBERS = Array.from({ length: 100_000 }, (_, i) => `${i + 1}\n`).join('');
const digest = (text: string | Buffer): string => createHash('sha256').update(text).digest('hex');

/** Bytes of stdout that are on disk. */
async function onDisk(owner: string): Promise<number> {
  let sum = 0;
  for (const name of await readdir(join(init.folder, 'execs', owner), { recursive: true })) {
    if (name.includes('out-')) sum += (await stat(join(init.folder, 'execs', owner, name))).size;
  }
  return sum;
}

test.each<[string, Partial<ExecSpec>]>([
  ['a command', {}],
  ['a command on a terminal', { tty: { rows: 24, columns: 80 } }],
])('%s whose output reached the disk before the journal knew of it is found whole', async (what, more) => {
  const owner = `ses_unknown${what.length}`;
  const life = init.life();
  const first = await init.open({ ownerId: owner, dial: life.dial });
  const setUp = more.tty === undefined ? '' : 'stty -opost -echo; ';
  const spec = sh(`${setUp}seq 100000; read -r word; echo "$word"; exit 7`, { stdin: true, ...more });
  await first.start(spec);
  await expect.poll(() => onDisk(owner)).toBe(NUMBERS.length);
  life.kill();
  const again = life.copyOf(owner);
  // As a kill within the journal's first milliseconds leaves it.
  await truncate(join(init.folder, 'execs', again, 'journal'), 0);
  const second = await init.open({ ownerId: again });
  void first.end();
  expect(second.get(spec.execId).stdoutBytes).toBe(NUMBERS.length);
  await second.openStdin(spec.execId).write(0, Buffer.from('more\n'));
  const seen = await read(second, spec.execId);
  expect(seen.gaps).toEqual([]);
  expect(digest(seen.stdout)).toBe(digest(`${NUMBERS}more\n`));
  expect(ended(second.get(spec.execId))).toBe('EXITED EXITED 7');
  await second.end();
  // And the next life, which knows it from the journal that this one wrote.
  const third = await init.open({ ownerId: again });
  expect(digest((await read(third, spec.execId)).stdout)).toBe(digest(`${NUMBERS}more\n`));
  await third.end();
});

/** Files of an owner's record that this process has open. */
async function openFiles(owner: string): Promise<readonly string[]> {
  const links = (await readdir('/proc/self/fd')).map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => ''));
  return (await Promise.all(links)).filter((path) => path.startsWith(join(init.folder, 'execs', owner)));
}

test('a record is closed also where the sandbox was lost before, while it was used or opened', async () => {
  const owner = 'ses_gone';
  const other = await InitProcess.start();
  let told = '';
  const first = await init.open({ ownerId: owner, dial: other.dial, onLost: (why) => (told = why) });
  await first.start(sh('seq 100000; read -r word', { stdin: true }));
  await expect.poll(() => onDisk(owner)).toBe(NUMBERS.length);
  expect(await openFiles(owner)).not.toEqual([]);
  await other[Symbol.asyncDispose]();
  await expect.poll(() => told).not.toBe('');
  await first.detach();
  expect(await openFiles(owner)).toEqual([]);
  await expect(init.open({ ownerId: owner, dial: other.dial })).rejects.toMatchObject({
    reason: 'SESSION_LOST',
  });
  expect(await openFiles(owner)).toEqual([]);
});
