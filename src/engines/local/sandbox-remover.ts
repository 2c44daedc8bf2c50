import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Cgroups } from './cgroups.js';
import { run } from './command.js';
import { closePublicNetwork } from './network.js';
import { mountsBelow } from './overlay.js';
import type { Paths, SandboxPaths } from './paths.js';
import { parseIdentity, type ProcessIdentity, runs } from './process-identity.js';

const PATIENCE_MS = 15_000;

export async function initProcess(at: SandboxPaths): Promise<ProcessIdentity | undefined> {
  return parseIdentity(await readFile(at.process, 'utf8').catch(() => ''));
}

/**
 * Ends and removes a sandbox in whatever state it was left: never made, half made, running, dead. The runtime is
 * not asked: its own delete polls for 100 ms, and knows nothing of mounts and folders.
 */
export async function removeSandbox(sandboxId: string, paths: Paths, cgroups: Cgroups): Promise<void> {
  const at = paths.sandbox(sandboxId);
  await cgroups.thaw(sandboxId);
  await endProcesses(sandboxId, at, cgroups);
  await closePublicNetwork(at);
  await cgroups.remove(sandboxId);
  await removeFolders(sandboxId, paths, at);
}

async function endProcesses(sandboxId: string, at: SandboxPaths, cgroups: Cgroups): Promise<void> {
  const init = await initProcess(at);
  const deadline = Date.now() + PATIENCE_MS;
  for (let pause = 1; ; pause = Math.min(pause * 2, 50)) {
    const alive = init !== undefined && (await runs(init));
    // The end of PID 1 takes everything in its namespace with it.
    if (alive) killQuietly(init.pid);
    if (!alive || pause > 8) await cgroups.kill(sandboxId);
    if (!alive && (await cgroups.processes(sandboxId)).length === 0) return;
    if (Date.now() > deadline) throw new Error(`processes of ${sandboxId} can't be ended`);
    await sleep(pause);
  }
}

async function removeFolders(sandboxId: string, paths: Paths, at: SandboxPaths): Promise<void> {
  const mounts = [...(await mountsBelow(at.run))].reverse();
  const script =
    'n=$1; shift; while [ "$n" -gt 0 ]; do umount -- "$1" || umount -l -- "$1" || exit 1; shift; n=$((n-1)); done; rm -rf --one-file-system -- "$@"';
  const result = await run(
    'sh',
    ['-c', script, 'sh', String(mounts.length), ...mounts, at.run, join(paths.state, sandboxId), at.data],
    { timeoutMs: 0 },
  );
  if (result.code !== 0) throw new Error(`folders of ${sandboxId} can't be removed: ${result.stderr}`);
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // gone meanwhile
  }
}
