import { readFileSync } from 'node:fs';
import { MASKED_PATHS, READ_ONLY_PATHS } from '../shared/kernel-paths.js';
import { seccompProfile } from '../shared/seccomp.js';
import type { Ids } from './ids.js';
import { forOneId } from './one-id.js';

/** A bind of the host's `source` at `destination`. */
export interface Bind {
  readonly source: string;
  readonly destination: string;
  readonly writable?: boolean;
}

export interface BundleInput {
  readonly rootfs: string;
  readonly args: readonly string[];
  readonly hostname: string;
  readonly binds: readonly Bind[];
  readonly capabilities: readonly string[];
  readonly ids: Ids;
  /** Undefined: no cgroups, and of its limits only what a resource limit can hold. */
  readonly cgroupsPath: string | undefined;
  readonly limits: {
    readonly memoryBytes: number;
    readonly processes: number;
    readonly cpus: number;
    /** Whether the kernel counts swap for cgroups. */
    readonly swap: boolean;
  };
  /** Tools that only read and write streams need no terminals, /tmp and /run. */
  readonly bare?: boolean;
  /** Its root runs a script that judges others' code; see init/apart.c. */
  readonly judging?: boolean;
}

const CPU_PERIOD_US = 100_000;

/** Limits can't be raised inside a user namespace, so what this process has is the most that can be given. */
function limit(type: string, label: string, wanted: number): { type: string; soft: number; hard: number } {
  const line = readFileSync('/proc/self/limits', 'utf8')
    .split('\n')
    .find((candidate) => candidate.startsWith(label));
  const hard = line?.slice(label.length).trim().split(/\s+/)[1];
  const value = hard === undefined || hard === 'unlimited' ? wanted : Math.min(wanted, Number(hard));
  return { type, soft: value, hard: value };
}

/** The OCI runtime's config.json. */
export function ociConfig(input: BundleInput): object {
  const { cgroupsPath, ids } = input;
  const idMap = ids.ranges.map(({ inside, outside, count }) => ({
    containerID: inside,
    hostID: outside,
    size: count,
  }));
  const seccomp = seccompProfile(process.arch);
  // Whoever is not root has entered the user namespace before the runtime starts.
  const namespaces = [...(ids.root ? ['user'] : []), 'pid', 'mount', 'network', 'ipc', 'uts', 'cgroup'];
  const capabilities = [...input.capabilities];
  // Counted with the sandbox's memory, so half of that is as much as /tmp can usefully hold.
  const tmpBytes = Math.max(16 * 1024 ** 2, Math.floor(input.limits.memoryBytes / 2));
  return {
    ociVersion: '1.0.2',
    process: {
      terminal: false,
      user: { uid: 0, gid: 0 },
      args: input.args,
      env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'HOME=/root'],
      cwd: '/',
      capabilities: { bounding: capabilities, effective: capabilities, permitted: capabilities },
      noNewPrivileges: true,
      oomScoreAdj: 500,
      rlimits: [
        limit('RLIMIT_NOFILE', 'Max open files', 65_536),
        limit('RLIMIT_CORE', 'Max core file size', 0),
        limit('RLIMIT_MEMLOCK', 'Max locked memory', 8 * 1024 ** 2),
        limit('RLIMIT_MSGQUEUE', 'Max msgqueue size', 819_200),
        ...(cgroupsPath === undefined
          ? [limit('RLIMIT_NPROC', 'Max processes', input.limits.processes)]
          : []),
      ],
    },
    root: { path: input.rootfs, readonly: input.bare === true },
    hostname: input.hostname,
    mounts: [
      { destination: '/proc', type: 'proc', source: 'proc', options: ['nosuid', 'noexec', 'nodev'] },
      {
        destination: '/dev',
        type: 'tmpfs',
        source: 'tmpfs',
        options: ['nosuid', 'noexec', 'strictatime', 'mode=755', 'size=65536k'],
      },
      {
        destination: '/dev/pts',
        type: 'devpts',
        source: 'devpts',
        options: [
          'nosuid',
          'noexec',
          'newinstance',
          'ptmxmode=0666',
          'mode=0620',
          ...(ids.separate ? ['gid=5'] : []),
        ],
      },
      {
        destination: '/dev/shm',
        type: 'tmpfs',
        source: 'shm',
        options: ['nosuid', 'noexec', 'nodev', 'mode=1777', `size=${Math.min(tmpBytes, 64 * 1024 ** 2)}`],
      },
      {
        destination: '/dev/mqueue',
        type: 'mqueue',
        source: 'mqueue',
        options: ['nosuid', 'noexec', 'nodev'],
      },
      ...(input.bare === true
        ? []
        : [
            {
              destination: '/tmp',
              type: 'tmpfs',
              source: 'tmpfs',
              options: ['nosuid', 'nodev', 'mode=1777', `size=${tmpBytes}`],
            },
            {
              destination: '/run',
              type: 'tmpfs',
              source: 'tmpfs',
              options: ['nosuid', 'nodev', 'mode=755', `size=${Math.min(tmpBytes, 64 * 1024 ** 2)}`],
            },
          ]),
      ...input.binds.map((bind) => ({
        destination: bind.destination,
        type: 'bind',
        source: bind.source,
        options: [
          ...(bind.writable === true ? ['bind', 'rw'] : ['rbind', 'ro']),
          'nosuid',
          'nodev',
          'rprivate',
        ],
      })),
    ],
    linux: {
      ...(ids.root ? { uidMappings: idMap, gidMappings: idMap } : {}),
      namespaces: namespaces.map((type) => ({ type })),
      ...(cgroupsPath === undefined ? {} : { cgroupsPath, resources: resources(input.limits) }),
      seccomp: ids.separate ? seccomp : forOneId(seccomp, input.judging === true),
      maskedPaths: MASKED_PATHS,
      readonlyPaths: READ_ONLY_PATHS,
    },
  };
}

function resources(limits: BundleInput['limits']): object {
  return {
    devices: [{ allow: false, access: 'rwm' }],
    memory: { limit: limits.memoryBytes, ...(limits.swap ? { swap: limits.memoryBytes } : {}) },
    pids: { limit: limits.processes },
    cpu: { quota: Math.max(1000, Math.round(limits.cpus * CPU_PERIOD_US)), period: CPU_PERIOD_US },
  };
}

/** Who owns a new workspace and may write to it: the environment's user, which for a host is one of two. */
export function ownerInside(user: string, agentUid: number): number {
  return user === 'root' || user === '0' ? 0 : agentUid;
}
