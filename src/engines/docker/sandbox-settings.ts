import type { ContainerCreateOptions, MountSettings } from 'dockerode';
import { WORKSPACE } from '../../core/environment.js';
import type { SandboxSpec } from '../../core/ports/engine.js';
import { capabilitiesFor } from '../shared/capabilities.js';
import { MASKED_PATHS, READ_ONLY_PATHS } from '../shared/kernel-paths.js';
import { seccompProfile } from '../shared/seccomp.js';
import { linkLabels } from './container-link.js';
import { LABEL, type Names } from './names.js';
import { OWN_INIT } from './own-init.js';
import type { Link, LinkSettings } from './parts.js';
import type { Ulimit } from './ulimits.js';

/** Where sandboxes see init. */
export const CODESET_RUN = '/run/codeset';
const MIB = 1024 ** 2;
const CPU_PERIOD_US = 100_000;

export interface SandboxPlace {
  readonly names: Names;
  readonly image: string;
  /** As Docker calls it. */
  readonly architecture: string;
  /** Where the daemon finds the folder that is seen as /run/codeset. */
  readonly initFolder: string;
  /** Mount options of the workspace's overlay. */
  readonly overlay: string;
  /** Where the daemon finds a layer's tree. */
  readonly treeOf: (layerId: string) => string;
  readonly mode: Link['mode'];
  readonly link: LinkSettings;
  readonly runtime: string | undefined;
  readonly ulimits: readonly Ulimit[];
  /** For network `public`. */
  readonly network: string;
  /** What init's `network` is told, for network `public`. */
  readonly filterFlags: readonly string[];
}

/** What the daemon is asked for. */
export function sandboxSettings(spec: SandboxSpec, place: SandboxPlace): ContainerCreateOptions {
  const { link, names } = place;
  const { memoryBytes, processes, cpus } = spec.resources;
  // Counted with the sandbox's memory, so half of that is as much as /tmp can usefully hold.
  const tmpBytes = Math.max(16 * MIB, Math.floor(memoryBytes / 2));
  const open = spec.network === 'public';
  const init = `${CODESET_RUN}/init`;
  const command = link.command ?? [init, ...link.initArguments];
  return {
    name: names.container(spec.sandboxId),
    Image: place.image,
    // All of it, so that nothing of the image's own command is added.
    Entrypoint: open ? [init, 'network', ...place.filterFlags, '--', ...command] : [...command],
    Cmd: [],
    Env: [...link.env],
    User: '0:0',
    WorkingDir: '/',
    Hostname: spec.hostname,
    Healthcheck: { Test: ['NONE'] },
    OpenStdin: link.openStdin,
    StdinOnce: false,
    AttachStdin: false,
    AttachStdout: false,
    AttachStderr: false,
    Tty: false,
    Labels: {
      [LABEL.owner]: names.owner,
      [LABEL.sandbox]: spec.sandboxId,
      [LABEL.purpose]: spec.purpose,
      [LABEL.disk]: String(spec.resources.diskBytes),
      ...linkLabels(place.mode, link),
    },
    HostConfig: {
      ...(place.runtime === undefined ? {} : { Runtime: place.runtime }),
      NetworkMode: open ? place.network : 'none',
      IpcMode: 'private',
      ...OWN_INIT,
      CapDrop: ['ALL'],
      // Init's filter needs it, and gives it up before it starts anything.
      CapAdd: [...capabilitiesFor(spec.network), ...(open ? ['CAP_NET_ADMIN'] : [])],
      SecurityOpt: [
        'no-new-privileges',
        `seccomp=${JSON.stringify(seccompProfile(place.architecture === 'arm64' ? 'arm64' : 'x64'))}`,
      ],
      MaskedPaths: [...MASKED_PATHS, '/sys/firmware', '/sys/devices/virtual/powercap'],
      ReadonlyPaths: [...READ_ONLY_PATHS],
      Memory: memoryBytes,
      MemorySwap: memoryBytes,
      PidsLimit: processes,
      CpuPeriod: CPU_PERIOD_US,
      CpuQuota: Math.max(1000, Math.round(cpus * CPU_PERIOD_US)),
      ShmSize: Math.min(tmpBytes, 64 * MIB),
      OomScoreAdj: 500,
      Ulimits: [...place.ulimits],
      Tmpfs: {
        '/tmp': `rw,exec,nosuid,nodev,mode=1777,size=${tmpBytes}`,
        '/run': `rw,exec,nosuid,nodev,mode=755,size=${Math.min(tmpBytes, 64 * MIB)}`,
        ...link.tmpfs,
      },
      LogConfig: { Type: 'none', Config: {} },
      RestartPolicy: { Name: 'no' },
      Mounts: [
        workspaceVolume(spec, place),
        readOnly(place.initFolder, CODESET_RUN),
        ...spec.mounts.map((mount) => readOnly(place.treeOf(mount.layer), mount.path)),
        ...link.mounts,
      ],
    },
  };
}

/** The daemon itself mounts the overlay: it may be far away, and the service need not be root. */
function workspaceVolume(spec: SandboxSpec, { names, overlay }: SandboxPlace): MountSettings {
  return {
    Type: 'volume',
    Source: names.workspace(spec.sandboxId),
    Target: WORKSPACE,
    VolumeOptions: {
      NoCopy: true,
      Labels: { [LABEL.owner]: names.owner, [LABEL.sandbox]: spec.sandboxId },
      DriverConfig: { Name: 'local', Options: { type: 'overlay', device: 'overlay', o: overlay } },
    },
  };
}

function readOnly(source: string, target: string): MountSettings {
  return {
    Type: 'bind',
    Source: source,
    Target: target,
    ReadOnly: true,
  };
}
