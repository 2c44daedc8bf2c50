import type Docker from 'dockerode';
import { AGENT_USER, type Environment, type Ground, type GroundImage } from '../../../core/environment.js';
import { failedPrecondition } from '../../../core/errors.js';
import { SharedWork } from '../../../core/keyed.js';
import type { ResolveOptions } from '../../../core/ports/engine.js';
import type { Log } from '../../../core/ports/log.js';
import type { DockerClient } from '../docker-client.js';
import type { Images } from '../parts.js';
import { readBuildContext } from './build-context.js';
import { type BuildNetwork, Builder } from './builder.js';
import { type Collected, Collector, type CollectPolicy, type OwnImage } from './collector.js';
import { Credentials } from './credentials.js';
import { fetchedByTrigger, readDockerfile } from './dockerfile.js';
import { userOf, GroundImages } from './ground-image.js';
import { Leftovers } from './leftovers.js';
import { OwnPulls } from './own-pulls.js';
import type { PasswdEntry } from './passwd.js';
import { type Pause, Puller } from './puller.js';
import {
  familiarName,
  familiarRepository,
  type ImageReference,
  isImageId,
  parseReference,
} from './reference.js';
import { bringToolbox } from './toolbox.js';

export interface DockerImagesOptions {
  readonly client: DockerClient;
  /** Whose images: part of their tags and labels. Small letters, digits and dashes. */
  readonly owner: string;
  readonly log: Log;
  /** Docker's own configuration folder (`~/.docker`), for credentials. Undefined: pulls are anonymous. */
  readonly dockerConfigDir?: string;
  /** Of the data folder: where pulls are on record while they go on. Undefined: nowhere. */
  readonly pullsFolder?: string;
  /** In place of an image of this machine's own tools. */
  readonly toolboxImage?: string;
  /** For builds with network `public`. */
  readonly passThroughEnv?: Readonly<Record<string, string>>;
  /** Undefined: no build gets a network. */
  readonly openBuildNetwork?: (signal: AbortSignal) => Promise<BuildNetwork>;
  readonly policy?: CollectPolicy;
  /** Pulls at a time. Default 3. */
  readonly parallelPulls?: number;
  /** Bytes that a sample's files may have for its Dockerfile to be built. Default 256 MiB. */
  readonly maxContextBytes?: number;
  /** For tests: how a pull waits for its next try. */
  readonly pause?: Pause;
}

const DAY_MS = 24 * 60 * 60_000;
/** An image that was just asked for may not be on record yet. */
const SETTLE_MS = 30 * 60_000;
const MAX_BYTES = 50 * 1024 ** 3;

/** Where the Docker engine's images come from: pulled, built, made, kept, and removed again. */
export class DockerImages implements Images {
  readonly #client: DockerClient;
  readonly #options: DockerImagesOptions;
  readonly #pulls: OwnPulls;
  readonly #builder: Builder;
  readonly #grounds: GroundImages;
  readonly #leftovers: Leftovers;
  readonly #collector: Collector;
  readonly #making = new SharedWork<string>();
  readonly #users = new Map<string, readonly PasswdEntry[]>();
  /** When an image was last asked for, in this process. */
  readonly #used = new Map<string, number>();
  #toolbox: Promise<string> | undefined;

  constructor(options: DockerImagesOptions) {
    const { client, log, owner } = options;
    this.#client = client;
    this.#options = options;
    const parallel = options.parallelPulls === undefined ? {} : { parallel: options.parallelPulls };
    const pause = options.pause === undefined ? {} : { pause: options.pause };
    const credentials = new Credentials(options.dockerConfigDir, log);
    const puller = new Puller(client, credentials, log, { ...parallel, ...pause });
    this.#pulls = new OwnPulls({ client, owner, puller, log, folder: options.pullsFolder });
    this.#leftovers = new Leftovers(client, owner, log);
    this.#builder = new Builder(client, owner, this.#leftovers, {
      ...(options.passThroughEnv === undefined ? {} : { passThroughEnv: options.passThroughEnv }),
      ...(options.openBuildNetwork === undefined ? {} : { openNetwork: options.openBuildNetwork }),
    });
    this.#grounds = new GroundImages(client, owner);
    this.#collector = new Collector(client, owner);
  }

  async sweep(): Promise<void> {
    await this.#pulls.sweep();
    await this.#leftovers.sweep();
  }

  async resolve(environment: Environment, options: ResolveOptions, signal?: AbortSignal): Promise<Ground> {
    const { dockerfile, image } = environment;
    if (image === undefined && dockerfile === undefined) return { engine: 'docker' };
    const earlier = environment.ground?.image;
    const again = earlier === undefined ? undefined : await this.#again(earlier, options, signal);
    const found =
      again ??
      (dockerfile === undefined
        ? await this.#named(image ?? '', options, signal)
        : await this.#built(dockerfile, environment, options, signal));
    this.#used.set(found.id, Date.now());
    // What was resolved before ids were asked for stays as it was: its layers are the agent's.
    const user = again === undefined ? await this.#userOf(environment, found) : earlier?.user;
    await this.groundImage(found);
    signal?.throwIfAborted();
    return { engine: 'docker', image: user === undefined ? found : { ...found, user } };
  }

  async groundImage(ground: GroundImage): Promise<string> {
    this.#used.set(ground.id, Date.now());
    const there = await this.#grounds.find(ground.id);
    if (there !== undefined) return there;
    return this.#making.run(ground.id, async () => {
      const made = await this.#grounds.find(ground.id);
      if (made !== undefined) return made;
      const again = await this.#again(ground, { progress: () => undefined });
      if (again === undefined) {
        throw failedPrecondition(
          'ENVIRONMENT_UNMET',
          `The image ${ground.name} is gone from Docker and can't be pulled again: bring it back, or register the sample anew.`,
        );
      }
      return this.#leftovers.during(() => this.#grounds.make(ground.id));
    });
  }

  toolbox(): Promise<string> {
    this.#toolbox ??= this.#makeToolbox().catch((error: unknown) => {
      this.#toolbox = undefined;
      throw error;
    });
    return this.#toolbox.then(async (id) => {
      if ((await this.#inspect(id)) !== undefined) return id;
      // Somebody removed it meanwhile.
      this.#toolbox = undefined;
      return this.toolbox();
    });
  }

  async has({ id }: GroundImage): Promise<boolean> {
    return (await this.#inspect(id)) !== undefined;
  }

  /** Of the images that are there because of us. */
  async usage(): Promise<{ readonly bytes: number; readonly maxBytes: number }> {
    return {
      bytes: total(await this.#collector.own()),
      maxBytes: this.#options.policy?.maxBytes ?? MAX_BYTES,
    };
  }

  async collect(inUse: ReadonlySet<string>): Promise<void> {
    const { removed } = await this.removeUnused(inUse);
    if (removed.length > 0) this.#options.log.info('images that nothing refers to were removed', { removed });
  }

  /**
   * Removes images that are there because of us and that nothing refers to: the longest unused first, above the
   * policy's bytes or after its grace. An image that somebody else named as well stays, and so does one that a
   * container needs.
   * @param inUse ids of images (GroundImage.id) that something on record refers to
   */
  async removeUnused(inUse: ReadonlySet<string>): Promise<Collected> {
    const { graceMs = DAY_MS, maxBytes = MAX_BYTES } = this.#options.policy ?? {};
    await this.#leftovers.sweep();
    const toolbox = await this.#toolbox?.catch(() => undefined);
    const own = await this.#collector.own();
    const lastUse = (image: OwnImage): number =>
      Math.max(image.time, this.#used.get(image.id) ?? 0, this.#used.get(image.source) ?? 0);
    const unused = own
      .filter(({ id, source }) => !inUse.has(id) && !inUse.has(source) && id !== toolbox)
      // Of two of the same age, the one that stands on the other.
      .toSorted((a, b) => lastUse(a) - lastUse(b) || Number(a.source === a.id) - Number(b.source === b.id));
    let bytes = total(own);
    const removed: string[] = [];
    for (const image of unused) {
      const age = Date.now() - lastUse(image);
      if (age < Math.min(graceMs, SETTLE_MS) || (age < graceMs && bytes <= maxBytes)) continue;
      if (!(await this.#collector.remove(image))) continue;
      bytes -= image.shared ? 0 : image.bytes;
      removed.push(image.names[0] ?? image.id);
      this.#used.delete(image.id);
      this.#users.delete(image.id);
    }
    return { removed, bytes };
  }

  async close(): Promise<void> {
    await this.#leftovers.sweep();
    await this.#leftovers.close();
  }

  /** @returns undefined where it is gone and no registry has it */
  async #again(
    earlier: GroundImage,
    options: ResolveOptions,
    signal?: AbortSignal,
  ): Promise<GroundImage | undefined> {
    if ((await this.#inspect(earlier.id)) !== undefined) return earlier;
    const reference = pulledReference(earlier.name);
    if (reference === undefined) return undefined;
    // By its digest alone: the tag may mean another image by now.
    const pulled = await this.#pulls.pull({ ...reference, tag: undefined }, options.progress, signal);
    return pulled.Id === earlier.id ? earlier : { ...earlier, id: pulled.Id };
  }

  async #named(name: string, options: ResolveOptions, signal?: AbortSignal): Promise<GroundImage> {
    const reference = isImageId(name) ? undefined : parseReference(name);
    const there = await this.#inspect(reference === undefined ? name : familiarName(reference));
    if (there !== undefined) {
      options.progress(`The image ${name} is there.`);
      return describe(there, reference, name);
    }
    if (reference === undefined) {
      throw failedPrecondition(
        'ENVIRONMENT_UNMET',
        `Docker has no image ${name}, and by its id none can be pulled: name it NAME:TAG or NAME@sha256:DIGEST.`,
      );
    }
    return describe(await this.#pulls.pull(reference, options.progress, signal), reference, name);
  }

  async #built(
    path: string,
    environment: Environment,
    options: ResolveOptions,
    signal?: AbortSignal,
  ): Promise<GroundImage> {
    const files = await options.files?.();
    if (files === undefined) {
      throw failedPrecondition(
        'ENVIRONMENT_UNMET',
        `There are no files to build the Dockerfile ${path} of: name an image, or register the sample anew.`,
      );
    }
    const max = this.#options.maxContextBytes ?? 256 * 1024 ** 2;
    const context = await readBuildContext(files, path, max, environment.context);
    const { bases, fetched } = readDockerfile(context.dockerfile);
    refuseFetching(path, fetched);
    for (const { image } of bases) {
      if (image === undefined) {
        throw failedPrecondition(
          'ENVIRONMENT_UNMET',
          `The Dockerfile ${path} stands on an image whose name is known only at the build: name it in FROM, or give its ARG a default.`,
        );
      }
      const base = await this.#named(image, options, signal);
      const triggers = (await this.#inspect(base.id))?.Config?.OnBuild as
        readonly string[] | null | undefined;
      refuseFetching(`${path}, by ONBUILD of ${image},`, (triggers ?? []).flatMap(fetchedByTrigger));
    }
    const order = { context, path, network: environment.setupNetwork };
    const id = await this.#builder.build(order, options.progress, signal);
    const inspected = await this.#inspect(id);
    if (inspected === undefined)
      throw failedPrecondition('ENVIRONMENT_UNMET', `The image of ${path} is gone.`);
    return { ...describe(inspected, undefined, path), name: `Dockerfile ${path} (sha256:${context.digest})` };
  }

  /** Undefined for those that every sandbox has. */
  async #userOf({ user }: Environment, { id, name }: GroundImage): Promise<GroundImage['user']> {
    if (user === AGENT_USER || user === 'root') return undefined;
    return userOf(user, await this.#usersOf(id), name);
  }

  async #usersOf(id: string): Promise<readonly PasswdEntry[]> {
    const known = this.#users.get(id);
    if (known !== undefined) return known;
    const users = await this.#leftovers.during(() => this.#grounds.users(id));
    this.#users.set(id, users);
    return users;
  }

  async #makeToolbox(): Promise<string> {
    const { client, owner, toolboxImage } = this.#options;
    if (toolboxImage === undefined) return this.#leftovers.during(() => bringToolbox(client, owner));
    const image = await this.#named(toolboxImage, { progress: () => undefined });
    return this.groundImage(image);
  }

  #inspect(name: string): Promise<Docker.ImageInspectInfo | undefined> {
    return this.#client.find('Docker could not say whether an image is there.', (api) =>
      api.getImage(name).inspect(),
    );
  }
}

/** The daemon fetches such by itself, with all that its host can reach, whatever the network of the build. */
function refuseFetching(whose: string, fetched: readonly string[]): void {
  const [source] = fetched;
  if (source === undefined) return;
  throw failedPrecondition(
    'ENVIRONMENT_UNMET',
    `The Dockerfile ${whose} has ADD ${source.slice(0, 200)}, which is or may be a URL: put the file into the sample's folder, or fetch it by RUN curl with setup_network: public.`,
  );
}

function describe(
  image: Docker.ImageInspectInfo,
  reference: ImageReference | undefined,
  name: string,
): GroundImage {
  const repository = reference === undefined ? undefined : familiarRepository(reference);
  const digest = (image.RepoDigests ?? []).find((text) => text.startsWith(`${repository}@`));
  const env = (image.Config?.Env ?? []).map((variable): [string, string] => {
    const equals = variable.indexOf('=');
    return equals < 0 ? [variable, ''] : [variable.slice(0, equals), variable.slice(equals + 1)];
  });
  const pinned =
    digest === undefined || reference === undefined || reference.digest !== undefined
      ? name
      : `${familiarName(reference)}${digest.slice(digest.indexOf('@'))}`;
  const workdir = image.Config?.WorkingDir ?? '';
  return {
    id: image.Id,
    name: pinned,
    env: Object.fromEntries(env),
    ...(workdir === '' ? {} : { workdir }),
    architecture: image.Architecture,
  };
}

/** The reference in a GroundImage's name, where it has a digest to pull by. */
function pulledReference(name: string): ImageReference | undefined {
  try {
    const reference = parseReference(name);
    return reference.digest === undefined ? undefined : reference;
  } catch {
    return undefined;
  }
}

function total(images: readonly OwnImage[]): number {
  return images.reduce((sum, { bytes, shared }) => sum + (shared ? 0 : bytes), 0);
}
