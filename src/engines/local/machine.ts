import { join } from 'node:path';
import type { EngineCapabilities } from '../../core/ports/engine.js';
import type { Cgroups } from './cgroups.js';
import type { HostRoot } from './host-root.js';
import { probePublicNetwork, type PublicNetwork } from './network.js';
import type { LocalEngineOptions } from './options.js';
import { type OverlayFeatures, probeOverlay } from './overlay.js';
import type { Paths } from './paths.js';
import { BareRoot, probeRuntimes, type Runtime, type RuntimeAttempt } from './runtime.js';

/** What was found out about this machine at the engine's start. */
export interface MachineReport {
  readonly runtime: Runtime;
  readonly attempts: readonly RuntimeAttempt[];
  readonly cgroups: {
    readonly mode: 'v1' | 'v2' | 'none';
    readonly memory: boolean;
    readonly processes: boolean;
    readonly cpu: boolean;
    readonly swap: boolean;
  };
  readonly overlay: OverlayFeatures;
  readonly publicNetwork: PublicNetwork;
  /** Programs people look for, as sandboxes will see them; undefined: not there. */
  readonly tools: Readonly<Record<string, string | undefined>>;
  readonly path: string;
}

const TOOLS = [
  'bash',
  'git',
  'python3',
  'node',
  'npm',
  'go',
  'cargo',
  'cc',
  'make',
  'java',
  'ruby',
  'php',
  'tar',
  'patch',
  'diff',
];

export async function probeMachine(given: {
  readonly options: LocalEngineOptions;
  readonly paths: Paths;
  readonly cgroups: Cgroups;
  readonly hostRoot: HostRoot;
  readonly hostIdBase: number;
}): Promise<{ machine: MachineReport; bare: BareRoot }> {
  const { cgroups, hostIdBase, hostRoot, options, paths } = given;
  const bare = new BareRoot(join(paths.run, 'bare'), hostIdBase);
  await bare.build();
  const [overlay, publicNetwork, probed] = await Promise.all([
    probeOverlay(paths.dataDir, hostIdBase),
    probePublicNetwork(options.initPath),
    probeRuntimes(
      options.runtimes ?? ['crun', 'runc'],
      bare,
      paths.state,
      (id) => cgroups.cgroupsPath(id),
      cgroups.countsSwap,
    ),
  ]);
  const tools = await Promise.all(TOOLS.map(async (tool) => [tool, await hostRoot.find(tool)] as const));
  return {
    bare,
    machine: {
      ...probed,
      cgroups: {
        mode: cgroups.mode,
        memory: cgroups.has('memory'),
        processes: cgroups.has('pids'),
        cpu: cgroups.has('cpu'),
        swap: cgroups.countsSwap || !cgroups.hostSwaps,
      },
      overlay,
      publicNetwork,
      tools: Object.fromEntries(tools),
      path: hostRoot.path,
    },
  };
}

export function describeMachine(machine: MachineReport): EngineCapabilities {
  const { cgroups, publicNetwork } = machine;
  const warnings = [...publicNetwork.notes];
  const lacking = (['memory', 'processes', 'cpu'] as const).filter((limit) => !cgroups[limit]);
  for (const limit of lacking) {
    warnings.push(
      `The limit on ${limit} is not enforced: this kernel gives no cgroup controller for it; enable it at boot.`,
    );
  }
  if (cgroups.memory && !cgroups.swap) {
    warnings.push(
      'Swap is not counted: a sandbox may use as much swap as the host has beside its memory; boot with swapaccount=1, or without swap.',
    );
  }
  warnings.push(
    'The limit on disk is sampled: a sandbox that wrote more than it may is stopped some seconds later, not held back.',
  );
  if (publicNetwork.missing !== undefined) warnings.push(publicNetwork.missing);
  const held = (limit: 'memory' | 'processes' | 'cpu'): 'enforced' | 'none' =>
    cgroups[limit] ? 'enforced' : 'none';
  return {
    engine: 'local',
    runtime: machine.runtime.version,
    userNamespace: true,
    seccomp: true,
    memory: held('memory'),
    processes: held('processes'),
    cpu: held('cpu'),
    disk: 'sampled',
    publicNetwork: publicNetwork.missing === undefined,
    warnings,
  };
}
