import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Copier } from '../shared/copier.js';
import { takeRunFolder } from '../shared/run-folder.js';
import { Cgroups } from './cgroups.js';
import { HostRoot } from './host-root.js';
import { findIds, type Ids } from './ids.js';
import { Layers } from './layers.js';
import { probeMachine, type MachineReport } from './machine.js';
import { DEFAULT_HOST_ID_BASE, type LocalEngineOptions } from './options.js';
import { Paths } from './paths.js';
import type { ProcessGroups } from './process-groups.js';
import { ProcessTrees } from './process-trees.js';
import { runProgram } from './run-program.js';
import { SandboxMaker } from './sandbox-maker.js';
import { unpackInside } from './unpack.js';

/** What the local engine works with, each fitted to what this machine gives. */
export interface Parts {
  readonly options: LocalEngineOptions;
  readonly paths: Paths;
  readonly ids: Ids;
  readonly groups: ProcessGroups;
  readonly hostRoot: HostRoot;
  readonly machine: MachineReport;
  readonly layers: Layers;
  readonly maker: SandboxMaker;
  readonly fingerprint: string;
}

/** Makes the engine's folders, probes the machine and puts the parts together. @throws ENGINE_UNSUPPORTED */
export async function openParts(options: LocalEngineOptions): Promise<Parts> {
  await mkdir(options.dataDir, { recursive: true });
  const ids = await findIds(options.initPath, options.hostIdBase ?? DEFAULT_HOST_ID_BASE);
  const paths = new Paths(options.dataDir, options.runDir ?? '/run/codeset');
  await takeRunFolder(options.runDir ?? '/run/codeset');
  await mkdir(join(paths.run, 'boxes'), { recursive: true, mode: 0o711 });
  await mkdir(paths.state, { recursive: true, mode: 0o700 });
  await mkdir(paths.sandboxes, { recursive: true, mode: 0o700 });
  const groups = ids.root ? new Cgroups(`/codeset/${paths.owner}`) : new ProcessTrees(paths);
  const hostRoot = new HostRoot(ids, options.toolchainPaths ?? []);
  const { machine, bare } = await probeMachine({ options, paths, groups, hostRoot, ids });
  const fingerprint = await hostRoot.fingerprint();
  const skeleton = `host-root/${fingerprint}`;
  await mkdir(join(paths.dataDir, skeleton, 'empty'), { recursive: true });
  await hostRoot.build(join(paths.dataDir, skeleton, 'tree'));
  const layers = new Layers({
    paths,
    ids,
    unpack: (target, tar) =>
      unpackInside(target, tar, { paths, groups, ids, bare, runtime: machine.runtime }),
    copier: new Copier(options.initPath, (argv, how) => runProgram(ids.command(argv), how)),
  });
  await layers.open();
  const maker = new SandboxMaker({
    paths,
    hostRoot,
    skeleton,
    layers,
    groups,
    runtime: machine.runtime,
    overlay: machine.overlay,
    ids,
    initPath: options.initPath,
    passThroughEnv: options.passThroughEnv ?? {},
  });
  await maker.prepareInit();
  return { options, paths, ids, groups, hostRoot, machine, layers, maker, fingerprint };
}
