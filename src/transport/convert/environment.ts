import type { Environment, NetworkMode, Resources } from '../../core/environment.js';
import { AGENT_USER, RESOURCE_RANGES, WORKSPACE } from '../../core/environment.js';
import * as pb from '../../../gen/codeset/v1/sample.js';
import { KIB, type Checker } from '../checker.js';
import { enumTable } from '../enum-table.js';

export const networkModes = enumTable(pb.NetworkMode, { none: 'NONE', public: 'PUBLIC' });

export function environmentToProto(environment: Environment): pb.Environment {
  return {
    host: environment.host === undefined ? undefined : { requires: [...environment.host.requires] },
    image: environment.image ?? '',
    dockerfile: environment.dockerfile ?? '',
    context: environment.context ?? '',
    setup: [...environment.setup],
    prepare: [...environment.prepare],
    setupNetwork: networkModes.toProto(environment.setupNetwork),
    network: networkModes.toProto(environment.network),
    env: { ...environment.env },
    workdir: environment.workdir,
    user: environment.user,
  };
}

export function resourcesToProto(resources: Resources): pb.Resources {
  return {
    cpus: resources.cpus,
    memoryBytes: BigInt(resources.memoryBytes),
    processes: resources.processes,
    diskBytes: BigInt(resources.diskBytes),
  };
}

/** The environment of a session that has no sample, with its defaults filled in. */
export function environmentFromProto(check: Checker, field: string, value: pb.Environment): Environment {
  if (value.host === undefined && value.image === '' && value.dockerfile === '') {
    check.fail(field, 'needs `host` or `image`');
  }
  if (value.dockerfile !== '') {
    check.fail(`${field}.dockerfile`, 'needs the folder of a sample; register one, or name an image');
  }
  if (value.prepare.length > 0) check.fail(`${field}.prepare`, 'needs a codebase; use `setup`');
  const network = networkFromProto(check, `${field}.network`, value.network) ?? 'none';
  const workdir = check.text(`${field}.workdir`, value.workdir, {
    max: 4096,
    pattern: /^\//,
    expected: 'an absolute path',
  });
  check.text(`${field}.image`, value.image, { max: 512 });
  check.text(`${field}.user`, value.user, { max: 256 });
  return {
    ...(value.host === undefined
      ? {}
      : {
          host: {
            requires: check.list(`${field}.host.requires`, value.host.requires, { maxItems: 64, max: 128 }),
          },
        }),
    ...(value.image === '' ? {} : { image: value.image }),
    setup: check.list(`${field}.setup`, value.setup, { maxItems: 64, max: 64 * KIB }),
    prepare: [],
    setupNetwork: networkFromProto(check, `${field}.setup_network`, value.setupNetwork) ?? network,
    network,
    env: check.env(`${field}.env`, value.env),
    workdir: workdir === '' ? WORKSPACE : workdir,
    user: value.user === '' ? AGENT_USER : value.user,
  };
}

export function networkFromProto(
  check: Checker,
  field: string,
  value: pb.NetworkMode,
): NetworkMode | undefined {
  if (value === pb.NetworkMode.UNSPECIFIED) return undefined;
  const mode = networkModes.fromProto(value);
  if (mode === undefined) check.fail(field, 'is not a network mode that this service knows');
  return mode;
}

/** Only what was asked for; zero fields are left to the sample or the default. */
const FIELDS = {
  cpus: 'cpus',
  memoryBytes: 'memory_bytes',
  processes: 'processes',
  diskBytes: 'disk_bytes',
} as const;

export function resourcesFromProto(
  check: Checker,
  field: string,
  value: pb.Resources | undefined,
): Partial<Resources> {
  if (value === undefined) return {};
  const asked = {
    cpus: value.cpus,
    memoryBytes: Number(value.memoryBytes),
    processes: value.processes,
    diskBytes: Number(value.diskBytes),
  };
  const result: { -readonly [Name in keyof Resources]?: number } = {};
  for (const name of ['cpus', 'memoryBytes', 'processes', 'diskBytes'] as const) {
    if (asked[name] === 0) continue;
    const { min, max } = RESOURCE_RANGES[name];
    const within = asked[name] >= min && asked[name] <= max;
    if (!within)
      check.fail(`${field}.${FIELDS[name]}`, `must be from ${min} to ${max}, or 0 for the default`);
    result[name] = asked[name];
  }
  return result;
}
