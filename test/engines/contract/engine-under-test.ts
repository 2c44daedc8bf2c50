import type { Environment } from '../../../src/core/environment.js';
import type { Engine, SandboxSpec } from '../../../src/core/ports/engine.js';
import { HOST_ENVIRONMENT, sandboxSpec } from './sandbox.js';

export interface EngineContext {
  /** Opens the engine under test over the same storage each time. */
  open(): Promise<Engine>;
  tearDown(): Promise<void>;
  /** What its sandboxes stand on; the host's toolchain where nothing else is said. */
  environment?(engine: Engine): Promise<Environment>;
  /** Where the engine's daemon keeps what it has. */
  readonly daemonRoot?: string;
  /** One that it can't make for want of the thing that is named. */
  readonly unmet?: { readonly environment: Environment; readonly names: string };
}

/** The engine that the contract's tests are about, from its opening to its end. */
export class EngineUnderTest {
  #open: { context: EngineContext; engine: Engine; environment: Environment } | undefined;

  get engine(): Engine {
    return this.#opened.engine;
  }

  get context(): EngineContext {
    return this.#opened.context;
  }

  get environment(): Environment {
    return this.#opened.environment;
  }

  get #opened(): { context: EngineContext; engine: Engine; environment: Environment } {
    if (this.#open === undefined) throw new Error('The engine under test is not open.');
    return this.#open;
  }

  /** A sandbox that the engine can make, unless it is changed. */
  readonly sandboxSpec = (sandboxId: string, changes: Partial<SandboxSpec> = {}): SandboxSpec =>
    sandboxSpec(sandboxId, { environment: this.environment, ...changes });

  async open(context: EngineContext): Promise<void> {
    const engine = await context.open();
    this.#open = { context, engine, environment: HOST_ENVIRONMENT };
    this.#open.environment = (await context.environment?.(engine)) ?? HOST_ENVIRONMENT;
  }

  /** Ends this life of the engine and begins another over the same storage. */
  async reopen(): Promise<Engine> {
    const { context, engine } = this.#opened;
    await engine.close();
    return (this.#opened.engine = await context.open());
  }

  /** Every sandbox and layer goes. */
  async clear(): Promise<void> {
    const { engine } = this;
    for (const { sandboxId } of await engine.list()) await engine.destroy(sandboxId);
    for (const { layerId } of await engine.listLayers()) await engine.deleteLayer(layerId);
  }

  async close(): Promise<void> {
    const { context, engine } = this.#opened;
    await engine.close();
    await context.tearDown();
  }
}
