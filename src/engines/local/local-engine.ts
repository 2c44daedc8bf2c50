import { rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import type { Duplex, Readable } from 'node:stream';
import type { Environment, Ground, NetworkMode } from '../../core/environment.js';
import { CodesetError, failedPrecondition } from '../../core/errors.js';
import { Slots } from '../../core/keyed.js';
import type {
  CommitOptions,
  Engine,
  EngineCapabilities,
  LayerInfo,
  PartLayers,
  SandboxPart,
  SandboxSpec,
  SandboxStatus,
  SandboxUsage,
} from '../../core/ports/engine.js';
import { endedMeanwhile } from '../shared/copier.js';
import { diskFull } from '../shared/disk-full.js';
import { DiskGuard } from '../shared/disk-guard.js';
import { Freezer } from '../shared/freezer.js';
import { connectToInit } from '../shared/init-socket.js';
import { Removals } from '../shared/removals.js';
import { engineFailed } from './engine-failed.js';
import { checkEnvironment } from './environment-check.js';
import { describeMachine, type MachineReport } from './machine.js';
import type { LocalEngineOptions } from './options.js';
import { openParts, type Parts } from './parts.js';
import { removeSandbox } from './sandbox-remover.js';
import { Sandboxes } from './sandboxes.js';
import { diskUsage, eachUsage, removeTree } from './trees-on-disk.js';

const CREATES_AT_ONCE = 4;
const REMOVAL_RETRY_MS = 30_000;
const PARTS: readonly SandboxPart[] = ['root', 'workspace'];

/** Sandboxes straight from an OCI runtime on this machine, no daemon. */
export class LocalEngine implements Engine {
  readonly name = 'local';
  /**
   * The kernel takes 500, and as many as a page of mount options names: 80 and more with our names. Each makes every
   * look for a name that is not there a little slower.
   */
  readonly maxLayers = 32;
  readonly #parts: Parts;
  readonly #sandboxes: Sandboxes;
  readonly #guard: DiskGuard;
  readonly #slots = new Slots(CREATES_AT_ONCE);
  readonly #freezer: Freezer;
  readonly #removals: Removals;

  private constructor(parts: Parts) {
    this.#parts = parts;
    const { groups, ids, options, paths } = parts;
    this.#sandboxes = new Sandboxes(paths, groups);
    this.#freezer = new Freezer(groups, (sandboxId) => this.#sandboxes.isAlive(sandboxId));
    this.#removals = new Removals({
      remove: async (sandboxId) => {
        await this.#freezer.stop(sandboxId);
        await removeSandbox(sandboxId, { paths, groups, ids });
      },
      retryMs: REMOVAL_RETRY_MS,
      onError: (sandboxId, error) =>
        options.log.error('A sandbox could not be removed; it is tried again.', {
          sandboxId,
          error: String(error),
        }),
    });
    this.#guard = new DiskGuard({
      everyMs: parts.options.diskSampleMs ?? 10_000,
      cpuTimeUs: (sandboxId) => groups.cpuTimeUs(sandboxId),
      usage: (uppers) => eachUsage(ids, uppers),
      onExceeded: (sandboxId, bytes, limit) => this.#stopForDisk(sandboxId, bytes, limit),
      onError: (error) =>
        parts.options.log.warn('The disk use of sandboxes could not be sampled.', { error: String(error) }),
    });
  }

  /** Probes the machine and takes up what an earlier life left. Throws ENGINE_UNSUPPORTED. */
  static async open(options: LocalEngineOptions): Promise<LocalEngine> {
    const engine = new LocalEngine(await openParts(options));
    await engine.#takeUp();
    return engine;
  }

  async #takeUp(): Promise<void> {
    const { groups, ids, paths } = this.#parts;
    for (const tool of await this.#sandboxes.tools()) {
      await removeSandbox(tool, { paths, groups, ids });
      await rm(join(paths.bare, tool), { recursive: true, force: true });
    }
    for (const { sandboxId } of await this.list()) {
      await groups.thaw(sandboxId);
      const spec = await this.#sandboxes.spec(sandboxId);
      if (spec !== undefined) this.#watch(spec);
    }
  }

  /** What `doctor` shows. */
  get machine(): MachineReport {
    return this.#parts.machine;
  }

  capabilities(): EngineCapabilities {
    return describeMachine(this.#parts.machine);
  }

  async check(environment: Environment): Promise<void> {
    await checkEnvironment(environment, this.#parts.hostRoot, this.#parts.machine);
  }

  async resolve(_environment: Environment): Promise<Ground> {
    return { engine: this.name };
  }

  baseEnv(_environment: Environment, network: NetworkMode): Readonly<Record<string, string>> {
    return {
      ...(network === 'public' ? this.#parts.options.passThroughEnv : {}),
      PATH: `${this.#parts.hostRoot.path}:/run/codeset/bin`,
    };
  }

  async fingerprint(_environment: Environment): Promise<string> {
    return this.#parts.fingerprint;
  }

  async importLayer(layerId: string, tar: Readable): Promise<LayerInfo> {
    try {
      await this.#keepReserve();
      return await this.#parts.layers.import(layerId, tar);
    } finally {
      // One that was not read to its end has a file or a process behind it that waits.
      tar.destroy();
    }
  }

  async hasLayer(layerId: string): Promise<boolean> {
    return (await this.#parts.layers.find(layerId)) !== undefined;
  }

  listLayers(): Promise<readonly LayerInfo[]> {
    return this.#parts.layers.list();
  }

  deleteLayer(layerId: string): Promise<void> {
    return this.#parts.layers.delete(layerId);
  }

  async create(spec: SandboxSpec, signal?: AbortSignal): Promise<void> {
    const { layers, maker, paths } = this.#parts;
    await this.check(spec.environment);
    if (spec.network === 'public' && this.#parts.machine.publicNetwork.missing !== undefined) {
      throw failedPrecondition('ENGINE_UNSUPPORTED', this.#parts.machine.publicNetwork.missing);
    }
    for (const layer of [
      ...spec.rootLayers,
      ...spec.workspaceLayers,
      ...spec.mounts.map((mount) => mount.layer),
    ]) {
      if ((await layers.find(layer)) === undefined) {
        throw new CodesetError(
          'internal',
          'ENGINE_FAILED',
          'A layer that the sandbox is made of is missing: prepare the sample again.',
          { cause: new Error(layer) },
        );
      }
    }
    await this.#slots.run(async () => {
      signal?.throwIfAborted();
      await this.#keepReserve();
      const at = paths.sandbox(spec.sandboxId);
      try {
        await maker.record(spec, at);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') await this.destroy(spec.sandboxId);
        throw engineFailed('The sandbox could not be made.', error);
      }
      try {
        await maker.make(spec, at, signal);
      } catch (error) {
        await this.destroy(spec.sandboxId);
        signal?.throwIfAborted();
        throw engineFailed('The sandbox could not be made.', error);
      }
      this.#watch(spec);
    }, signal);
  }

  #watch(spec: SandboxSpec): void {
    const at = this.#parts.paths.sandbox(spec.sandboxId);
    this.#guard.watch({
      sandboxId: spec.sandboxId,
      uppers: [at.upper('root'), at.upper('workspace')],
      limitBytes: spec.resources.diskBytes,
    });
  }

  async connect(sandboxId: string, received?: (chunk: Buffer) => void): Promise<Duplex> {
    const at = this.#parts.paths.sandbox(sandboxId);
    try {
      return await connectToInit(at.socket, received);
    } catch (error) {
      if (await this.#sandboxes.isAlive(sandboxId)) {
        throw new CodesetError(
          'unavailable',
          'ENGINE_FAILED',
          "The sandbox's init does not answer just now; try again.",
          { cause: error, retryAfterMs: 1000 },
        );
      }
      const why = await this.#sandboxes.whyGone(sandboxId);
      throw new CodesetError('failed-precondition', 'SESSION_LOST', why, { cause: error });
    }
  }

  async commit(
    sandboxId: string,
    layers: PartLayers,
    { lasting = true }: CommitOptions = {},
  ): Promise<readonly LayerInfo[]> {
    const { ids, layers: store, paths } = this.#parts;
    const signal = this.#freezer.signal(sandboxId);
    const copies = PARTS.flatMap((part) => {
      const layerId = layers[part];
      return layerId === undefined ? [] : [{ layerId, upper: paths.sandbox(sandboxId).upper(part) }];
    });
    const existing = await Promise.all(copies.map(({ layerId }) => store.find(layerId)));
    if (existing.every((layer) => layer !== undefined)) return existing;
    if ((await this.#sandboxes.spec(sandboxId)) === undefined) {
      throw new CodesetError('failed-precondition', 'SESSION_LOST', 'The sandbox is gone.');
    }
    const bytes = await diskUsage(
      ids,
      copies.map(({ upper }) => upper),
    );
    await this.#keepReserve(bytes);
    try {
      const during = <T>(work: (pids: readonly number[] | undefined) => Promise<T>): Promise<T> =>
        this.#freezer.during(sandboxId, work);
      return await store.copy(copies, { lasting, bytes, hold: { signal, during } });
    } catch (error) {
      if (signal.aborted) throw endedMeanwhile();
      throw engineFailed('What the sandbox wrote could not be copied.', error);
    }
  }

  async flatten(
    part: SandboxPart,
    layers: readonly string[],
    layerId: string,
    { lasting = true }: CommitOptions = {},
  ): Promise<LayerInfo> {
    await this.#keepReserve();
    try {
      const lowers = await this.#parts.maker.lowers(part, layers);
      return await this.#parts.layers.flatten(layerId, lowers, lasting);
    } catch (error) {
      throw engineFailed('The layers could not be made into one.', error);
    }
  }

  async usage(sandboxId: string): Promise<SandboxUsage> {
    return { ...(await this.#parts.groups.usage(sandboxId)), diskBytes: this.#guard.bytes(sandboxId) };
  }

  destroy(sandboxId: string): Promise<void> {
    this.#guard.forget(sandboxId);
    return this.#removals.remove(sandboxId).catch((error: unknown) => {
      throw engineFailed('The sandbox could not be removed.', error);
    });
  }

  list(): Promise<readonly SandboxStatus[]> {
    return this.#sandboxes.list();
  }

  /** Sandboxes go on; the run folder goes when there are none. */
  async close(): Promise<void> {
    await this.#guard.close();
    await this.#freezer.idle();
    await this.#removals.close();
    if ((await this.list()).length > 0) return;
    await this.#parts.groups.removeParent();
    await removeTree(this.#parts.ids, this.#parts.paths.run);
  }

  async #stopForDisk(sandboxId: string, bytes: number, limitBytes: number): Promise<void> {
    const mib = (count: number): string => `${Math.ceil(count / 1024 ** 2)} MiB`;
    this.#parts.options.log.warn('A sandbox was stopped for writing more than its disk limit.', {
      sandboxId,
      bytes,
      limitBytes,
    });
    const why = `The sandbox was stopped: it wrote ${mib(bytes)}, and its disk limit is ${mib(limitBytes)}.`;
    await this.#sandboxes.stop(sandboxId, why);
  }

  /** The database needs room when sandboxes have taken the rest. @param wanted bytes that are about to be written */
  async #keepReserve(wanted = 0): Promise<void> {
    const { bavail, bsize } = await statfs(this.#parts.paths.dataDir);
    if (bavail * bsize - wanted < (this.#parts.options.reserveBytes ?? 512 * 1024 ** 2)) throw diskFull();
  }
}
