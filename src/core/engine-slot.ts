import type { Duplex, Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import type { Environment, Ground, NetworkMode } from './environment.js';
import { CodesetError, EngineAway } from './errors.js';
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
} from './ports/engine.js';
import type { Log } from './ports/log.js';

const LOOK_MS = 5000;
/** Who says nothing for so long when asked is away, and is not waited for at a stop. */
const PATIENCE_MS = 90_000;
const RETRY_AFTER_MS = 5000;
/** As few as any engine takes; asked only before the engine was there. */
const FEWEST_LAYERS = 16;

export interface EngineSlotOptions {
  /** What its ids and grounds are called by. */
  readonly name: string;
  /** Fails with a CodesetError while the engine is away. */
  readonly open: () => Promise<Engine>;
  readonly log: Log;
  /**
   * Asks an open engine whether it is there, which must not be answered from memory; fails with EngineAway when it is
   * not. Default: `list`.
   */
  readonly probe?: (engine: Engine) => Promise<unknown>;
  /** Resolves when it is time for another look, or when aborted. Default: 5 seconds. */
  readonly wait?: (signal: AbortSignal) => Promise<void>;
  /** How long it may take to open, to answer and to close, in milliseconds. Default: 90 seconds. */
  readonly patienceMs?: number;
}

/**
 * An engine that may be away: at the start, and again at any time. While it is, its calls fail with ENGINE_UNAVAILABLE,
 * and it is looked for from time to time.
 */
export class EngineSlot implements Engine {
  readonly name: string;
  readonly #options: EngineSlotOptions;
  readonly #stop = new AbortController();
  readonly #listeners = new Set<() => void>();
  #engine: Engine | undefined;
  /** An attempt to open it, which may take longer than anybody waits for it. */
  #opening: Promise<void> | undefined;
  /** Patience with that attempt has ended. */
  #overdue = false;
  /** Why it is away; undefined while it is there. */
  #away: string | undefined;
  /** A call that only the engine itself can answer has succeeded since the last look. */
  #answered = false;
  #watching: Promise<void> = Promise.resolve();

  private constructor(options: EngineSlotOptions) {
    this.name = options.name;
    this.#options = options;
  }

  /** Looks for the engine once, and goes on looking. Its owner closes it. Only a defect throws. */
  static async start(options: EngineSlotOptions): Promise<EngineSlot> {
    const slot = new EngineSlot(options);
    await slot.#look();
    slot.#watching = slot.#watch();
    return slot;
  }

  /** Why the engine is away, in a sentence; undefined while it is there. */
  get away(): string | undefined {
    return this.#away;
  }

  /** Calls `listener` whenever the engine went away or came back. @returns takes it off. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** One attempt at a time. Only a defect throws. */
  #open(): Promise<void> {
    this.#opening ??= this.#tryOpening().finally(() => {
      this.#opening = undefined;
      this.#overdue = false;
    });
    return this.#opening;
  }

  async #tryOpening(): Promise<void> {
    try {
      const engine = await this.#options.open();
      if (this.#stop.signal.aborted) return await this.#closeInTime(engine);
      this.#engine = engine;
      this.#answered = true;
      this.#note(undefined);
    } catch (error) {
      if (!(error instanceof CodesetError)) throw error;
      this.#note(error.message);
    }
  }

  async #watch(): Promise<void> {
    const { signal } = this.#stop;
    const wait = this.#options.wait ?? ((until) => delay(LOOK_MS, undefined, { signal: until, ref: false }));
    for (;;) {
      await wait(signal).catch(() => undefined);
      if (signal.aborted) return;
      await this.#look().catch((error: unknown) => this.#tell(error));
    }
  }

  #tell(error: unknown): void {
    this.#options.log.error('an engine could not be looked at', { engine: this.name, error });
  }

  async #look(): Promise<void> {
    // Who has just answered need not be asked.
    if (this.#engine !== undefined && this.#away === undefined && this.#answered) {
      this.#answered = false;
      return;
    }
    const { signal } = this.#stop;
    const answer = this.#engine === undefined ? this.#open() : this.#ask();
    if ((await this.#inTime(answer, signal)) || signal.aborted) return;
    this.#overdue = this.#opening !== undefined;
    this.#note(`The engine ${this.name} does not answer: look after it, or wait until it does.`);
  }

  async #ask(): Promise<void> {
    const probe = this.#options.probe ?? ((engine: Engine) => engine.list());
    await this.#heard(probe).catch((error: unknown) => {
      if (!isUnavailable(error)) throw error;
    });
  }

  /**
   * Waits for `work`, but not longer than patience lasts, nor than it is wanted. What takes longer goes on by itself.
   * @returns whether it has ended
   */
  async #inTime(work: Promise<unknown>, wanted?: AbortSignal): Promise<boolean> {
    let giveUp = (): void => undefined;
    const late = new Promise<false>((resolve) => (giveUp = () => resolve(false)));
    const timer = setTimeout(giveUp, this.#options.patienceMs ?? PATIENCE_MS);
    wanted?.addEventListener('abort', giveUp, { once: true });
    try {
      return await Promise.race([work.then(() => true), late]);
    } finally {
      clearTimeout(timer);
      wanted?.removeEventListener('abort', giveUp);
    }
  }

  #note(away: string | undefined): void {
    if (this.#stop.signal.aborted) return;
    const before = this.#away;
    this.#away = away;
    if ((before === undefined) === (away === undefined)) return;
    const { log } = this.#options;
    if (away === undefined) log.info('an engine is back', { engine: this.name });
    else log.warn('an engine is away; it is looked for', { engine: this.name, why: away });
    for (const listener of [...this.#listeners]) listener();
  }

  #there(): Engine {
    if (this.#engine !== undefined) return this.#engine;
    throw this.#unavailable(this.#away ?? 'It was never there.');
  }

  #unavailable(why: string, cause?: unknown): CodesetError {
    return new CodesetError('unavailable', 'ENGINE_UNAVAILABLE', why, {
      metadata: { engine: this.name },
      retryAfterMs: RETRY_AFTER_MS,
      cause,
    });
  }

  /** A success says nothing of whether the engine is there: much of it is known without asking. */
  async #call<T>(work: (engine: Engine) => Promise<T>): Promise<T> {
    try {
      return await work(this.#there());
    } catch (error) {
      if (error instanceof EngineAway) this.#note(error.message);
      if (!isUnavailable(error)) throw error;
      throw error.metadata['engine'] === this.name ? error : this.#unavailable(error.message, error);
    }
  }

  /** For work that has no success without the engine: it is there then. */
  async #heard<T>(work: (engine: Engine) => Promise<T>): Promise<T> {
    const result = await this.#call(work);
    this.#answered = true;
    if (this.#away !== undefined) this.#note(undefined);
    return result;
  }

  capabilities(sandboxId?: string): EngineCapabilities {
    const warnings = this.#away === undefined ? [] : [this.#away];
    if (this.#engine === undefined) {
      return {
        engine: this.name,
        runtime: '',
        userNamespace: false,
        separateUsers: false,
        renamesFolders: false,
        seccomp: false,
        memory: 'none',
        processes: 'none',
        cpu: 'none',
        disk: 'none',
        publicNetwork: false,
        rootFiles: 'image',
        warnings,
      };
    }
    const known = this.#engine.capabilities(sandboxId);
    return { ...known, engine: this.name, warnings: [...warnings, ...known.warnings] };
  }

  get maxLayers(): number {
    return this.#engine?.maxLayers ?? FEWEST_LAYERS;
  }

  get images(): EngineImages | undefined {
    if (this.#engine?.images === undefined) return undefined;
    return {
      has: (image) => this.#call((engine) => imagesOf(engine).has(image)),
      usage: () => this.#call((engine) => imagesOf(engine).usage()),
      collect: (inUse) => this.#call((engine) => imagesOf(engine).collect(inUse)),
    };
  }

  baseEnv(environment: Environment, network: NetworkMode): Readonly<Record<string, string>> {
    return this.#there().baseEnv(environment, network);
  }

  check(environment: Environment): Promise<void> {
    // What it would say it could not keep.
    if (this.#away !== undefined) return Promise.reject(this.#unavailable(this.#away));
    return this.#call((engine) => engine.check(environment));
  }

  resolve(environment: Environment, options: ResolveOptions, signal?: AbortSignal): Promise<Ground> {
    return this.#call(async (engine) => ({
      ...(await engine.resolve(environment, options, signal)),
      engine: this.name,
    }));
  }

  fingerprint(environment: Environment): Promise<string> {
    return this.#call((engine) => engine.fingerprint(environment));
  }

  async importLayer(layerId: string, tar: Readable): Promise<LayerInfo> {
    try {
      return await this.#call((engine) => engine.importLayer(layerId, tar));
    } finally {
      tar.destroy();
    }
  }

  hasLayer(layerId: string): Promise<boolean> {
    return this.#call((engine) => engine.hasLayer(layerId));
  }

  listLayers(): Promise<readonly LayerInfo[]> {
    return this.#call((engine) => engine.listLayers());
  }

  deleteLayer(layerId: string): Promise<void> {
    return this.#call((engine) => engine.deleteLayer(layerId));
  }

  create(spec: SandboxSpec, signal?: AbortSignal): Promise<void> {
    return this.#heard((engine) => engine.create(spec, signal));
  }

  connect(sandboxId: string, received?: (chunk: Buffer) => void): Promise<Duplex> {
    return this.#call((engine) => engine.connect(sandboxId, received));
  }

  commit(sandboxId: string, layers: PartLayers, options?: CommitOptions): Promise<readonly LayerInfo[]> {
    return this.#call((engine) => engine.commit(sandboxId, layers, options));
  }

  flatten(
    part: SandboxPart,
    layers: readonly string[],
    layerId: string,
    options?: CommitOptions,
  ): Promise<LayerInfo> {
    return this.#call((engine) => engine.flatten(part, layers, layerId, options));
  }

  usage(sandboxId: string): Promise<SandboxUsage> {
    return this.#call((engine) => engine.usage(sandboxId));
  }

  destroy(sandboxId: string): Promise<void> {
    return this.#call((engine) => engine.destroy(sandboxId));
  }

  list(): Promise<readonly SandboxStatus[]> {
    return this.#heard((engine) => engine.list());
  }

  /** Lets go of the engine; of one that does not answer when patience ends. */
  async close(): Promise<void> {
    this.#stop.abort();
    await this.#watching;
    // One that only takes its time leaves nothing behind.
    if (this.#opening !== undefined && !this.#overdue)
      await this.#inTime(this.#opening).catch((error: unknown) => this.#tell(error));
    if (this.#engine !== undefined) await this.#closeInTime(this.#engine);
  }

  async #closeInTime(engine: Engine): Promise<void> {
    if (await this.#inTime(engine.close())) return;
    this.#options.log.warn('an engine did not close in time; its next start finds what is left', {
      engine: this.name,
    });
  }
}

/** Whether the engine, or a part of it, is away, so that the same may be tried when it is back. */
export function isUnavailable(error: unknown): error is CodesetError {
  return error instanceof CodesetError && error.reason === 'ENGINE_UNAVAILABLE';
}

function imagesOf({ images }: Engine): EngineImages {
  if (images === undefined) throw new Error('This engine has no images any more.');
  return images;
}
