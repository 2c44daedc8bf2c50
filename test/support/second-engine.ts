import { join } from 'node:path';
import type { ServerConfig } from '../../src/config-settings.js';
import { CodesetError, EngineAway } from '../../src/core/errors.js';
import type { Environment } from '../../src/core/environment.js';
import type { Engine, EngineImages } from '../../src/core/ports/engine.js';
import type { Log } from '../../src/core/ports/log.js';
import { LocalEngine } from '../../src/engines/local/local-engine.js';
import { initBinary } from '../../src/init-binary.js';
import { ENGINES, type EngineOpeners } from '../../src/open-engines.js';

/**
 * A second engine that makes real sandboxes, and can be away whenever a test says so, as a daemon that was stopped:
 * a local engine in folders of its own, which takes images for the host's toolchain.
 */
export class SecondEngine {
  /** For App.start: stands in Docker's place. */
  readonly openers: EngineOpeners;
  /** Ids of images that were in use when it was last told. */
  inUse: ReadonlySet<string> | undefined;
  /** What its images take, as it says, of 1000 bytes. */
  imageBytes = 10;
  #away = false;
  #mute = false;

  constructor() {
    this.openers = {
      ...ENGINES,
      docker: async (config, log) => {
        this.#check();
        return this.#guarded(await openSecond(config, log));
      },
    };
  }

  /** From now on nobody reaches it; what runs in its sandboxes goes on. */
  leave(): void {
    this.#away = true;
  }

  comeBack(): void {
    this.#away = false;
  }

  /** From now on it is there, and the inits of its sandboxes are not reached. */
  silence(mute: boolean): void {
    this.#mute = mute;
  }

  readonly #images: EngineImages = {
    has: async () => (this.#check(), false),
    usage: async () => (this.#check(), { bytes: this.imageBytes, maxBytes: 1000 }),
    collect: async (inUse) => {
      this.#check();
      this.inUse = inUse;
    },
  };

  readonly #resolve: Engine['resolve'] = async ({ image = '' }, { progress }) => {
    this.#check();
    progress(`Pulling ${image}.`, { done: 5, total: 10 });
    return {
      engine: 'second',
      image: {
        id: `id of ${image}`,
        name: `${image}@sha256:0`,
        env: { OF_IMAGE: 'yes' },
        architecture: 'amd64',
      },
    };
  };

  #check(): void {
    if (!this.#away) return;
    throw new EngineAway('The second engine is away: wait for it.');
  }

  #guarded(engine: Engine): Engine {
    return new Proxy(engine, {
      get: (target, key) => {
        if (key === 'images') return this.#images;
        if (key === 'resolve') return this.#resolve;
        const value: unknown = Reflect.get(target, key, target);
        if (typeof value !== 'function') return value;
        if (key === 'close' || key === 'capabilities' || key === 'baseEnv')
          return value.bind(target) as unknown;
        return async (...args: readonly unknown[]): Promise<unknown> => {
          this.#check();
          if (this.#mute && key === 'connect') {
            throw new CodesetError('unavailable', 'ENGINE_FAILED', "The sandbox's init does not answer.");
          }
          const changed = args.map((arg) => onHost(arg));
          return (await Reflect.apply(value, target, changed)) as unknown;
        };
      },
    });
  }
}

/** An environment, alone or in a spec, that a local engine can make. */
function onHost(argument: unknown): unknown {
  if (typeof argument !== 'object' || argument === null) return argument;
  if ('environment' in argument) {
    return { ...argument, environment: onHost(argument.environment) };
  }
  if (!('setupNetwork' in argument)) return argument;
  const { image: _, ...environment } = argument as Environment;
  return { ...environment, host: environment.host ?? { requires: [] } };
}

function openSecond(config: ServerConfig, log: Log): Promise<Engine> {
  return LocalEngine.open({
    dataDir: join(config.dataDir, 'second'),
    runDir: join(config.runDir, '2'),
    initPath: initBinary(),
    log,
    reserveBytes: 0,
    hostIdBase: config.hostIdBase + 65_536,
  });
}
