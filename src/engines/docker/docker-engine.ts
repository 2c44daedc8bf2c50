import { join } from 'node:path';
import type { Duplex, Readable } from 'node:stream';
import type { Environment, Ground, NetworkMode } from '../../core/environment.js';
import { CodesetError, failedPrecondition } from '../../core/errors.js';
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
import { DiskGuard } from '../shared/disk-guard.js';
import { Freezer } from '../shared/freezer.js';
import { Removals } from '../shared/removals.js';
import { Slots } from '../shared/slots.js';
import { ContainerCgroups } from './cgroups.js';
import { Commits } from './commits.js';
import { ContainerStopper } from './container-stopper.js';
import { DaemonWatch } from './daemon-watch.js';
import { describeDaemon } from './describe-daemon.js';
import { DockerClient } from './docker-client.js';
import { Grounds } from './grounds.js';
import { InitFolders } from './init-folders.js';
import { importKeeperImage } from './keeper-image.js';
import type { Keeper } from './keeper.js';
import { Layers } from './layers.js';
import { Names } from './names.js';
import { openKeeper } from './open-keeper.js';
import type { DockerEngineOptions } from './options.js';
import { mostLayers } from './overlay.js';
import { openOwner } from './owner.js';
import type { Images, Link } from './parts.js';
import { PublicNetwork } from './public-network.js';
import { Roots } from './roots.js';
import { makeDockerImages, type MakeImages } from './make-images.js';
import { isTaken, Sandboxes } from './sandboxes.js';
import { Usage } from './usage.js';

/** More at once are no faster: the daemon makes containers one after another in most of its steps. */
const CREATES_AT_ONCE = 4;
const REMOVAL_RETRY_MS = 30_000;
const RESERVE_BYTES = 512 * 1024 ** 2;
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

interface Parts {
  readonly options: DockerEngineOptions;
  readonly client: DockerClient;
  readonly names: Names;
  readonly keeper: Keeper;
  readonly link: Link;
  readonly images: Images;
  readonly layers: Layers;
  readonly roots: Roots;
  readonly inits: InitFolders;
  readonly network: PublicNetwork;
  readonly sandboxes: Sandboxes;
}

/** Sandboxes as containers of a Docker daemon, near or far. */
export class DockerEngine implements Engine {
  readonly name = 'docker';
  readonly maxLayers: number;
  readonly #parts: Parts;
  readonly #usage: Usage;
  readonly #commits: Commits;
  readonly #guard: DiskGuard;
  readonly #slots = new Slots(CREATES_AT_ONCE);
  readonly #stopper: ContainerStopper;
  readonly #freezer: Freezer;
  readonly #removals: Removals;
  readonly #watch: DaemonWatch;
  readonly #grounds: Grounds;
  #closed = false;

  private constructor(parts: Parts) {
    this.#parts = parts;
    this.#grounds = new Grounds(parts.layers, parts.images);
    const { client, keeper, layers, link, names, options, roots, sandboxes } = parts;
    this.maxLayers = mostLayers(keeper.mountpoint);
    this.#usage = new Usage({
      client,
      keeper,
      sandboxes,
      cgroups: new ContainerCgroups(keeper, client.daemon.cgroupVersion),
    });
    const idOf = (sandboxId: string): Promise<string | undefined> => this.#usage.containerId(sandboxId);
    this.#stopper = new ContainerStopper(client, names, link.mode === 'socket', idOf);
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
    });
    this.#removals = new Removals({
      remove: async (sandboxId) => {
        await this.#freezer.stop(sandboxId);
        await sandboxes.remove(sandboxId);
      },
      retryMs: REMOVAL_RETRY_MS,
      onError: (sandboxId, error) =>
        options.log.error('A sandbox could not be removed; it is tried again.', {
          sandboxId,
          error: describeError(error),
        }),
    });
    this.#guard = new DiskGuard({
      everyMs: options.diskSampleMs ?? 10_000,
      cpuTimeUs: (sandboxId) => this.#usage.cpuTimeUs(sandboxId),
      usage: (uppers) => this.#usage.ofUppers(uppers),
      onExceeded: (sandboxId, bytes, limit) => this.#stopForDisk(sandboxId, bytes, limit),
      onError: (error) =>
        options.log.warn('The disk use of sandboxes could not be sampled.', { error: describeError(error) }),
    });
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
    const client = await DockerClient.open(options.address, options.tls);
    if (options.runtime !== undefined && !client.daemon.runtimes.includes(options.runtime)) {
      throw failedPrecondition(
        'ENGINE_UNSUPPORTED',
        `This Docker has no runtime "${options.runtime}": it knows ${client.daemon.runtimes.join(', ')}.`,
      );
    }
    const names = new Names(await openOwner(options.dataDir), options.runDir);
    const opened = await openKeeper(options, client, names);
    try {
      return await DockerEngine.#openOn(opened, { options, client, names }, makeImages);
    } catch (error) {
      opened.keeper.close();
      throw error;
    }
  }

  static async #openOn(
    { keeper, link }: Pick<Parts, 'keeper' | 'link'>,
    { options, client, names }: Pick<Parts, 'options' | 'client' | 'names'>,
    makeImages: MakeImages,
  ): Promise<DockerEngine> {
    const layers = new Layers(keeper);
    const inits = new InitFolders(keeper, options.initPath);
    const network = new PublicNetwork(client, names, options.passThroughEnv ?? {}, () =>
      importKeeperImage(client, names, keeper.hostInitPath),
    );
    const sandboxes = new Sandboxes({
      client,
      names,
      keeper,
      layers,
      link,
      inits,
      network,
      runtime: options.runtime,
      reserveBytes: options.reserveBytes ?? RESERVE_BYTES,
      endedFolder: join(options.dataDir, 'docker', 'ended'),
    });
    const roots = new Roots(client, names);
    const images = await makeImages({ options, client, keeper, names, network });
    const engine = new DockerEngine({
      options,
      client,
      names,
      keeper,
      link,
      images,
      layers,
      roots,
      inits,
      network,
      sandboxes,
    });
    try {
      await sandboxes.open();
      await engine.#loadStore();
      keeper.onBegun = async () => {
        inits.forget();
        await sandboxes.prepareStore();
        await engine.#loadStore();
      };
      await engine.#takeUp();
    } catch (error) {
      sandboxes.close();
      await engine.#guard.close();
      throw error;
    }
    client.onAway = () => engine.#watch.away();
    return engine;
  }

  async #loadStore(): Promise<void> {
    const { layers, names, roots } = this.#parts;
    await layers.load();
    const there = new Set((await roots.list()).map(({ name }) => name));
    const wanted = new Set<string>();
    for (const { layerId, image } of layers.list()) {
      const name = names.layerImage(layerId);
      wanted.add(name);
      // Removed by somebody: what was made of it is made again.
      if (image !== undefined && !there.has(name)) await layers.delete(layerId);
    }
    await roots.sweep(wanted);
  }

  /** Sandboxes of an earlier life of the service or the daemon. */
  async #takeUp(): Promise<void> {
    const { keeper, network, sandboxes } = this.#parts;
    await network.forget();
    await keeper.open();
    await sandboxes.sweepVolumes();
    for (const found of await sandboxes.list()) {
      // Only one that nobody holds still any more: what is copied just now must not change.
      if (found.paused && !this.#freezer.holds(found.sandboxId)) await this.#stopper.thaw(found.sandboxId);
      if (found.containerId !== undefined) this.#watchDisk({ ...found, containerId: found.containerId });
    }
  }

  #watchDisk(found: {
    readonly sandboxId: string;
    readonly containerId: string;
    readonly diskBytes: number;
  }): void {
    const uppers = this.#usage.note(found.sandboxId, found.containerId);
    this.#guard.watch({ sandboxId: found.sandboxId, uppers, limitBytes: found.diskBytes });
  }

  capabilities(): EngineCapabilities {
    const { client, link, network, options } = this.#parts;
    return describeDaemon(client.daemon, network, link.mode, options.runtime);
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
      await this.#usage.keepReserve(this.#parts.options.reserveBytes ?? RESERVE_BYTES);
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
    const { sandboxes } = this.#parts;
    await this.#slots.use(async () => {
      signal?.throwIfAborted();
      try {
        await sandboxes.record(spec);
      } catch (error) {
        if (!isTaken(error)) await this.destroy(spec.sandboxId).catch(() => undefined);
        throw error;
      }
      try {
        const containerId = await sandboxes.make(spec, image, signal);
        this.#watchDisk({ sandboxId: spec.sandboxId, containerId, diskBytes: spec.resources.diskBytes });
      } catch (error) {
        await this.destroy(spec.sandboxId).catch(() => undefined);
        signal?.throwIfAborted();
        throw error;
      }
    });
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

  async connect(sandboxId: string, received?: (chunk: Buffer) => void): Promise<Duplex> {
    const { link, sandboxes } = this.#parts;
    const known = this.#usage.knownId(sandboxId);
    try {
      // Never the bare id: Docker takes the beginning of any container's own id for a name.
      const containerId =
        known ?? (await this.#usage.containerId(sandboxId)) ?? this.#parts.names.container(sandboxId);
      return await link.open({ sandboxId, containerId }, received);
    } catch (error) {
      const found = await sandboxes.find(sandboxId);
      if (found?.alive === true) {
        throw new CodesetError(
          'unavailable',
          'ENGINE_FAILED',
          "The sandbox's init does not answer just now; try again.",
          { cause: error, retryAfterMs: 1000 },
        );
      }
      const why = await sandboxes.whyEnded(sandboxId);
      throw new CodesetError('failed-precondition', 'SESSION_LOST', why, { cause: error });
    }
  }

  async commit(
    sandboxId: string,
    layers: PartLayers,
    options?: CommitOptions,
  ): Promise<readonly LayerInfo[]> {
    const signal = this.#freezer.signal(sandboxId);
    try {
      return await this.#commits.commit(sandboxId, layers, options?.lasting ?? true, signal, (bytes) =>
        this.#usage.keepReserve((this.#parts.options.reserveBytes ?? RESERVE_BYTES) + bytes),
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
    await this.#usage.keepReserve(this.#parts.options.reserveBytes ?? RESERVE_BYTES);
    return this.#commits.flatten(part, layers, layerId, options?.lasting ?? true);
  }

  async usage(sandboxId: string): Promise<SandboxUsage> {
    return { ...(await this.#usage.counts(sandboxId)), diskBytes: this.#guard.bytes(sandboxId) };
  }

  async destroy(sandboxId: string): Promise<void> {
    this.#guard.forget(sandboxId);
    try {
      await this.#removals.remove(sandboxId);
    } finally {
      this.#usage.forget(sandboxId);
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
    const { client, images, keeper, network, sandboxes } = this.#parts;
    client.onAway = () => undefined;
    this.#watch.close();
    sandboxes.close();
    await this.#guard.close();
    await this.#freezer.idle();
    await this.#removals.close();
    await images.close();
    try {
      if ((await sandboxes.list()).length === 0) {
        await network.remove();
        await keeper.remove();
      }
    } catch (error) {
      // It is away: what is left is found at the next start.
      this.#parts.options.log.warn('What the service has in Docker could not be put away.', {
        error: describeError(error),
      });
    }
    keeper.close();
  }

  async #stopForDisk(sandboxId: string, bytes: number, limitBytes: number): Promise<void> {
    const mib = (count: number): string => `${Math.ceil(count / 1024 ** 2)} MiB`;
    this.#parts.options.log.warn('A sandbox was stopped for writing more than its disk limit.', {
      sandboxId,
      bytes,
      limitBytes,
    });
    await this.#parts.sandboxes.end(
      sandboxId,
      `The sandbox was stopped: it wrote ${mib(bytes)}, and its disk limit is ${mib(limitBytes)}.`,
    );
  }
}

function describeError(error: unknown): string {
  const cause = error instanceof Error && error.cause !== undefined ? `: ${String(error.cause)}` : '';
  return `${String(error)}${cause}`;
}
