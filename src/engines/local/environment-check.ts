import type { Environment } from '../../core/environment.js';
import { failedPrecondition } from '../../core/errors.js';
import type { HostRoot } from './host-root.js';
import type { MachineReport } from './machine.js';

/** Throws ENGINE_UNSUPPORTED or ENVIRONMENT_UNMET with what is missing. */
export async function checkEnvironment(
  environment: Environment,
  hostRoot: HostRoot,
  machine: Pick<MachineReport, 'publicNetwork'>,
): Promise<void> {
  if (environment.host === undefined) {
    const what = environment.image === undefined ? 'a Dockerfile' : `the image ${environment.image}`;
    throw failedPrecondition(
      'ENGINE_UNSUPPORTED',
      `This environment names only ${what}, and the local engine makes sandboxes from the host's toolchain: add "host: {requires: […]}" or use an engine with images.`,
    );
  }
  if (environment.user !== 'agent' && environment.user !== 'root') {
    throw failedPrecondition(
      'ENVIRONMENT_UNMET',
      `There is no user "${environment.user}" in a host environment: use agent or root.`,
    );
  }
  const found = await Promise.all(
    environment.host.requires.map(async (program) => ({ program, path: await hostRoot.find(program) })),
  );
  const missing = found.filter(({ path }) => path === undefined).map(({ program }) => program);
  if (missing.length > 0) {
    throw failedPrecondition(
      'ENVIRONMENT_UNMET',
      `Sandboxes on this host lack ${missing.join(', ')}: install ${missing.length === 1 ? 'it' : 'them'} system-wide, or name the folder in the service's toolchain paths.`,
      { metadata: { missing: missing.join(',') } },
    );
  }
  const setsUp = environment.setup.length + environment.prepare.length > 0;
  const wantsNetwork = environment.network === 'public' || (environment.setupNetwork === 'public' && setsUp);
  if (wantsNetwork && machine.publicNetwork.missing !== undefined) {
    throw failedPrecondition('ENGINE_UNSUPPORTED', machine.publicNetwork.missing);
  }
}
