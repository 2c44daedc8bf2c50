import { chmod, mkdir, mkdtemp, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { ServerConfig } from './config-settings.js';
import { CodesetError } from './core/errors.js';
import type { EngineCapabilities } from './core/ports/engine.js';
import { LocalEngine } from './engines/local/local-engine.js';
import type { MachineReport } from './engines/local/machine.js';
import { initBinary } from './init-binary.js';
import { createLog } from './log.js';

export type Diagnosis =
  | { readonly works: true; readonly machine: MachineReport; readonly capabilities: EngineCapabilities }
  | { readonly works: false; readonly problem: string };

/**
 * What this machine can do, found out by an engine of its own in a folder beside the service's: a running
 * service is not touched.
 */
export async function diagnose(config: ServerConfig): Promise<Diagnosis> {
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
