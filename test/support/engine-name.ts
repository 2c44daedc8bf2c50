import { which, works } from '../../scripts/lib/process.mjs';

export type EngineName = 'local' | 'docker';

/** CODESET_TEST_ENGINE. @throws Error where it names none. */
export function engineNamed(): EngineName | undefined {
  const named = process.env['CODESET_TEST_ENGINE'] ?? '';
  if (named === 'local' || named === 'docker') return named;
  if (named === '') return undefined;
  throw new Error(`CODESET_TEST_ENGINE is ${named}; expected local or docker.`);
}

let lacks: string | undefined;

/** Why this machine can't have the local engine; empty where it can. */
export function localLacks(): string {
  return (lacks ??= findLacks());
}

function findLacks(): string {
  if (!['runc', 'crun'].some((runtime) => which(runtime) !== undefined)) return 'there is no runc or crun';
  // As in a container with Docker's socket, or where the machine keeps user namespaces from ordinary users.
  const root = process.getuid?.() === 0;
  if (works('unshare', root ? ['--mount', 'true'] : ['--user', '--map-root-user', '--mount', 'true']))
    return '';
  return root ? 'root may not mount here' : 'this user may not make user namespaces';
}

/**
 * Which engine a test runs on that is about none in particular: CODESET_TEST_ENGINE; else the local one where this
 * machine can have it, else Docker.
 */
export function engineHere(): EngineName {
  return engineNamed() ?? (localLacks() === '' ? 'local' : 'docker');
}
