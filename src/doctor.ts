import { chmod, mkdir, mkdtemp, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { ServerConfig } from './config-settings.js';
import { CodesetError } from './core/errors.js';
import type { EngineCapabilities } from './core/ports/engine.js';
import { checkRuntime } from './engines/docker/check-runtime.js';
import { describeDaemon } from './engines/docker/describe-daemon.js';
import { DockerClient, type Daemon } from './engines/docker/docker-client.js';
import { LocalEngine } from './engines/local/local-engine.js';
import type { MachineReport } from './engines/local/machine.js';
import { initBinary } from './init-binary.js';
import { createLog } from './log.js';
import { dockerOptions } from './open-engines.js';

export type LocalDiagnosis =
  | { readonly works: true; readonly machine: MachineReport; readonly capabilities: EngineCapabilities }
  | { readonly works: false; readonly problem: string };

export type DockerDiagnosis = { readonly address: string } & (
  | { readonly works: true; readonly daemon: Daemon; readonly warnings: readonly string[] }
  | { readonly works: false; readonly problem: string }
);

/** The local engine's findings stand at the top, as they did when it was the only one. */
export type Diagnosis = LocalDiagnosis & {
  readonly docker: DockerDiagnosis;
  /** Where `--engine auto` sends samples, in sentences. */
  readonly auto: readonly string[];
};

/** What this machine can do; a running service is not touched. */
export async function diagnose(config: ServerConfig): Promise<Diagnosis> {
  const [local, docker] = await Promise.all([diagnoseLocal(config), diagnoseDocker(config)]);
  return { ...local, docker, auto: choices(local.works, docker.works) };
}

function choices(local: boolean, docker: boolean): readonly string[] {
  if (!local && !docker)
    return ['No engine works here, so `codeset serve` does not start: mend what is said of one of them.'];
  return [
    local
      ? 'A sample that names the host goes to the local engine, also where it names an image as well.'
      : 'A sample that names both the host and an image goes to Docker, since the local engine does not work here; one that names the host alone is refused.',
    docker
      ? 'A sample that names only an image or a Dockerfile goes to Docker.'
      : 'A sample that names only an image or a Dockerfile has to wait until what is said of Docker is mended; the service looks for it all the time.',
  ];
}

/** What the daemon tells of itself; nothing is made on it. */
async function diagnoseDocker(config: ServerConfig): Promise<DockerDiagnosis> {
  const address = config.dockerHost;
  try {
    const { tls, runtime } = await dockerOptions(config, createLog('error'));
    const client = await DockerClient.open(address, tls);
    checkRuntime(client, runtime);
    const { daemon } = client;
    return { address, works: true, daemon, warnings: [...dockerWarnings(daemon, runtime)] };
  } catch (error) {
    if (!(error instanceof CodesetError)) throw error;
    return { address, works: false, problem: error.message };
  }
}

/** Those of its sandboxes' capabilities, and what only who runs the daemon decides. */
function* dockerWarnings(daemon: Daemon, runtime: string | undefined): Iterable<string> {
  // What only an open engine knows (the link, the network of a container) is left out.
  yield* describeDaemon(daemon, { missing: undefined }, 'socket', runtime).warnings;
  if (!daemon.liveRestore)
    yield 'Sandboxes end when Docker is restarted; "live-restore": true in its daemon.json keeps them.';
}

/** Found out by an engine of its own in a folder beside the service's. */
async function diagnoseLocal(config: ServerConfig): Promise<LocalDiagnosis> {
  // On the same file system as what the service keeps, since that decides what an overlay can do.
  const madeData = await mkdir(config.dataDir, { recursive: true, mode: 0o700 });
  const dataDir = await mkdtemp(join(config.dataDir, 'doctor-'));
  const madeRun = await mkdir(config.runDir, { recursive: true, mode: 0o711 });
  const runDir = await mkdtemp(join(config.runDir, 'doctor-'));
  // The sandboxes' ids must get through.
  await chmod(runDir, 0o711);
  try {
    const engine = await LocalEngine.open({
      dataDir,
      runDir,
      initPath: initBinary(),
      log: createLog('error'),
      runtimes: config.runtimes,
      hostIdBase: config.hostIdBase,
      toolchainPaths: config.toolchainPaths,
      reserveBytes: 0,
    });
    const diagnosis = { works: true, machine: engine.machine, capabilities: engine.capabilities() } as const;
    await engine.close();
    return diagnosis;
  } catch (error) {
    if (error instanceof CodesetError) return { works: false, problem: error.message };
    throw error;
  } finally {
    await rm(dataDir, { recursive: true, force: true });
    await rm(runDir, { recursive: true, force: true });
    // Looking at a machine leaves nothing on it; a server that has just started there keeps its folders.
    if (madeData !== undefined) await rmdir(config.dataDir).catch(() => undefined);
    if (madeRun !== undefined) await rmdir(config.runDir).catch(() => undefined);
  }
}
