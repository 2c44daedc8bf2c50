import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ContainerInfo } from 'dockerode';
import { workspaceOwner, type NetworkMode } from '../../core/environment.js';
import { CodesetError, failedPrecondition } from '../../core/errors.js';
import type { SandboxPurpose, SandboxSpec, SandboxStatus } from '../../core/ports/engine.js';
import type { DockerClient } from './docker-client.js';
import { saidBy, statusOf } from './docker-errors.js';
import type { InitFolders } from './init-folders.js';
import { KEEPER, type Keeper, KeeperFailure } from './keeper.js';
import type { Layers } from './layers.js';
import { BOXES, checkedName, isUsableId, LABEL, type Names, STORE } from './names.js';
import { overlayOptions } from './overlay.js';
import type { Link } from './parts.js';
import type { PublicNetwork } from './public-network.js';
import { sandboxSettings } from './sandbox-settings.js';
import { type Ulimit, ulimits } from './ulimits.js';

const MAKING = 'The sandbox could not be made.';
const REMOVING = 'The sandbox could not be removed.';
const LISTENS_MS = 20_000;
/** The exit of init's `network`: init/PROTOCOL.md. */
const NO_FILTER = 125;
/** A mount may be busy for a moment after its container has gone. */
const BUSY_MS = 5000;
/** Between two attempts at volumes that Docker would not let go. */
const SWEEP_MS = 30_000;
const PURPOSES: readonly SandboxPurpose[] = ['session', 'setup', 'prepare', 'verification', 'side'];

/** Below what no layer is: an overlay wants a lower. */
const EMPTY = 'empty';

export interface SandboxParts {
  readonly client: DockerClient;
  readonly names: Names;
  readonly keeper: Keeper;
  readonly layers: Layers;
  readonly link: Link;
  readonly inits: InitFolders;
  readonly network: PublicNetwork;
  readonly runtime: string | undefined;
  readonly reserveBytes: number;
  /** In the service's data folder: why sandboxes were ended. */
  readonly endedFolder: string;
}

export interface FoundSandbox extends SandboxStatus {
  /** Undefined where there is no container. */
  readonly containerId: string | undefined;
  readonly paused: boolean;
  readonly diskBytes: number;
}

/** Makes, finds and removes containers with all that belongs to them. */
export class Sandboxes {
  readonly #parts: SandboxParts;
  #ulimits: readonly Ulimit[] = [];
  #sweep: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(parts: SandboxParts) {
    this.#parts = parts;
  }

  async open(): Promise<void> {
    await mkdir(this.#parts.endedFolder, { recursive: true, mode: 0o700 });
    await this.prepareStore();
  }

  async prepareStore(): Promise<void> {
    const [limits = ''] = await this.#parts.keeper.cat('/proc/self/limits');
    this.#ulimits = ulimits(limits);
    for (const folder of [BOXES, `${STORE}/${EMPTY}`])
      await this.#parts.keeper.init('fs', 'mkdir', '--parents', '--', folder);
  }

  box(sandboxId: string): string {
    return `${BOXES}/${checkedName(sandboxId)}`;
  }

  /** What is made first, so that whatever follows can be found and removed after a crash. @throws EEXIST as KeeperFailure 5 */
  async record(spec: SandboxSpec): Promise<void> {
    const { keeper, layers, reserveBytes } = this.#parts;
    const top = spec.workspaceLayers.at(-1);
    const stored = top === undefined ? undefined : layers.find(top);
    const owner = workspaceOwner(spec.environment);
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

  /** @returns Docker's id of the container. What it leaves half-made after a failure is the caller's to remove. */
  async make(spec: SandboxSpec, image: string, signal: AbortSignal | undefined): Promise<string> {
    const { client, inits, keeper, layers, link, names, network, runtime } = this.#parts;
    // Also for an image of another: its programs run by an emulator, init and the kernel's filter need not.
    const { architecture } = client.daemon;
    const open = spec.network === 'public';
    if (open) await network.ensure();
    const settings = sandboxSettings(spec, {
      names,
      image,
      architecture,
      initFolder: await inits.find(architecture, spec.environment.user),
      overlay: overlayOptions({
        mountpoint: keeper.mountpoint,
        lowers: this.#lowers(spec.workspaceLayers),
        box: `b/${spec.sandboxId}`,
        kernel: client.daemon.kernel,
      }),
      treeOf: (layerId) => `${keeper.mountpoint}/${layers.tree(layerId)}`,
      link: await link.prepare(spec.sandboxId),
      runtime,
      ulimits: this.#ulimits,
      network: names.network,
      filterFlags: open ? await network.filterFlags() : [],
    });
    signal?.throwIfAborted();
    const container = await client.call(MAKING, (api) => api.createContainer(settings));
    signal?.throwIfAborted();
    await client.call(MAKING, () => container.start());
    signal?.throwIfAborted();
    await this.#listens(spec, container.id, signal);
    return container.id;
  }

  /** A layer that shows everything hides the rest. */
  #lowers(layerIds: readonly string[]): readonly string[] {
    const { layers } = this.#parts;
    const whole = layerIds.findLastIndex((layerId) => layers.find(layerId)?.whole === true);
    const shown = layerIds.slice(Math.max(0, whole)).map((layerId) => layers.tree(layerId));
    return whole >= 0 ? shown : [EMPTY, ...shown];
  }

  /** Relative to the store, lowest first. */
  lowers(layerIds: readonly string[]): readonly string[] {
    return this.#lowers(layerIds);
  }

  async #listens(
    { network, sandboxId }: SandboxSpec,
    containerId: string,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const { client, link } = this.#parts;
    const deadline = Date.now() + LISTENS_MS;
    for (let pause = 1; ; pause = Math.min(pause * 2, 100)) {
      try {
        (await link.open({ sandboxId, containerId })).destroy();
        return;
      } catch (error) {
        signal?.throwIfAborted();
        if (error instanceof CodesetError && error.reason === 'ENGINE_UNAVAILABLE') throw error;
        if (pause >= 64) await this.#checkRuns(containerId, network, error);
        if (Date.now() > deadline) throw client.failed(error, MAKING);
        await sleep(pause);
      }
    }
  }

  async #checkRuns(containerId: string, network: NetworkMode, cause: unknown): Promise<void> {
    const found = await this.#parts.client.find(MAKING, (api) => api.getContainer(containerId).inspect());
    if (found?.State.Running === true) return;
    if (network === 'public' && found?.State.ExitCode === NO_FILTER) {
      throw failedPrecondition(
        'ENGINE_UNSUPPORTED',
        'Network "public" can\'t be given: what Docker runs sandboxes with has no nf_tables filter, which keeps them from the host and private networks.',
        { cause },
      );
    }
    const said = found === undefined ? 'it is gone' : `exit ${found.State.ExitCode}: ${found.State.Error}`;
    throw new CodesetError('internal', 'ENGINE_FAILED', MAKING, {
      cause: new Error(`init ended at once: ${said}`, { cause }),
    });
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
      containerId: Id,
      paused: State.Paused,
      diskBytes: Number(Config.Labels[LABEL.disk] ?? 0),
    };
  }

  /** Also what is half-made: whatever has a trace anywhere. */
  async list(): Promise<readonly FoundSandbox[]> {
    const { client, keeper, link, names } = this.#parts;
    const label = [`${LABEL.owner}=${names.owner}`, LABEL.sandbox];
    // Not volumes: a sandbox has its box before and as long as it has one.
    const [containers, boxes, prepared] = await Promise.all([
      client.ask('Docker could not list its containers.', (api, abortSignal) =>
        api.listContainers({ all: true, filters: { label }, abortSignal }),
      ),
      keeper.init('store', 'list', BOXES),
      link.prepared(),
    ]);
    const found = new Map<string, FoundSandbox>();
    const traces = [
      ...prepared.filter((name) => name !== KEEPER),
      ...boxes
        .toString()
        .split('\n')
        .map((line) => line.trim()),
    ];
    for (const sandboxId of traces.filter((name) => name !== '')) {
      found.set(sandboxId, {
        sandboxId,
        purpose: 'side',
        alive: false,
        containerId: undefined,
        paused: false,
        diskBytes: 0,
      });
    }
    for (const container of containers) {
      const status = describe(container);
      // Others carry the label, too: a container has its image's, which are anybody's.
      if (!isUsableId(status.sandboxId)) continue;
      if (!container.Names.includes(`/${names.container(status.sandboxId)}`)) continue;
      found.set(status.sandboxId, status);
    }
    return [...found.values()];
  }

  /** Everything of it, in whatever state it is. Idempotent. */
  async remove(sandboxId: string): Promise<void> {
    const { client, keeper, link, names } = this.#parts;
    await this.#patiently(async () => {
      await client.find(REMOVING, (api) =>
        api.getContainer(names.container(sandboxId)).remove({ force: true, v: true }),
      );
    });
    await this.#removeVolume(names.workspace(sandboxId), (work) => this.#patiently(work));
    await keeper.init('store', 'remove', this.box(sandboxId));
    await link.remove(sandboxId);
    await rm(this.#ended(sandboxId), { force: true });
  }

  async #removeVolume(name: string, attempt: (work: () => Promise<void>) => Promise<void>): Promise<void> {
    try {
      await attempt(async () => {
        await this.#parts.client.find(REMOVING, (api) => api.getVolume(name).remove());
      });
    } catch (error) {
      // Docker before 25 miscounts who uses a volume when it was away under live-restore. It counts anew at its next
      // start, of which nobody need have noticed anything.
      if (!/volume has active mounts/.test(saidBy((error as Error).cause))) throw error;
      this.#sweepLater();
    }
  }

  #sweepLater(): void {
    if (this.#closed || this.#sweep !== undefined) return;
    this.#sweep = setTimeout(() => {
      this.#sweep = undefined;
      this.sweepVolumes().catch(() => this.#sweepLater());
    }, SWEEP_MS);
    this.#sweep.unref();
  }

  /** Ends what runs by itself. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#sweep);
  }

  /** Volumes that were left when everything else of their sandboxes went. */
  async sweepVolumes(): Promise<void> {
    const { client, keeper, names } = this.#parts;
    const label = [`${LABEL.owner}=${names.owner}`, LABEL.sandbox];
    const { Volumes } = await client.call('Docker could not list its volumes.', (api) =>
      api.listVolumes({ filters: { label } }),
    );
    if ((Volumes ?? []).length === 0) return;
    const boxes = (await keeper.init('store', 'list', BOXES)).toString().split('\n');
    const used = new Set(boxes.map((line) => line.trim()));
    for (const { Labels, Name } of Volumes ?? []) {
      if (!used.has(Labels?.[LABEL.sandbox] ?? '')) await this.#removeVolume(Name, (work) => work());
    }
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

function describe({ Id, Labels, State }: ContainerInfo): FoundSandbox {
  return {
    sandboxId: Labels[LABEL.sandbox] ?? '',
    purpose: purposeOf(Labels[LABEL.purpose]),
    alive: State === 'running' || State === 'paused',
    containerId: Id,
    paused: State === 'paused',
    diskBytes: Number(Labels[LABEL.disk] ?? 0),
  };
}

function purposeOf(label: string | undefined): SandboxPurpose {
  return PURPOSES.find((purpose) => purpose === label) ?? 'side';
}
