import { execFile, spawn } from 'node:child_process';
import {
  access,
  chmod,
  chown,
  constants,
  mkdir,
  mkdtemp,
  readFile,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isRoot } from '../support/root-only.js';

// As root: the local engine's whole suite once more, as a user that this machine does not know otherwise. Who is an
// ordinary user has run it already.

const UID = 61_234;
const SUBORDINATE = 1_500_000_000;
const TUN = '/dev/net/tun';
const FILES = ['test/engines/local.test.ts', 'test/engines/apart.test.ts'];
const repository = new URL('../..', import.meta.url).pathname;

describe.runIf(isRoot)('as an ordinary user', () => {
  let home: string;
  let checkout: string;
  let tunMode: number | undefined;

  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), 'codeset-ordinary-'));
    await mkdir(join(home, 'tmp'));
    checkout = (await isOpen(repository)) ? repository : await copyOf(repository, join(home, 'checkout'));
    for (const path of [home, join(home, 'tmp')]) await chown(path, UID, UID);
    await chmod(home, 0o755);
    // As udev has it everywhere: without, an ordinary user's sandboxes have no network.
    tunMode = (await stat(TUN).catch(() => undefined))?.mode;
    if (tunMode !== undefined) await chmod(TUN, 0o666);
  });
  afterAll(async () => {
    if (tunMode !== undefined) await chmod(TUN, tunMode & 0o777);
    await rm(home, { recursive: true, force: true });
  });

  test('with one id for all of a sandbox, the local engine holds what every engine must', async () => {
    const { code, output } = await vitestAs(checkout, home, [], FILES);
    expect(code, output).toBe(0);
    const { passed, skipped } = counts(output);
    expect(passed, output).toBeGreaterThan(30);
    expect(skipped, output).toBe(0);
    expect(await processesOf(UID)).toEqual([]);
  }, 240_000);

  test('with subordinate ids it does too, and sandboxes have users of their own', async () => {
    // Only in there is the user known, and has ids: the machine's own files stay as they are.
    const lines = {
      passwd: `ordinary:x:${UID}:${UID}::${home}:/bin/sh`,
      subuid: `ordinary:${SUBORDINATE}:65536`,
      subgid: `ordinary:${SUBORDINATE}:65536`,
    };
    for (const [name, line] of Object.entries(lines)) {
      const text = await readFile(`/etc/${name}`, 'utf8').catch(() => '');
      await writeFile(join(home, name), `${line}\n${text}`);
    }
    const script = `for name in passwd subuid subgid; do mount --bind "$1/$name" "/etc/$name" || exit 1; done
shift; exec setpriv --reuid ${UID} --regid ${UID} --clear-groups -- "$@"`;
    const within = ['unshare', '-m', 'sh', '-c', script, 'sh', home];
    const { code, output } = await vitestAs(checkout, home, within, [
      ...FILES,
      '-t',
      'every engine|apart|ids',
    ]);
    expect(code, output).toBe(0);
    expect(counts(output).passed, output).toBeGreaterThan(20);
    expect(await processesOf(UID)).toEqual([]);
  }, 240_000);
});

/** Those that run: a dead one is its parent's to reap. */
async function processesOf(uid: number): Promise<readonly string[]> {
  const { stdout } = await promisify(execFile)('ps', ['-eo', 'uid,stat,args']);
  return stdout.split('\n').filter((line) => new RegExp(`^\\s*${uid} [^Z]`).test(line));
}

/** Whether everybody may come to the folder and read it. */
async function isOpen(folder: string): Promise<boolean> {
  for (let path = folder; ; path = dirname(path)) {
    if (((await stat(path)).mode & 0o005) !== 0o005) return false;
    if (path === dirname(path)) break;
  }
  await access(join(folder, 'init/build/codeset-init'), constants.X_OK);
  return true;
}

/** What the suite needs of a checkout that lies where only root may go, a home folder say. */
async function copyOf(from: string, to: string): Promise<string> {
  await mkdir(to);
  const parts = ['src', 'gen', 'init', 'test', 'node_modules', 'package.json', 'vitest.config.ts'];
  await promisify(execFile)('cp', [
    '-r',
    '--preserve=mode,timestamps,links',
    ...parts.map((part) => join(from, part)),
    to,
  ]);
  await promisify(execFile)('chmod', ['-R', 'go+rX', to]);
  return to;
}

/** @param within what becomes the user and then the command; without, the user is one that nothing is known of */
async function vitestAs(
  checkout: string,
  home: string,
  within: readonly string[],
  files: readonly string[],
): Promise<{ code: number | null; output: string }> {
  // The configuration is read without a file of its own beside the packages, which are not this user's to write.
  const vitest = [
    join(checkout, 'node_modules/vitest/vitest.mjs'),
    'run',
    '--configLoader',
    'runner',
    ...files,
  ];
  const [program = '', ...args] = [...within, process.execPath, ...vitest];
  const child = spawn(program, args, {
    cwd: checkout,
    ...(within.length === 0 ? { uid: UID, gid: UID } : {}),
    env: {
      PATH: process.env['PATH'],
      HOME: home,
      TMPDIR: join(home, 'tmp'),
      NO_COLOR: '1',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 220_000,
    killSignal: 'SIGKILL',
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  return { code, output };
}

function counts(output: string): { passed: number; skipped: number } {
  const line = /^\s*Tests\s.*$/m.exec(output)?.[0] ?? '';
  const count = (word: string): number => Number(new RegExp(`(\\d+) ${word}`).exec(line)?.[1] ?? 0);
  return { passed: count('passed'), skipped: count('skipped') };
}
