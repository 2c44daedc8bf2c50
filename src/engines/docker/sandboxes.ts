import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ContainerInfo } from 'dockerode';
import { workspaceOwner } from '../../core/environment.js';
import type { SandboxPurpose, SandboxSpec, SandboxStatus } from '../../core/ports/engine.js';
import { linkOf } from './container-link.js';
import type { DockerClient } from './docker-client.js';
import { statusOf } from './docker-errors.js';
import { importKeeperImage } from './keeper-image.js';
import { KEEPER, type Keeper, KeeperFailure } from './keeper.js';
import type { KnownContainer } from './known-containers.js';
import type { Layers } from './layers.js';
import type { Links } from './links.js';
import { BOXES, checkedName, isUsableId, LABEL, type Names, STORE } from './names.js';
import { EMPTY } from './overlay.js';
import { Volumes } from './volumes.js';

const REMOVING = 'The sandbox could not be removed.';
/** A mount may be busy for a moment after its container has gone. */
const BUSY_MS = 5000;
const PURPOSES: readonly SandboxPurpose[] = ['session', 'setup', 'prepare', 'verification', 'side'];

export interface SandboxParts {
  readonly client: DockerClient;
  readonly names: Names;
  readonly keeper: Keeper;
  readonly layers: Layers;
  readonly links: Links;
  readonly reserveBytes: number;
  /** In the service's data folder: why sandboxes were ended. */
  readonly endedFolder: string;
}

export interface FoundSandbox extends SandboxStatus {
  /** Undefined where there is none. */
  readonly container: KnownContainer | undefined;
  readonly paused: boolean;
  readonly diskBytes: number;
}

/** Finds and removes what belongs to sandboxes, and puts on record what is made of one first. */
export class Sandboxes {
  readonly #parts: SandboxParts;
  readonly #volumes: Volumes;

  constructor(parts: SandboxParts) {
    const { client, keeper, names } = parts;
    this.#parts = parts;
    this.#volumes = new Volumes({
      client,
      names,
      image: () => importKeeperImage(client, names, keeper.hostInitPath),
      inUse: async () => new Set(await this.#boxes()),
    });
  }

  async open(): Promise<void> {
    await mkdir(this.#parts.endedFolder, { recursive: true, mode: 0o700 });
    await this.prepareStore();
  }

  async prepareStore(): Promise<void> {
    for (const folder of [BOXES, `${STORE}/${EMPTY}`])
      await this.#parts.keeper.init('fs', 'mkdir', '--parents', '--', folder);
  }

  box(sandboxId: string): string {
    return `${BOXES}/${checkedName(sandboxId)}`;
  }

  /** What is made first, so that whatever follows can be found and removed after a crash. @throws EEXIST as KeeperFailure 5 */
  async record(spec: SandboxSpec): Promise<void> {
    const { client, keeper, layers, reserveBytes } = this.#parts;
    const top = spec.workspaceLayers.at(-1);
    const stored = top === undefined ? undefined : layers.find(top);
    const owner = workspaceOwner(spec.environment) + (client.daemon.remap?.uid ?? 0);
    await keeper.init(
      'store',
      'box',
      String(reserveBytes),
      this.box(spec.sandboxId),
      stored?.copied === true ? '-' : String(owner),
      '755',
      ...(stored === undefined ? [] : [`${STORE}/${layers.tree(stored.layerId)}`]),
    );
  }

  async find(sandboxId: string): Promise<FoundSandbox | undefined> {
    const { client, names } = this.#parts;
    const doing = 'Docker could not say whether the sandbox is there.';
    const container = client.api.getContainer(names.container(sandboxId));
    const found = await client.find(doing, () =>
      client.within((abortSignal) => container.inspect({ abortSignal })),
    );
    if (found === undefined) return undefined;
    const { Config, Id, State } = found;
    return {
      sandboxId,
      purpose: purposeOf(Config.Labels[LABEL.purpose]),
      alive: State.Running,
      container: {
        containerId: Id,
        ...linkOf(names, sandboxId, Config.Labels, [Config.Entrypoint].flat().join(' ')),
      },
      paused: State.Paused,
      diskBytes: Number(Config.Labels[LABEL.disk] ?? 0),
    };
  }

  /** Ids of those that have a box. */
  async #boxes(): Promise<readonly string[]> {
    const lines = (await this.#parts.keeper.init('store', 'list', BOXES)).toString().split('\n');
    return lines.map((line) => line.trim()).filter((name) => name !== '');
  }

  /** Also what is half-made: whatever has a trace anywhere. */
  async list(): Promise<readonly FoundSandbox[]> {
    const { client, links, names } = this.#parts;
    const label = [`${LABEL.owner}=${names.owner}`, LABEL.sandbox];
    // Not volumes: a sandbox has its box before and as long as it has one.
    const [containers, boxes, prepared] = await Promise.all([
      client.ask('Docker could not list its containers.', (api, abortSignal) =>
        api.listContainers({ all: true, filters: { label }, abortSignal }),
      ),
      this.#boxes(),
      links.prepared(),
    ]);
    const found = new Map<string, FoundSandbox>();
    const traces = [...prepared.filter((name) => name !== KEEPER), ...boxes];
    for (const sandboxId of traces) {
      found.set(sandboxId, {
        sandboxId,
        purpose: 'side',
        alive: false,
        container: undefined,
        paused: false,
        diskBytes: 0,
      });
    }
    for (const container of containers) {
      const sandboxId = container.Labels[LABEL.sandbox] ?? '';
      // Others carry the label, too: a container has its image's, which are anybody's.
      if (!isUsableId(sandboxId)) continue;
      if (!container.Names.includes(`/${names.container(sandboxId)}`)) continue;
      found.set(sandboxId, describe(names, sandboxId, container));
    }
    return [...found.values()];
  }

  /** Everything of it, in whatever state it is. Idempotent. @param socketFolder as its container has it, where that is known */
  async remove(sandboxId: string, socketFolder: string | undefined): Promise<void> {
    const { client, keeper, links, names } = this.#parts;
    await this.#patiently(async () => {
      await client.find(REMOVING, (api) =>
        api.getContainer(names.container(sandboxId)).remove({ force: true, v: true }),
      );
    });
    await this.#volumes.remove(names.workspace(sandboxId), (work) => this.#patiently(work));
    await keeper.init('store', 'remove', this.box(sandboxId));
    await links.remove(sandboxId, socketFolder);
    await rm(this.#ended(sandboxId), { force: true });
  }

  /** Ends what runs by itself. */
  close(): void {
    this.#volumes.close();
  }

  /** Volumes that were left when everything else of their sandboxes went. */
  sweepVolumes(): Promise<void> {
    return this.#volumes.sweep();
  }

  /** Again for a while where the daemon says that it is busy with it. */
  async #patiently(work: () => Promise<void>): Promise<void> {
    const deadline = Date.now() + BUSY_MS;
    for (let pause = 20; ; pause = Math.min(pause * 2, 500)) {
      try {
        return await work();
      } catch (error) {
        const status = statusOf((error as Error).cause);
        if ((status !== 409 && status !== 500) || Date.now() > deadline) throw error;
        await sleep(pause);
      }
    }
  }

  /** Ends it, for a reason that is told to whoever asks. */
  async end(sandboxId: string, why: string): Promise<void> {
    await writeFile(this.#ended(sandboxId), why);
    const { client, names } = this.#parts;
    await client.find('The sandbox could not be ended.', async (api) => {
      await api
        .getContainer(names.container(sandboxId))
        .kill({ signal: 'SIGKILL' })
        .catch((error: unknown) => {
          // It has ended by itself.
          if (statusOf(error) !== 409) throw error;
        });
    });
  }

  /** The sentence that `end` was told. */
  async whyEnded(sandboxId: string): Promise<string> {
    return readFile(this.#ended(sandboxId), 'utf8').catch(() => 'The sandbox is gone.');
  }

  #ended(sandboxId: string): string {
    return join(this.#parts.endedFolder, checkedName(sandboxId));
  }
}

/** Whether a sandbox was not made because there is one already. */
export function isTaken(error: unknown): boolean {
  return error instanceof KeeperFailure && error.code === 5;
}

function describe(
  names: Names,
  sandboxId: string,
  { Command, Id, Labels, State }: ContainerInfo,
): FoundSandbox {
  return {
    sandboxId,
    purpose: purposeOf(Labels[LABEL.purpose]),
    alive: State === 'running' || State === 'paused',
    container: { containerId: Id, ...linkOf(names, sandboxId, Labels, Command) },
    paused: State === 'paused',
    diskBytes: Number(Labels[LABEL.disk] ?? 0),
  };
}

function purposeOf(label: string | undefined): SandboxPurpose {
  return PURPOSES.find((purpose) => purpose === label) ?? 'side';
}
