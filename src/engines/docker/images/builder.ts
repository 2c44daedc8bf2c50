import type { Readable } from 'node:stream';
import type { NetworkMode } from '../../../core/environment.js';
import { CodesetError, failedPrecondition } from '../../../core/errors.js';
import { SharedWork, Slots } from '../../../core/keyed.js';
import type { ResolveOptions } from '../../../core/ports/engine.js';
import type { DockerClient } from '../docker-client.js';
import { saidBy, statusOf } from '../docker-errors.js';
import type { BuildContext } from './build-context.js';
import { readDockerfile } from './dockerfile.js';
import { daemonEvents, failureIn } from './json-lines.js';
import type { Leftovers } from './leftovers.js';
import { ownLabels, ownRepository, ownTag } from './names.js';

type Progress = ResolveOptions['progress'];

/** The network of a build that may reach the world, and only that. */
export interface BuildNetwork extends AsyncDisposable {
  /** As Docker writes it: `container:ID`. */
  readonly mode: string;
}

export interface BuilderOptions {
  /** Builds at a time. Default 2. */
  readonly parallel?: number;
  /** Variables of builds with network `public`: proxies, package indexes. */
  readonly passThroughEnv?: Readonly<Record<string, string>>;
  /** Undefined: no build gets a network. */
  readonly openNetwork?: (signal: AbortSignal) => Promise<BuildNetwork>;
  /** Bytes of memory that a step may use. Default 4 GiB. */
  readonly memoryBytes?: number;
}

export interface BuildOrder {
  readonly context: BuildContext;
  /** As the sample names it. */
  readonly path: string;
  readonly network: NetworkMode;
}

const LOG_LINES = 40;
/** A build that takes longer is given up: it holds one of few places. */
const LONGEST_MINUTES = 30;
const MAX_LINE = 4096;

/**
 * Has the daemon build Dockerfiles with its classic builder, whose steps are containers and images like others: no
 * build daemon beside it, and what a failed or cancelled build left is found by its label and removed.
 */
export class Builder {
  readonly #client: DockerClient;
  readonly #owner: string;
  readonly #leftovers: Leftovers;
  readonly #options: BuilderOptions;
  readonly #slots: Slots;
  readonly #work = new SharedWork<string>();
  readonly #listeners = new Map<string, Set<Progress>>();

  constructor(client: DockerClient, owner: string, leftovers: Leftovers, options: BuilderOptions = {}) {
    this.#client = client;
    this.#owner = owner;
    this.#leftovers = leftovers;
    this.#options = options;
    this.#slots = new Slots(options.parallel ?? 2);
  }

  /** The tag of what such a build makes. */
  tagOf({ context, network }: BuildOrder): string {
    return ownTag('build', `${network} ${context.digest}`);
  }

  /**
   * Builds, unless the same was built before.
   * @returns the image's id
   * @throws ENVIRONMENT_UNMET with the end of the log
   */
  async build(order: BuildOrder, progress: Progress, signal?: AbortSignal): Promise<string> {
    const tag = this.tagOf(order);
    const listeners = this.#listeners.get(tag) ?? new Set();
    this.#listeners.set(tag, listeners);
    const mine: Progress = (message, bytes) => progress(message, bytes);
    listeners.add(mine);
    const tellAll: Progress = (message, bytes) => {
      for (const listener of listeners) listener(message, bytes);
    };
    try {
      return await this.#work.run(
        tag,
        async (given) => {
          const there = await this.#find(tag);
          if (there !== undefined) return there;
          return this.#slots.run(() => this.#buildInTime(order, tag, tellAll, given), given);
        },
        signal,
      );
    } finally {
      listeners.delete(mine);
      if (listeners.size === 0 && this.#listeners.get(tag) === listeners) this.#listeners.delete(tag);
    }
  }

  async #buildInTime(order: BuildOrder, tag: string, tell: Progress, signal: AbortSignal): Promise<string> {
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(), LONGEST_MINUTES * 60_000);
    try {
      return await this.#buildCleanly(order, tag, tell, AbortSignal.any([signal, late.signal]));
    } catch (error) {
      if (!late.signal.aborted || signal.aborted) throw error;
      throw failedPrecondition(
        'ENVIRONMENT_UNMET',
        `The build of ${order.path} was given up after ${LONGEST_MINUTES} minutes: make it shorter, or name an image that is built already.`,
        { cause: error },
      );
    } finally {
      clearTimeout(timer);
    }
  }

  async #buildCleanly(order: BuildOrder, tag: string, tell: Progress, signal: AbortSignal): Promise<string> {
    try {
      return await this.#leftovers.during(() => this.#build(order, tag, tell, signal));
    } catch (error) {
      await this.#leftovers.sweep();
      throw error;
    }
  }

  async #build(order: BuildOrder, tag: string, tell: Progress, signal: AbortSignal): Promise<string> {
    const { context, path } = order;
    signal.throwIfAborted();
    await using network = await this.#network(order.network, signal);
    const dockerfile = readDockerfile(context.dockerfile);
    const log = new BuildLog(tell);
    const name = `${ownRepository(this.#owner)}:${tag}`;
    let failure: string | undefined;
    try {
      const answer = (await this.#client.api.buildImage(
        context.tar(dockerfile.labelled(ownLabels(this.#owner))),
        {
          t: name,
          dockerfile: context.dockerfilePath,
          version: '1',
          rm: true,
          forcerm: true,
          networkmode: network.mode,
          memory: this.#options.memoryBytes ?? 4 * 1024 ** 3,
          memswap: this.#options.memoryBytes ?? 4 * 1024 ** 3,
          ...(order.network === 'public' ? { buildargs: { ...this.#options.passThroughEnv } } : {}),
          abortSignal: signal,
        },
      )) as unknown as Readable;
      for await (const event of daemonEvents(answer)) {
        failure ??= failureIn(event);
        if (event.stream !== undefined) log.add(event.stream);
      }
    } catch (error) {
      signal.throwIfAborted();
      if (statusOf(error) === undefined || (statusOf(error) ?? 0) >= 500)
        throw this.#client.failed(error, `Docker could not build ${path}.`);
      failure = saidBy(error);
    }
    log.end();
    signal.throwIfAborted();
    if (failure !== undefined) throw broken(path, failure, dockerfile.newer, log);
    const built = await this.#find(tag);
    if (built === undefined)
      throw new CodesetError('internal', 'ENGINE_FAILED', `Docker built ${path} and has no image of it.`);
    tell(`Built ${path}.`);
    return built;
  }

  async #find(tag: string): Promise<string | undefined> {
    const name = `${ownRepository(this.#owner)}:${tag}`;
    const found = await this.#client.find('Docker could not say whether an image is there.', (api) =>
      api.getImage(name).inspect(),
    );
    return found?.Id;
  }

  async #network(mode: NetworkMode, signal: AbortSignal): Promise<BuildNetwork> {
    if (mode === 'none') return { mode: 'none', [Symbol.asyncDispose]: async () => undefined };
    if (this.#options.openNetwork === undefined) {
      throw failedPrecondition(
        'ENGINE_UNSUPPORTED',
        'A Dockerfile can\'t be built with network "public" here: set setup_network to none, or use an image that is built already.',
      );
    }
    return this.#options.openNetwork(signal);
  }
}

/** @param newer what the Dockerfile has that this builder does not know */
function broken(path: string, failure: string, newer: readonly string[], log: BuildLog): CodesetError {
  const memory = /returned a non-zero code: 137/.test(failure) ? ' (137 may mean: out of memory)' : '';
  const hint =
    newer.length === 0
      ? ''
      : ` It has ${newer.join(', ')}, for BuildKit, and is built by Docker's classic builder, which may not know that: write it without, or build an image of it yourself and name that in the sample.`;
  return failedPrecondition(
    'ENVIRONMENT_UNMET',
    `The Dockerfile ${path} could not be built: ${failure.trim().slice(0, 1000)}${memory}.${hint} The end of its log:\n${log.tail}`,
  );
}

/** Cuts a build's output into lines as it comes and remembers the last. */
class BuildLog {
  readonly #tell: Progress;
  readonly #last: string[] = [];
  #partial = '';

  constructor(tell: Progress) {
    this.#tell = tell;
  }

  get tail(): string {
    return this.#last.join('\n');
  }

  add(text: string): void {
    const lines = (this.#partial + text).split(/\r?\n/);
    this.#partial = (lines.pop() ?? '').slice(-MAX_LINE);
    for (const line of lines) this.#take(line);
  }

  end(): void {
    this.#take(this.#partial);
    this.#partial = '';
  }

  #take(line: string): void {
    const short = line.slice(0, MAX_LINE);
    // What the builder says of its own steps' images tells people nothing.
    if (short.trim() === '' || /^ ---> |^Removing intermediate container /.test(short)) return;
    this.#last.push(short);
    if (this.#last.length > LOG_LINES) this.#last.shift();
    this.#tell(short);
  }
}
