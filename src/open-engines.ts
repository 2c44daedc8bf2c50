import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ServerConfig } from './config-settings.js';
import { EngineRouter, type Route } from './core/engine-router.js';
import { EngineSlot } from './core/engine-slot.js';
import { CodesetError, failedPrecondition } from './core/errors.js';
import type { Engine } from './core/ports/engine.js';
import type { Log } from './core/ports/log.js';
import { removeBelongings } from './engines/docker/belongings.js';
import { DockerClient } from './engines/docker/docker-client.js';
import { DockerEngine } from './engines/docker/docker-engine.js';
import { Names } from './engines/docker/names.js';
import { knownOwner } from './engines/docker/owner.js';
import type { DockerEngineOptions } from './engines/docker/options.js';
import { LocalEngine } from './engines/local/local-engine.js';
import { removeFolder } from './engines/local/remove-folder.js';
import { initBinary, initBinaryFor } from './init-binary.js';

/** How each engine is opened. Fails with a CodesetError where the machine lacks what it takes. */
export interface EngineOpeners {
  readonly local: (config: ServerConfig, log: Log) => Promise<Engine>;
  /** Undefined: this version has none. */
  readonly docker: ((config: ServerConfig, log: Log) => Promise<Engine>) | undefined;
}

export const ENGINES: EngineOpeners = { local: openLocal, docker: openDocker };

/**
 * The engines that the configuration asks for, as one; with `auto` the local one first. Docker may come later, and
 * may go and come back.
 * @throws ENGINE_UNSUPPORTED when none of them works and none may come by itself.
 */
export async function openEngines(
  config: ServerConfig,
  log: Log,
  openers: EngineOpeners = ENGINES,
): Promise<EngineRouter> {
  const local = await localRoute(config, log, openers);
  const docker = await dockerRoute(config, log, openers).catch(async (error: unknown) => {
    if (!('missing' in local.engine)) await local.engine.close();
    throw error;
  });
  const router = new EngineRouter([local, docker]);
  if (router.works || config.engine === 'docker') return router;
  const why = [local, docker].map(({ name, engine }) =>
    'missing' in engine ? engine.missing : (router.awayBecause(name) ?? ''),
  );
  await router.close();
  throw failedPrecondition('ENGINE_UNSUPPORTED', `No engine works here. ${why.join(' ')}`);
}

async function localRoute(config: ServerConfig, log: Log, openers: EngineOpeners): Promise<Route> {
  const route = { name: 'local', takes: 'host' } as const;
  if (config.engine === 'docker') {
    return {
      ...route,
      engine: { missing: 'The service was started with --engine docker; auto takes both.' },
    };
  }
  try {
    return { ...route, engine: await openers.local(config, log) };
  } catch (error) {
    // Alone it has to work.
    if (config.engine === 'local' || !(error instanceof CodesetError)) throw error;
    return { ...route, engine: { missing: error.message } };
  }
}

async function dockerRoute(config: ServerConfig, log: Log, openers: EngineOpeners): Promise<Route> {
  const route = { name: 'docker', takes: 'image' } as const;
  if (config.engine === 'local') {
    return { ...route, engine: { missing: 'The service was started with --engine local; auto takes both.' } };
  }
  const { docker } = openers;
  if (docker === undefined) {
    const missing = 'The docker engine is not part of this version; start with --engine local (or auto).';
    if (config.engine === 'docker') throw failedPrecondition('ENGINE_UNSUPPORTED', missing);
    return { ...route, engine: { missing } };
  }
  return {
    ...route,
    engine: await EngineSlot.start({ name: 'docker', open: () => docker(config, log), log }),
  };
}

function openLocal(config: ServerConfig, log: Log): Promise<Engine> {
  return LocalEngine.open({
    dataDir: config.dataDir,
    initPath: initBinary(),
    log,
    runDir: config.runDir,
    reserveBytes: config.diskReserve,
    runtimes: config.runtimes,
    hostIdBase: config.hostIdBase,
    toolchainPaths: config.toolchainPaths,
    passThroughEnv: config.passEnv,
  });
}

async function openDocker(config: ServerConfig, log: Log): Promise<Engine> {
  return DockerEngine.open(await dockerOptions(config, log));
}

/** What the configuration says of Docker. @throws ENVIRONMENT_UNMET when its certificates can't be read */
export async function dockerOptions(config: ServerConfig, log: Log): Promise<DockerEngineOptions> {
  return {
    dataDir: config.dataDir,
    runDir: config.runDir,
    initPath: initBinaryFor,
    log,
    address: config.dockerHost,
    link: config.dockerLink,
    imagePolicy: { maxBytes: config.imageDisk, graceMs: config.imageGrace },
    reserveBytes: config.diskReserve,
    passThroughEnv: config.passEnv,
    ...(config.dockerCertPath === undefined ? {} : { tls: await certificates(config.dockerCertPath) }),
    ...(config.dockerRuntime === undefined ? {} : { runtime: config.dockerRuntime }),
    ...(config.dockerConfig === undefined ? {} : { configDir: config.dockerConfig }),
    ...(config.toolboxImage === undefined ? {} : { toolboxImage: config.toolboxImage }),
  };
}

/**
 * For a service that has stopped and will not come back, whose data folder still stands: removes what it keeps in
 * Docker between its lives. Its sandboxes must be closed.
 * @throws CodesetError when Docker went meanwhile; the sentence says what is left
 */
export async function removeFromDocker(config: ServerConfig, log: Log): Promise<void> {
  const { address, dataDir, runDir, tls } = await dockerOptions(config, log);
  const owner = await knownOwner(dataDir);
  if (owner === undefined) return;
  await removeBelongings(await DockerClient.open(address, tls), new Names(owner, runDir));
}

async function certificates(folder: string): Promise<NonNullable<DockerEngineOptions['tls']>> {
  const read = (name: string): Promise<string> =>
    readFile(join(folder, name), 'utf8').catch((cause: unknown) => {
      throw failedPrecondition(
        'ENGINE_UNSUPPORTED',
        `There is no ${name} in ${folder} that can be read; docker_cert_path names the folder of Docker's certificates.`,
        { cause },
      );
    });
  const [ca, cert, key] = await Promise.all(['ca.pem', 'cert.pem', 'key.pem'].map(read));
  return { ca: ca ?? '', cert: cert ?? '', key: key ?? '' };
}

/** Removes a server's folder with all in it; what belongs to its sandboxes' users takes more than a user's own `rm`. */
export function removeServerFolder(folder: string): Promise<void> {
  return removeFolder(folder, initBinary);
}
