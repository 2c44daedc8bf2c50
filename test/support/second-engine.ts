import { join } from 'node:path';
import type { ServerConfig } from '../../src/config-settings.js';
import { CodesetError } from '../../src/core/errors.js';
import type { Environment } from '../../src/core/environment.js';
import type { Engine } from '../../src/core/ports/engine.js';
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
  #away = false;

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

  #check(): void {
    if (!this.#away) return;
    throw new CodesetError('unavailable', 'ENGINE_UNAVAILABLE', 'The second engine is away: wait for it.');
  }

  #guarded(engine: Engine): Engine {
    return new Proxy(engine, {
      get: (target, key) => {
        const value: unknown = Reflect.get(target, key, target);
        if (typeof value !== 'function') return value;
        if (key === 'close' || key === 'capabilities' || key === 'baseEnv')
          return value.bind(target) as unknown;
        return async (...args: readonly unknown[]): Promise<unknown> => {
          this.#check();
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
