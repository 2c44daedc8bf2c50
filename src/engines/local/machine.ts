import type { EngineCapabilities } from '../../core/ports/engine.js';
import type { HostRoot } from './host-root.js';
import type { Ids } from './ids.js';
import { probePublicNetwork, type PublicNetwork } from './network.js';
import type { LocalEngineOptions } from './options.js';
import { type OverlayFeatures, probeOverlay } from './overlay.js';
import type { Paths } from './paths.js';
import type { ProcessGroups } from './process-groups.js';
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
  readonly users: {
    /** Whether the service is root. */
    readonly root: boolean;
    /** Whether sandboxes have users that the kernel tells apart. */
    readonly separate: boolean;
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
  readonly groups: ProcessGroups;
  readonly hostRoot: HostRoot;
  readonly ids: Ids;
}): Promise<{ machine: MachineReport; bare: BareRoot }> {
  const { groups, hostRoot, ids, options, paths } = given;
  const bare = new BareRoot(paths.bare, ids);
  await bare.build();
  const probes = [
    probeOverlay(paths.dataDir, ids),
    probePublicNetwork(options.initPath),
    probeRuntimes(options.runtimes ?? ['crun', 'runc'], bare, paths.state, { groups, ids }),
  ] as const;
  // One that fails waits for the others: whoever is told removes the folders that they work in.
  await Promise.allSettled(probes);
  const [overlay, publicNetwork, probed] = await Promise.all(probes);
  const tools = await Promise.all(TOOLS.map(async (tool) => [tool, await hostRoot.find(tool)] as const));
  return {
    bare,
    machine: {
      ...probed,
      cgroups: {
        mode: groups.mode,
        memory: groups.has('memory'),
        processes: groups.has('pids'),
        cpu: groups.has('cpu'),
        swap: groups.countsSwap || !groups.hostSwaps,
      },
      users: { root: ids.root, separate: ids.separate },
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
      machine.users.root
        ? `The limit on ${limit} is not enforced: this kernel gives no cgroup controller for it; enable it at boot.`
        : `The limit on ${limit} is not enforced: that takes cgroups, which an ordinary user has no say over; start the service as root.`,
    );
  }
  warnings.push(...ordinaryUsersLimits(machine));
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
    separateUsers: machine.users.separate,
    renamesFolders: machine.overlay.renamesFolders,
    seccomp: true,
    memory: held('memory'),
    processes: held('processes'),
    cpu: held('cpu'),
    disk: 'sampled',
    publicNetwork: publicNetwork.missing === undefined,
    rootFiles: 'exact',
    warnings,
  };
}

/** What is less than under root, beside limits. */
function ordinaryUsersLimits({ overlay, users }: MachineReport): readonly string[] {
  const warnings: string[] = [];
  if (!users.separate) {
    warnings.push(
      'Sandboxes have one user id: root and agent are the same but for capabilities, changes of owner do nothing, and a verification script and the code under test are kept apart by mounts and capabilities alone; give this user 65,536 subordinate ids (apt-get install uidmap; usermod --add-subuids 100000-165535 --add-subgids 100000-165535 USER) or start the service as root.',
    );
  }
  if (!overlay.renamesFolders) {
    warnings.push(
      "A folder that comes with the sample or with set-up can't be renamed in one step (rename says EXDEV): tools that know, such as mv, copy it, others fail; start the service as root.",
    );
  }
  return warnings;
}
