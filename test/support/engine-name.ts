import { which } from '../../scripts/lib/process.mjs';

export type EngineName = 'local' | 'docker';

/** CODESET_TEST_ENGINE. @throws Error where it names none. */
export function engineNamed(): EngineName | undefined {
  const named = process.env['CODESET_TEST_ENGINE'] ?? '';
  if (named === 'local' || named === 'docker') return named;
  if (named === '') return undefined;
  throw new Error(`CODESET_TEST_ENGINE is ${named}; expected local or docker.`);
}

/**
 * Which engine a test runs on that is about none in particular: CODESET_TEST_ENGINE; else the local one where there is
 * an OCI runtime for it, else Docker.
 */
export function engineHere(): EngineName {
  const named = engineNamed();
  if (named !== undefined) return named;
  return ['runc', 'crun'].some((runtime) => which(runtime) !== undefined) ? 'local' : 'docker';
}
