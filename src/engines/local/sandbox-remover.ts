import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Ids, runInside } from './ids.js';
import { closePublicNetwork } from './network.js';
import { mountsBelow } from './overlay.js';
import type { Paths, SandboxPaths } from './paths.js';
import type { ProcessGroups } from './process-groups.js';
import { parseIdentity, type ProcessIdentity, runs } from './process-identity.js';
import { signalQuietly } from './signal-quietly.js';

const PATIENCE_MS = 15_000;

/** What we wrote down, or else the runtime, when it was made half-way. */
export async function initProcess(paths: Paths, sandboxId: string): Promise<ProcessIdentity | undefined> {
  const known = parseIdentity(await readFile(paths.sandbox(sandboxId).process, 'utf8').catch(() => ''));
  return known ?? runtimesProcess(paths, sandboxId);
}

async function runtimesProcess(paths: Paths, sandboxId: string): Promise<ProcessIdentity | undefined> {
  const text = await readFile(join(paths.state, sandboxId, 'state.json'), 'utf8').catch(() => '{}');
  try {
    const state = JSON.parse(text) as { init_process_pid?: number; init_process_start?: number };
    if (state.init_process_pid === undefined || state.init_process_start === undefined) return undefined;
    return { pid: state.init_process_pid, startTime: String(state.init_process_start) };
  } catch {
    // Killed while it was written: it has started nothing yet.
    return undefined;
  }
}

/**
 * Ends and removes a sandbox in whatever state it was left: never made, half made, running, dead. The runtime is
 * not asked: its own delete polls for 100 ms, and knows nothing of mounts and folders.
 */
export async function removeSandbox(
  sandboxId: string,
  { paths, groups, ids }: { readonly paths: Paths; readonly groups: ProcessGroups; readonly ids: Ids },
): Promise<void> {
  const at = paths.sandbox(sandboxId);
  await groups.thaw(sandboxId);
  await endProcesses(sandboxId, paths, groups);
  await closePublicNetwork(at);
  await groups.remove(sandboxId);
  await removeFolders(sandboxId, paths, at, ids);
}

async function endProcesses(sandboxId: string, paths: Paths, groups: ProcessGroups): Promise<void> {
  const init = await initProcess(paths, sandboxId);
  const deadline = Date.now() + PATIENCE_MS;
  for (let pause = 1; ; pause = Math.min(pause * 2, 50)) {
    const alive = init !== undefined && (await runs(init));
    // The end of PID 1 takes everything in its namespace with it.
    if (alive) signalQuietly(init.pid, 'SIGKILL');
    if (!alive || pause > 8) await groups.kill(sandboxId);
    if (!alive && (await groups.processes(sandboxId)).length === 0) return;
    if (Date.now() > deadline) throw new Error(`processes of ${sandboxId} can't be ended`);
    await sleep(pause);
  }
}

async function removeFolders(sandboxId: string, paths: Paths, at: SandboxPaths, ids: Ids): Promise<void> {
  const mounts = [...(await mountsBelow(at.run))].reverse();
  const script =
    'n=$1; shift; while [ "$n" -gt 0 ]; do umount -- "$1" || umount -l -- "$1" || exit 1; shift; n=$((n-1)); done; rm -rf --one-file-system -- "$@"';
  const folders = [at.run, join(paths.state, sandboxId), at.data];
  const result = await runInside(
    ids,
    ['sh', '-c', script, 'sh', String(mounts.length), ...mounts, ...folders],
    { timeoutMs: 0 },
  );
  if (result.code !== 0) throw new Error(`folders of ${sandboxId} can't be removed: ${result.stderr}`);
}
