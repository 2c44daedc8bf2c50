import type { Duplex, Readable } from 'node:stream';
import { engineOfId } from './engine-ids.js';
import { EngineSlot, isUnavailable } from './engine-slot.js';
import type { Environment, Ground, NetworkMode } from './environment.js';
import { CodesetError, failedPrecondition } from './errors.js';
import type {
  CommitOptions,
  Engine,
  EngineCapabilities,
  LayerInfo,
  PartLayers,
  ResolveOptions,
  SandboxPart,
  SandboxSpec,
  SandboxStatus,
  SandboxUsage,
} from './ports/engine.js';

/** One engine of the service, or the place of one that it has not got. */
export interface Route {
  readonly name: string;
  /** What of an environment it makes sandboxes from. */
  readonly takes: 'host' | 'image';
  /** A sentence says why there is none, and what to do. */
  readonly engine: Engine | { readonly missing: string };
}

type OnFailure = (engine: string, error: unknown) => void;

/** Every engine as one: who goes where is told by an environment's ground and by the names in front of ids. */
export class EngineRouter implements Engine {
  readonly name = 'auto';
  readonly #routes: readonly Route[];
  /** Sandboxes that were made, or are being made, in this life of the service. */
  readonly #made = new Set<string>();

  /** @param routes the first that takes an environment gets it */
  constructor(routes: readonly Route[]) {
    this.#routes = routes;
  }

  /** The engines that it has, also those that are away. */
  get engines(): readonly Engine[] {
    return this.#routes.flatMap(({ engine }) => ('missing' in engine ? [] : [engine]));
  }

  /** Why an engine can't be reached just now; undefined for one that is there. */
  awayBecause(name: string): string | undefined {
    const engine = this.engines.find((one) => one.name === name);
    if (engine === undefined) return `The engine ${name} is no part of this service.`;
    return engine instanceof EngineSlot ? engine.away : undefined;
  }

  /** Whether one engine at least is there. */
  get works(): boolean {
    return this.engines.some(({ name }) => this.awayBecause(name) === undefined);
  }

  /** Calls `listener` whenever an engine went away or came back. */
  onChange(listener: (engine: string, isThere: boolean) => void): void {
    for (const engine of this.engines) {
      if (engine instanceof EngineSlot)
        engine.onChange(() => listener(engine.name, engine.away === undefined));
    }
  }

  /** Resolves when the engine is there, or when aborted. */
  whenThere(name: string, signal: AbortSignal): Promise<void> {
    const slot = this.engines.find((one) => one.name === name);
    if (!(slot instanceof EngineSlot)) return Promise.resolve();
    return new Promise((resolve) => {
      const look = (): void => {
        if (slot.away !== undefined && !signal.aborted) return;
        off();
        signal.removeEventListener('abort', look);
        resolve();
      };
      const off = slot.onChange(look);
      signal.addEventListener('abort', look);
      look();
    });
  }

  /** @throws ENGINE_UNSUPPORTED when the service has no such engine. */
  named(name: string): Engine {
    const engine = this.engines.find((one) => one.name === name);
    if (engine !== undefined) return engine;
    const place = this.#routes.find((route) => route.name === name);
    const why = place !== undefined && 'missing' in place.engine ? `: ${place.engine.missing}` : '.';
    throw failedPrecondition('ENGINE_UNSUPPORTED', `This needs the engine ${name}, which is not here${why}`);
  }

  #of(id: string): Engine {
    return this.named(engineOfId(id));
  }

  /** @throws the reasons of all that might have, when none can. */
  async #choose(environment: Environment): Promise<Engine> {
    if (environment.ground !== undefined) {
      const engine = this.named(environment.ground.engine);
      await engine.check(environment);
      return engine;
    }
    const asked = this.#routes.filter(({ takes }) => takesPart(environment, takes));
    const refusals: CodesetError[] = [];
    for (const { name, engine } of asked.length > 0 ? asked : this.#routes) {
      try {
        if ('missing' in engine) {
          throw failedPrecondition('ENGINE_UNSUPPORTED', `There is no ${name} engine: ${engine.missing}`);
        }
        await engine.check(environment);
        return engine;
      } catch (error) {
        if (!(error instanceof CodesetError)) throw error;
        refusals.push(error);
      }
    }
    throw together(refusals);
  }

  /** Those of the first engine that is there. */
  capabilities(): EngineCapabilities {
    const first = this.engines.find(({ name }) => this.awayBecause(name) === undefined) ?? this.engines[0];
    if (first === undefined) throw new Error('The service has no engine.');
    return first.capabilities();
  }

  /** What an engine gives, a sandbox of its where one is named; undefined when the service has not got it. */
  capabilitiesOf(name: string, sandboxId?: string): EngineCapabilities | undefined {
    return this.engines.find((engine) => engine.name === name)?.capabilities(sandboxId);
  }

  async check(environment: Environment): Promise<void> {
    await this.#choose(environment);
  }

  async resolve(environment: Environment, options: ResolveOptions, signal?: AbortSignal): Promise<Ground> {
    const engine = await this.#choose(environment);
    return { ...(await engine.resolve(environment, options, signal)), engine: engine.name };
  }

  #grounded(environment: Environment): Engine {
    if (environment.ground === undefined) throw new Error('This environment was not resolved.');
    return this.named(environment.ground.engine);
  }

  baseEnv(environment: Environment, network: NetworkMode): Readonly<Record<string, string>> {
    return this.#grounded(environment).baseEnv(environment, network);
  }

  async fingerprint(environment: Environment): Promise<string> {
    return this.#grounded(environment).fingerprint(environment);
  }

  async importLayer(layerId: string, tar: Readable): Promise<LayerInfo> {
    return this.#of(layerId).importLayer(layerId, tar);
  }

  async hasLayer(layerId: string): Promise<boolean> {
    return this.#of(layerId).hasLayer(layerId);
  }

  /** Of the engines that are there. @param onFailure is told of one that fails, which else fails the whole */
  async listLayers(onFailure?: OnFailure): Promise<readonly LayerInfo[]> {
    const lists = await this.#ofEach((engine) => engine.listLayers(), onFailure);
    return [...lists.values()].flatMap((layers) => layers ?? []);
  }

  async deleteLayer(layerId: string): Promise<void> {
    return this.#of(layerId).deleteLayer(layerId);
  }

  async create(spec: SandboxSpec, signal?: AbortSignal): Promise<void> {
    const { sandboxId } = spec;
    const engine = this.#of(sandboxId);
    this.#made.add(sandboxId);
    try {
      await engine.create(spec, signal);
    } catch (error) {
      this.#made.delete(sandboxId);
      throw error;
    }
  }

  async connect(sandboxId: string, received?: (chunk: Buffer) => void): Promise<Duplex> {
    return this.#of(sandboxId).connect(sandboxId, received);
  }

  async commit(
    sandboxId: string,
    layers: PartLayers,
    options?: CommitOptions,
  ): Promise<readonly LayerInfo[]> {
    return this.#of(sandboxId).commit(sandboxId, layers, options);
  }

  /** As many as each of them takes. */
  get maxLayers(): number {
    return Math.min(...this.engines.map((engine) => engine.maxLayers));
  }

  async flatten(
    part: SandboxPart,
    layers: readonly string[],
    layerId: string,
    options?: CommitOptions,
  ): Promise<LayerInfo> {
    return this.#of(layerId).flatten(part, layers, layerId, options);
  }

  async usage(sandboxId: string): Promise<SandboxUsage> {
    return this.#of(sandboxId).usage(sandboxId);
  }

  async destroy(sandboxId: string): Promise<void> {
    this.#made.delete(sandboxId);
    return this.#of(sandboxId).destroy(sandboxId);
  }

  /** Whether somebody in this life of the service asked for this sandbox and did not yet ask for its end. */
  isMade(sandboxId: string): boolean {
    return this.#made.has(sandboxId);
  }

  /** Of the engines that are there. */
  async list(): Promise<readonly SandboxStatus[]> {
    return [...(await this.survey()).values()].flatMap((found) => found ?? []);
  }

  /**
   * By engine, its sandboxes; undefined for one that is away: what it holds may be there still.
   * @param onFailure is told of one that fails, which then counts as away, and else fails the whole
   */
  survey(onFailure?: OnFailure): Promise<ReadonlyMap<string, readonly SandboxStatus[] | undefined>> {
    return this.#ofEach((engine) => engine.list(), onFailure);
  }

  async #ofEach<T>(
    ask: (engine: Engine) => Promise<T>,
    onFailure: OnFailure | undefined,
  ): Promise<Map<string, T | undefined>> {
    const answers = this.engines.map(async (engine) => {
      const answer = await ask(engine).catch((error: unknown) => {
        if (isUnavailable(error)) return undefined;
        if (onFailure === undefined) throw error;
        onFailure(engine.name, error);
        return undefined;
      });
      return [engine.name, answer] as const;
    });
    return new Map(await Promise.all(answers));
  }

  async close(): Promise<void> {
    await Promise.all(this.engines.map((engine) => engine.close()));
  }
}

function takesPart(environment: Environment, takes: Route['takes']): boolean {
  if (takes === 'host') return environment.host !== undefined;
  return environment.image !== undefined || environment.dockerfile !== undefined;
}

/** One error of several; one that may pass makes that the whole may. */
function together(refusals: readonly CodesetError[]): CodesetError {
  const [first, ...others] = refusals;
  if (first === undefined) return failedPrecondition('ENGINE_UNSUPPORTED', 'This service has no engine.');
  if (others.length === 0) return first;
  const main = refusals.find(isUnavailable) ?? first;
  const message = refusals.map((refusal) => refusal.message).join(' ');
  const { kind, reason, metadata, retryAfterMs } = main;
  return new CodesetError(kind, reason, message, {
    metadata,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });
}
