import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { initBinary, initBinaryFor } from '../../src/init-binary.js';

const execute = promisify(execFile);
const INIT = new URL('../../init', import.meta.url).pathname;
const OTHER =
  process.arch === 'arm64'
    ? { name: 'amd64', compiler: 'x86_64-linux-gnu-gcc', emulator: 'qemu-x86_64-static', machine: 62 }
    : { name: 'arm64', compiler: 'aarch64-linux-gnu-gcc', emulator: 'qemu-aarch64-static', machine: 183 };

async function isThere(program: string): Promise<boolean> {
  return execute(program, ['--version']).then(
    () => true,
    () => false,
  );
}

test('init is found by what it was built for, and an architecture that nobody builds for has none', async () => {
  await execute('sh', [join(INIT, 'build.sh')]);
  const own = process.arch === 'arm64' ? 'arm64' : 'amd64';
  expect(initBinaryFor(own)).toBe(join(INIT, 'build/codeset-init'));
  expect(initBinary()).toBe(initBinaryFor(own));
  expect(initBinaryFor('riscv64')).toBeUndefined();
});

test('init compiles for the other architecture without a warning, and runs there', async () => {
  if (!(await isThere(OTHER.compiler))) {
    console.warn(
      `skipped: ${OTHER.compiler} is not here, so nobody looked whether init compiles for ${OTHER.name} (Debian, Ubuntu: apt-get install crossbuild-essential-${OTHER.name}).`,
    );
    return;
  }
  const folder = await mkdtemp(join(tmpdir(), 'codeset-init-build-'));
  try {
    const built = join(folder, 'codeset-init');
    await execute('sh', [join(INIT, 'build.sh')], {
      env: { ...process.env, CC: OTHER.compiler, OUT: built },
    });
    expect((await readFile(built)).readUInt16LE(18)).toBe(OTHER.machine);
    if (!(await isThere(OTHER.emulator))) {
      console.warn(
        `skipped in part: init was compiled for ${OTHER.name} but not run, since ${OTHER.emulator} is not here (Debian, Ubuntu: apt-get install qemu-user-static).`,
      );
      return;
    }
    const { stdout } = await execute(OTHER.emulator, [built, 'fs', 'stat', '--', folder]);
    expect(JSON.parse(stdout)).toMatchObject({ name: folder, type: 'directory' });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}, 120_000);
