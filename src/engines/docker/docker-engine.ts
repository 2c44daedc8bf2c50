import type { Duplex, Readable } from 'node:stream';
import type { Environment, Ground, NetworkMode } from '../../core/environment.js';
import { CodesetError, failedPrecondition } from '../../core/errors.js';
import { Slots } from '../../core/keyed.js';
import type {
  CommitOptions,
  Engine,
  EngineCapabilities,
  EngineImages,
  LayerInfo,
  PartLayers,
  ResolveOptions,
  SandboxPart,
  SandboxSpec,
  SandboxStatus,
  SandboxUsage,
} from '../../core/ports/engine.js';
import { Copier, endedMeanwhile } from '../shared/copier.js';
import { Freezer } from '../shared/freezer.js';
import { Removals } from '../shared/removals.js';
import { ContainerCgroups } from './cgroups.js';
import { Commits } from './commits.js';
import { Connector } from './connector.js';
import { ContainerStopper } from './container-stopper.js';
import { DaemonWatch } from './daemon-watch.js';
import { describeDaemon } from './describe-daemon.js';
import { DiskLimits } from './disk-limits.js';
import { describeError } from './docker-errors.js';
import { Grounds } from './grounds.js';
import type { KnownContainer } from './known-containers.js';
import { loadStore } from './load-store.js';
import { type DockerParts, openParts } from './open-parts.js';
import type { DockerEngineOptions } from './options.js';
import { mostLayers } from './overlay.js';
import { makeDockerImages, type MakeImages } from './make-images.js';
import { isTaken } from './sandboxes.js';
import { Usage } from './usage.js';
import { whileThere } from './while-there.js';

/** More at once are no faster: the daemon makes containers one after another in most of its steps. */
const CREATES_AT_ONCE = 4;
const REMOVAL_RETRY_MS = 30_000;
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** Sandboxes as containers of a Docker daemon, near or far. */
export class DockerEngine implements Engine {
  readonly name = 'docker';
  readonly maxLayers: number;
  readonly #parts: DockerParts;
  readonly #usage: Usage;
  readonly #commits: Commits;
  readonly #limits: DiskLimits;
  readonly #connector: Connector;
  readonly #slots = new Slots(CREATES_AT_ONCE);
  readonly #stopper: ContainerStopper;
  readonly #freezer: Freezer;
  readonly #removals: Removals;
  readonly #watch: DaemonWatch;
  readonly #grounds: Grounds;
  #closed = false;

  private constructor(parts: DockerParts) {
    this.#parts = parts;
    this.#grounds = new Grounds(parts.layers, parts.images);
    const { client, containers, keeper, layers, links, names, options, roots, sandboxes } = parts;
    this.maxLayers = mostLayers(keeper.mountpoint);
    this.#usage = new Usage({
      client,
      keeper,
      sandboxes,
      cgroups: new ContainerCgroups(keeper, client.daemon.cgroupVersion),
      containers,
    });
    this.#connector = new Connector({ containers, links, sandboxes });
    const idOf = async (sandboxId: string): Promise<string | undefined> =>
      (await containers.find(sandboxId))?.containerId;
    this.#stopper = new ContainerStopper(client, names, links.usual.mode === 'socket', idOf);
    this.#freezer = new Freezer(
      this.#stopper,
      async (sandboxId) => (await sandboxes.find(sandboxId))?.alive === true,
    );
    this.#commits = new Commits({
      layers,
      roots,
      sandboxes,
      freezer: this.#freezer,
      copier: new Copier(keeper.initPath, (argv, more) => keeper.run(argv, more)),
      keeper,
      userMarks: client.daemon.rootless,
    });
    this.#removals = new Removals({
      remove: async (sandboxId) => {
        await this.#freezer.stop(sandboxId);
        await sandboxes.remove(sandboxId, containers.get(sandboxId)?.socketFolder);
      },
      retryMs: REMOVAL_RETRY_MS,
      onError: (sandboxId, error) =>
        options.log.error('A sandbox could not be removed; it is tried again.', {
          sandboxId,
          error: describeError(error),
        }),
    });
    this.#limits = new DiskLimits({ usage: this.#usage, sandboxes, options });
    this.#watch = new DaemonWatch(client, {
      onBack: async () => {
        options.log.info('Docker is back.');
        await this.#takeUp();
      },
      onError: (error) =>
        options.log.warn('What Docker holds could not be taken up again; it is tried again.', {
          error: describeError(error),
        }),
    });
  }

  /**
   * Finds the daemon and takes up what an earlier life left.
   * @throws ENGINE_UNAVAILABLE while the daemon is away, ENGINE_UNSUPPORTED
   */
  static async open(
    options: DockerEngineOptions,
    makeImages: MakeImages = makeDockerImages,
  ): Promise<DockerEngine> {
    const parts = await openParts(options, makeImages);
    const engine = new DockerEngine(parts);
    try {
      await engine.#begin();
    } catch (error) {
      parts.sandboxes.close();
      await engine.#limits.close();
      parts.keeper.close();
      throw error;
    }
    parts.client.onAway = () => engine.#watch.away();
    return engine;
  }

  async #begin(): Promise<void> {
    const { inits, keeper, maker, sandboxes } = this.#parts;
    await sandboxes.open();
    await maker.prepare();
    await loadStore(this.#parts);
    keeper.onBegun = async () => {
      inits.forget();
      await sandboxes.prepareStore();
      await maker.prepare();
      await loadStore(this.#parts);
    };
    await this.#takeUp();
  }

  /** Sandboxes of an earlier life of the service or the daemon. */
  async #takeUp(): Promise<void> {
    const { images, keeper, network, roots, sandboxes } = this.#parts;
    await network.forget();
    await keeper.open();
    await roots.sweep();
    await images.sweep();
    await sandboxes.sweepVolumes();
    for (const found of await sandboxes.list()) {
      // Only one that nobody holds still any more: what is copied just now must not change.
      if (found.paused && !this.#freezer.holds(found.sandboxId)) await this.#wake(found.sandboxId);
      if (found.container !== undefined) this.#note(found.sandboxId, found.container, found.diskBytes);
    }
  }

  /** One that stays held is no reason to give nobody a sandbox. */
  async #wake(sandboxId: string): Promise<void> {
    try {
      await this.#stopper.thaw(sandboxId);
    } catch (error) {
      if (error instanceof CodesetError && error.reason === 'ENGINE_UNAVAILABLE') throw error;
      this.#parts.options.log.error('A sandbox that was held still could not be woken.', {
        sandboxId,
        error: describeError(error),
      });
    }
  }

  #note(sandboxId: string, container: KnownContainer, diskBytes: number): void {
    this.#parts.containers.note(sandboxId, container);
    this.#limits.watch(sandboxId, container.containerId, diskBytes);
  }

  capabilities(sandboxId?: string): EngineCapabilities {
    const { client, containers, links, network, options } = this.#parts;
    const known = sandboxId === undefined ? undefined : containers.get(sandboxId);
    return describeDaemon(client.daemon, network, known?.mode ?? links.usual.mode, options.runtime);
  }

  async check(environment: Environment): Promise<void> {
    const { image, dockerfile, ground } = environment;
    if (image === undefined && dockerfile === undefined && ground?.image === undefined) {
      throw failedPrecondition(
        'ENVIRONMENT_UNMET',
        "Docker needs an image to make a sandbox of, and the environment names only the host's toolchain: add `image` or `dockerfile` to it.",
      );
    }
  }

  resolve(environment: Environment, options: ResolveOptions, signal?: AbortSignal): Promise<Ground> {
    return this.#parts.images.resolve(environment, options, signal);
  }

  baseEnv({ ground }: Environment, network: NetworkMode): Readonly<Record<string, string>> {
    const env = ground?.image?.env ?? {};
    return {
      ...env,
      ...(network === 'public' ? this.#parts.options.passThroughEnv : {}),
      PATH: `${env['PATH'] ?? PATH}:/run/codeset/bin`,
    };
  }

  /** Of the images that are there because of this service. */
  get images(): EngineImages {
    return this.#parts.images;
  }

  async fingerprint({ ground }: Environment): Promise<string> {
    return `docker ${ground?.image?.id ?? 'toolbox'}`;
  }

  async importLayer(layerId: string, tar: Readable): Promise<LayerInfo> {
    try {
      await this.#usage.keepReserve(this.#parts.reserveBytes);
      return await this.#parts.layers.import(layerId, tar);
    } finally {
      // One that was not read to its end has a file or a process behind it that waits.
      tar.destroy();
    }
  }

  async hasLayer(layerId: string): Promise<boolean> {
    return this.#parts.layers.find(layerId) !== undefined;
  }

  async listLayers(): Promise<readonly LayerInfo[]> {
    return this.#parts.layers.list();
  }

  async deleteLayer(layerId: string): Promise<void> {
    const { layers, roots } = this.#parts;
    const layer = layers.find(layerId);
    await layers.delete(layerId);
    if (layer?.image !== undefined) await roots.delete(layerId);
  }

  async create(spec: SandboxSpec, signal?: AbortSignal): Promise<void> {
    const { network } = this.#parts;
    if (spec.network === 'public' && network.missing !== undefined)
      throw failedPrecondition('ENGINE_UNSUPPORTED', network.missing);
    this.#checkLayers(spec);
    await this.#grounds.use(spec, (image) => this.#createOnce(spec, image, signal));
  }

  async #createOnce(spec: SandboxSpec, image: string, signal: AbortSignal | undefined): Promise<void> {
    const { maker, sandboxes } = this.#parts;
    await this.#slots.run(async () => {
      signal?.throwIfAborted();
      try {
        await sandboxes.record(spec);
      } catch (error) {
        if (!isTaken(error)) await this.destroy(spec.sandboxId).catch(() => undefined);
        throw error;
      }
      try {
        const container = await maker.make(spec, image, signal);
        this.#note(spec.sandboxId, container, spec.resources.diskBytes);
      } catch (error) {
        await this.destroy(spec.sandboxId).catch(() => undefined);
        signal?.throwIfAborted();
        throw error;
      }
    }, signal);
  }

  #checkLayers(spec: SandboxSpec): void {
    const { layers } = this.#parts;
    const trees = [...spec.workspaceLayers, ...spec.mounts.map((mount) => mount.layer)];
    const missing =
      spec.rootLayers.find((layerId) => layers.find(layerId)?.image === undefined) ??
      trees.find((layerId) => layers.find(layerId) === undefined);
    if (missing === undefined) return;
    throw new CodesetError(
      'internal',
      'ENGINE_FAILED',
      'A layer that the sandbox is made of is missing: prepare the sample again.',
      { cause: new Error(missing) },
    );
  }

  connect(sandboxId: string, received?: (chunk: Buffer) => void): Promise<Duplex> {
    return this.#connector.connect(sandboxId, received);
  }

  async commit(
    sandboxId: string,
    layers: PartLayers,
    options?: CommitOptions,
  ): Promise<readonly LayerInfo[]> {
    const signal = this.#freezer.signal(sandboxId);
    try {
      return await this.#commits.commit(sandboxId, layers, options?.lasting ?? true, signal, (bytes) =>
        this.#usage.keepReserve(this.#parts.reserveBytes + bytes),
      );
    } catch (error) {
      if (signal.aborted) throw endedMeanwhile();
      throw error;
    }
  }

  async flatten(
    part: SandboxPart,
    layers: readonly string[],
    layerId: string,
    options?: CommitOptions,
  ): Promise<LayerInfo> {
    await this.#usage.keepReserve(this.#parts.reserveBytes);
    return this.#commits.flatten(part, layers, layerId, options?.lasting ?? true);
  }

  async usage(sandboxId: string): Promise<SandboxUsage> {
    return { ...(await this.#usage.counts(sandboxId)), diskBytes: this.#limits.bytes(sandboxId) };
  }

  async destroy(sandboxId: string): Promise<void> {
    this.#limits.forget(sandboxId);
    try {
      await this.#removals.remove(sandboxId);
    } finally {
      this.#parts.containers.forget(sandboxId);
    }
  }

  list(): Promise<readonly SandboxStatus[]> {
    return this.#parts.sandboxes
      .list()
      .then((all) => all.map(({ sandboxId, purpose, alive }) => ({ sandboxId, purpose, alive })));
  }

  /** Sandboxes go on; the keeper goes when there are none. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const { client, keeper, sandboxes } = this.#parts;
    client.onAway = () => undefined;
    this.#watch.close();
    sandboxes.close();
    try {
      await whileThere(client, this.#putAway());
    } catch (error) {
      // It is away, or hangs: what is left is found at the next start.
      this.#parts.options.log.warn('What the service has in Docker could not be put away.', {
        error: describeError(error),
      });
    }
    keeper.close();
  }

  async #putAway(): Promise<void> {
    const { images, keeper, network, roots, sandboxes } = this.#parts;
    await this.#limits.close();
    await this.#freezer.idle();
    await this.#removals.close();
    await roots.close();
    await images.close();
    if ((await sandboxes.list()).length > 0) return;
    await network.remove();
    await keeper.remove();
  }
}
