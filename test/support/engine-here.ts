import { inject } from 'vitest';
import { TEST_IMAGE, sharedDocker } from './docker.js';
import { engineHere, type EngineName } from './engine-name.js';

export { engineHere, type EngineName } from './engine-name.js';

/** Whether this run has a Docker; where not, the run's first and last words say why. */
export function dockerHere(): boolean {
  return inject('dockerThere');
}

/**
 * The service's settings for it. Never `auto`: that would take to a Docker of this machine's owner.
 * The first that asks starts the run's Docker, so give its hook DOCKER_START_MS.
 */
export async function engineFlags(engine: EngineName = engineHere()): Promise<Record<string, string>> {
  if (engine === 'local') return { engine };
  const { host } = await sharedDocker();
  return { engine, dockerHost: host, dockerConfig: 'none' };
}

/** The same as arguments of `codeset serve`. */
export async function engineArgs(): Promise<readonly string[]> {
  const flags = Object.entries(await engineFlags());
  return flags.flatMap(([name, value]) => [
    `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`,
    value,
  ]);
}

/**
 * What an environment names so that it stands on either engine: the host's programs, and an image that has them.
 * @param requires programs; the test image has only some.
 */
export function environmentHere(...requires: readonly string[]): {
  host: { requires: string[] };
  image: string;
} {
  return { host: { requires: [...requires] }, image: TEST_IMAGE };
}

/**
 * A program of a document: where there is only Docker, what it does on the host's toolchain is done on an image that
 * has the same.
 */
export function programHere(program: string): string {
  if (engineHere() === 'local') return program;
  return program.replaceAll('environment: { host: ', `environment: { image: '${TEST_IMAGE}', host: `);
}
