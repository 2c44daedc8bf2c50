import { execFile } from 'node:child_process';
import { chmod, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { compiledScript } from '../support/compiled-script.js';

test('the demo shows FAILED and then PASSED, reads well without a terminal, and leaves nothing behind', async () => {
  await using program = await compiledScript('src/demo/main.ts');
  const folder = await mkdtemp(join(tmpdir(), 'demo-'));
  // As /tmp is: sandboxes have ids of their own.
  await chmod(folder, 0o711);
  try {
    const { status, output } = await new Promise<{ status: number; output: string }>((resolve) => {
      const env = { PATH: process.env['PATH'], HOME: process.env['HOME'], TMPDIR: folder };
      execFile(process.execPath, [program.path], { env }, (error, stdout, stderr) =>
        resolve({ status: error === null ? 0 : Number(error.code), output: stdout + stderr }),
      );
    });
    expect({ status, output }).toMatchObject({ status: 0 });
    expect(output.search(/^ +FAILED: /m)).toBeGreaterThan(0);
    expect(output.search(/^ +PASSED: /m)).toBeGreaterThan(output.search(/^ +FAILED: /m));
    expect(output).not.toContain('\u001b');
    expect(await readdir(folder)).toEqual([]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}, 120_000);
