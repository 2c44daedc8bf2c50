import type { EngineCapabilities } from '../../core/ports/engine.js';
import * as pb from '../../../gen/codeset/v1/session.js';
import { enumTable } from '../enum-table.js';

const enforcements = enumTable(pb.LimitEnforcement, {
  enforced: 'ENFORCED',
  sampled: 'SAMPLED',
  none: 'NONE',
});

const rootFiles = enumTable(pb.RootFiles, { exact: 'EXACT', image: 'IMAGE' });

export function capabilitiesToProto(capabilities: EngineCapabilities): pb.EngineCapabilities {
  return {
    engine: capabilities.engine,
    runtime: capabilities.runtime,
    link: capabilities.link ?? '',
    userNamespace: capabilities.userNamespace,
    seccomp: capabilities.seccomp,
    memory: enforcements.toProto(capabilities.memory),
    processes: enforcements.toProto(capabilities.processes),
    cpu: enforcements.toProto(capabilities.cpu),
    disk: enforcements.toProto(capabilities.disk),
    publicNetwork: capabilities.publicNetwork,
    warnings: [...capabilities.warnings],
    separateUsers: capabilities.separateUsers,
    renamesFolders: capabilities.renamesFolders,
    rootFiles: rootFiles.toProto(capabilities.rootFiles),
  };
}
