import { expect, test } from 'vitest';
import type { SandboxExecs } from '../../../src/core/ports/execs.js';
import { isRoot } from '../../support/root-only.js';
import { ended, InitProcess, run, sh } from './init-process.js';

/** Runs commands until one has that pid again, as a long-lived sandbox does by itself. */
async function startWithPid(execs: SandboxExecs, pid: number): Promise<string> {
  for (let attempt = 0; attempt < 50; attempt++) {
    await run(execs, sh(`echo ${pid - 1} >/proc/sys/kernel/ns_last_pid`));
    const spec = sh('echo $$; exec sleep 300');
    await execs.start(spec);
    await expect.poll(() => execs.get(spec.execId).stdoutBytes).toBeGreaterThan(0);
    const { stdout } = await execs.output(spec.execId, 100);
    if (Number(Buffer.from(stdout.head).toString()) === pid) return spec.execId;
    await execs.cancel(spec.execId);
  }
  throw new Error(`The kernel did not give pid ${pid} again.`);
}

test.runIf(isRoot)('a recycled pid never serves an old exit, and takes no signal for it', async () => {
  await using init = await InitProcess.start();
  const execs = await init.open();
  const old = sh('echo $$; exit 3');
  const pid = Number((await run(execs, old)).stdout.toString());
  const again = await startWithPid(execs, pid);
  expect(ended(execs.get(old.execId))).toBe('EXITED EXITED 3');
  expect(await execs.signal(old.execId, 'SIGKILL')).toBe(false);
  await execs.cancel(old.execId);
  // Answered after everything that was sent before.
  expect(await execs.signal(again, 'SIGCONT')).toBe(true);
  expect(execs.get(again).state).toBe('RUNNING');
  expect(await execs.signal(again, 'SIGTERM')).toBe(true);
  expect(ended(await execs.wait(again))).toBe('EXITED SIGNALLED SIGTERM');
  expect(ended(await execs.wait(old.execId))).toBe('EXITED EXITED 3');
  await execs.end();
});
