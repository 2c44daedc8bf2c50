import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { initBinary, initBinaryFor } from '../../src/init-binary.js';
import { otherMachine } from '../support/parts-missing.js';

const execute = promisify(execFile);
const INIT = new URL('../../init', import.meta.url).pathname;

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
  if (!(await isThere(otherMachine.compiler))) {
    console.warn(
      `skipped: ${otherMachine.compiler} is not here, so nobody looked whether init compiles for ${otherMachine.name} (Debian, Ubuntu: apt-get install crossbuild-essential-${otherMachine.name}).`,
    );
    return;
  }
  const folder = await mkdtemp(join(tmpdir(), 'codeset-init-build-'));
  try {
    const built = join(folder, 'codeset-init');
    await execute('sh', [join(INIT, 'build.sh')], {
      env: { ...process.env, CC: otherMachine.compiler, OUT: built },
    });
    expect((await readFile(built)).readUInt16LE(18)).toBe(otherMachine.machine);
    if (!(await isThere(otherMachine.emulator))) {
      console.warn(
        `skipped in part: init was compiled for ${otherMachine.name} but not run, since ${otherMachine.emulator} is not here (Debian, Ubuntu: apt-get install qemu-user-static).`,
      );
      return;
    }
    const { stdout } = await execute(otherMachine.emulator, [built, 'fs', 'stat', '--', folder]);
    expect(JSON.parse(stdout)).toMatchObject({ name: folder, type: 'directory' });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}, 120_000);
