import { setTimeout as sleep } from 'node:timers/promises';
import type { NetworkMode } from '../../core/environment.js';
import { CodesetError, failedPrecondition } from '../../core/errors.js';
import type { SandboxPurpose, SandboxSpec } from '../../core/ports/engine.js';
import type { Log } from '../../core/ports/log.js';
import type { DockerClient } from './docker-client.js';
import { saidBy } from './docker-errors.js';
import type { InitFolders } from './init-folders.js';
import type { Keeper } from './keeper.js';
import type { KnownContainer } from './known-containers.js';
import type { Layers } from './layers.js';
import type { Links } from './links.js';
import type { Names } from './names.js';
import { lowersOf, overlayOptions } from './overlay.js';
import type { Link } from './parts.js';
import type { PublicNetwork } from './public-network.js';
import { CODESET_RUN, sandboxSettings } from './sandbox-settings.js';
import type { Sandboxes } from './sandboxes.js';
import { type Ulimit, ulimits } from './ulimits.js';

const MAKING = 'The sandbox could not be made.';
const LISTENS_MS = 20_000;
/** The exit of init's `network`: init/PROTOCOL.md. */
const NO_FILTER = 125;
/** By SIGKILL or SIGTERM, or while the daemon was away: nothing that init did. */
const ENDED_BY_OTHERS: readonly number[] = [137, 143, 255];
/** What such sandboxes are for is done by programs of init's in them. */
const NEED_INIT: readonly SandboxPurpose[] = ['side', 'verification'];

export interface MakerParts {
  readonly client: DockerClient;
  readonly names: Names;
  readonly keeper: Keeper;
  readonly layers: Layers;
  readonly links: Links;
  readonly sandboxes: Sandboxes;
  readonly inits: InitFolders;
  readonly network: PublicNetwork;
  readonly runtime: string | undefined;
  readonly log: Log;
}

/** Makes the containers of sandboxes, and finds out in which images init can't run. */
export class SandboxMaker {
  readonly #parts: MakerParts;
  #ulimits: readonly Ulimit[] = [];
  /** Ids of images in which init can't run, with why: found out once in a life of the service. */
  readonly #withoutInit = new Map<string, string>();

  constructor(parts: MakerParts) {
    this.#parts = parts;
  }

  /** Whenever the keeper began anew. */
  async prepare(): Promise<void> {
    const [limits = ''] = await this.#parts.keeper.cat('/proc/self/limits');
    this.#ulimits = ulimits(limits);
  }

  /** Of a sandbox on record; returns when it is reached. What it leaves half-made after a failure is the caller's to remove. */
  async make(spec: SandboxSpec, image: string, signal: AbortSignal | undefined): Promise<KnownContainer> {
    const { links, sandboxes } = this.#parts;
    const { fallback, usual } = links;
    if (fallback === undefined) return this.#begin(spec, image, usual, signal);
    for (let attempt = 1; !this.#withoutInit.has(image); attempt++) {
      try {
        return await this.#begin(spec, image, usual, signal);
      } catch (error) {
        if (!(error instanceof CannotRun)) throw error;
        // One that ended may do better the next time; who may not be executed won't.
        if (error.isCertain || attempt > 1) this.#withoutInit.set(image, error.why);
        // All of it: an overlay that was mounted once is not mounted again.
        await sandboxes.remove(spec.sandboxId, undefined);
        await sandboxes.record(spec);
      }
    }
    return this.#fallBack(spec, image, fallback, signal);
  }

  async #fallBack(
    spec: SandboxSpec,
    image: string,
    fallback: Link,
    signal: AbortSignal | undefined,
  ): Promise<KnownContainer> {
    const why = this.#withoutInit.get(image) ?? '';
    const { purpose, sandboxId } = spec;
    const open = spec.network === 'public';
    if (open || NEED_INIT.includes(purpose)) {
      const what = open ? 'network "public"' : `a sandbox for ${purpose}`;
      throw failedPrecondition(
        'ENGINE_UNSUPPORTED',
        `The service's init can't run in containers of this image on this Docker, and ${what} needs it: use another image, or another docker_runtime.`,
        { cause: new Error(why) },
      );
    }
    this.#parts.log.warn('Init can not run in a sandbox; its commands are run by docker exec.', {
      sandboxId,
      image,
      why,
    });
    try {
      return await this.#begin(spec, image, fallback, signal);
    } catch (error) {
      if (!(error instanceof CannotRun)) throw error;
      throw failedPrecondition(
        'ENGINE_UNSUPPORTED',
        "Neither the service's init nor /bin/sh can run in containers of this image on this Docker: use another image, or another docker_runtime.",
        { cause: new Error(`${why}; ${error.why}`) },
      );
    }
  }

  async #begin(
    spec: SandboxSpec,
    image: string,
    link: Link,
    signal: AbortSignal | undefined,
  ): Promise<KnownContainer> {
    const { client, inits, keeper, layers, names, network, runtime } = this.#parts;
    // Also for an image of another: its programs run by an emulator, init and the kernel's filter need not.
    const { architecture } = client.daemon;
    const open = spec.network === 'public';
    if (open) await network.ensure();
    const linked = await link.prepare(spec.sandboxId);
    const settings = sandboxSettings(spec, {
      names,
      image,
      architecture,
      initFolder: await inits.find(architecture, spec.environment.user),
      overlay: overlayOptions({
        mountpoint: keeper.mountpoint,
        lowers: lowersOf(layers, spec.workspaceLayers),
        box: `b/${spec.sandboxId}`,
        kernel: client.daemon.kernel,
        userMarks: client.daemon.rootless,
      }),
      treeOf: (layerId) => `${keeper.mountpoint}/${layers.tree(layerId)}`,
      mode: link.mode,
      link: linked,
      runtime,
      ulimits: this.#ulimits,
      network: names.network,
      filterFlags: open ? await network.filterFlags() : [],
    });
    signal?.throwIfAborted();
    const container = await client.call(MAKING, (api) => api.createContainer(settings));
    const made = { containerId: container.id, mode: link.mode, socketFolder: linked.socketFolder };
    signal?.throwIfAborted();
    await client.call(MAKING, async () => {
      try {
        await container.start();
      } catch (error) {
        throw refused(link, error) ? new CannotRun(true, saidBy(error)) : error;
      }
    });
    signal?.throwIfAborted();
    await this.#answers(spec, made, signal);
    return made;
  }

  async #answers(
    { network, sandboxId }: SandboxSpec,
    container: KnownContainer,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const { links } = this.#parts;
    const deadline = Date.now() + LISTENS_MS;
    for (let pause = 1; ; pause = Math.min(pause * 2, 100)) {
      try {
        (await links.open(sandboxId, container)).destroy();
        return;
      } catch (error) {
        signal?.throwIfAborted();
        if (error instanceof CodesetError && error.reason === 'ENGINE_UNAVAILABLE') throw error;
        if (pause >= 64) await this.#checkRuns(container.containerId, network, error);
        // Of a socket of ours, its code would say something else of the daemon's.
        if (Date.now() > deadline)
          throw new CodesetError('internal', 'ENGINE_FAILED', MAKING, { cause: error });
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
    const why = `it ended at once: ${said}`;
    const byItself =
      found !== undefined && !found.State.OOMKilled && !ENDED_BY_OTHERS.includes(found.State.ExitCode);
    throw byItself
      ? new CannotRun(false, why)
      : new CodesetError('internal', 'ENGINE_FAILED', MAKING, { cause: new Error(why, { cause }) });
  }
}

/** The first program of a container can't run in it. */
class CannotRun extends CodesetError {
  /** It was not even executed; otherwise it ended at once, which may have other causes. */
  readonly isCertain: boolean;
  readonly why: string;

  constructor(isCertain: boolean, why: string) {
    super('internal', 'ENGINE_FAILED', MAKING, { cause: new Error(why) });
    this.isCertain = isCertain;
    this.why = why;
  }
}

/** Whether a container was not started because of its first program. A missing init is no such case: the store is at fault. */
function refused(link: Link, error: unknown): boolean {
  const said = saidBy(error);
  if (/exec format error/i.test(said)) return true;
  return link.mode === 'exec'
    ? said.includes('/bin/sh')
    : said.includes(`${CODESET_RUN}/init`) && /permission denied|operation not permitted/i.test(said);
}
