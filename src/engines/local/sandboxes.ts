import { readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { SandboxSpec, SandboxStatus } from '../../core/ports/engine.js';
import type { Paths } from './paths.js';
import type { ProcessGroups } from './process-groups.js';
import { runs } from './process-identity.js';
import { initProcess } from './sandbox-remover.js';

/** Finds the sandboxes that this and earlier lives of the engine made, from what is on this machine of them. */
export class Sandboxes {
  readonly #paths: Paths;
  readonly #groups: ProcessGroups;

  constructor(paths: Paths, groups: ProcessGroups) {
    this.#paths = paths;
    this.#groups = groups;
  }

  /** Those too of which nothing is left but a folder or a cgroup. */
  async list(): Promise<readonly SandboxStatus[]> {
    const found = new Set([
      ...(await readdir(this.#paths.sandboxes)),
      ...(await readdir(join(this.#paths.run, 'boxes')).catch(() => [])),
      ...this.#groups.owners().filter((id) => !isTool(id)),
    ]);
    return Promise.all(
      [...found].map(async (sandboxId) => ({
        sandboxId,
        purpose: (await this.spec(sandboxId))?.purpose ?? 'side',
        alive: await this.isAlive(sandboxId),
      })),
    );
  }

  /** Containers of our own tools that an earlier life was killed over, wherever there is a trace of one. */
  async tools(): Promise<readonly string[]> {
    const { bare, state } = this.#paths;
    const traces = [...this.#groups.owners(), ...(await readdir(bare)), ...(await readdir(state))];
    return [...new Set(traces.filter(isTool))];
  }

  /** What it was made as; undefined when it is gone. */
  async spec(sandboxId: string): Promise<SandboxSpec | undefined> {
    const text = await readFile(this.#paths.sandbox(sandboxId).spec, 'utf8').catch(() => '');
    try {
      return JSON.parse(text) as SandboxSpec;
    } catch {
      // Killed while it was written: there is nothing of the sandbox yet but its folder.
      return undefined;
    }
  }

  /** Whether its init runs. */
  async isAlive(sandboxId: string): Promise<boolean> {
    const init = await initProcess(this.#paths, sandboxId);
    return init !== undefined && (await runs(init));
  }

  /** Kills it, and leaves what its session is told. @param why a sentence */
  async stop(sandboxId: string, why: string): Promise<void> {
    await writeFile(this.#paths.sandbox(sandboxId).ended, why);
    const init = await initProcess(this.#paths, sandboxId);
    if (init !== undefined && (await runs(init))) process.kill(init.pid, 'SIGKILL');
  }

  /** Why one that is not alive is gone, as a sentence. */
  whyGone(sandboxId: string): Promise<string> {
    return readFile(this.#paths.sandbox(sandboxId).ended, 'utf8').catch(() => 'The sandbox is gone.');
  }
}

/** Containers of a moment for our own tools; core knows nothing of them. */
function isTool(id: string): boolean {
  return id.startsWith('unpack-') || id.startsWith('probe-');
}
