import { engineHere, localLacks } from './engine-name.js';
import { DOCKER_ONLY, LOCAL_ONLY, OWN_DOCKER } from './engine-choice.js';
import { dockerAt } from './docker-host.js';
import { dockerdLacks } from './dockerd.js';

/** Where a run's Docker comes from; `none` only for an ordinary user who has the local engine. */
export type DockerSource =
  | { readonly kind: 'own' }
  | { readonly kind: 'given'; readonly host: string }
  | { readonly kind: 'none'; readonly why: string };

const DEFAULT_HOST = 'unix:///var/run/docker.sock';

/**
 * CODESET_TEST_DOCKER; else a daemon of the tests' own where one can be started; else what runs here.
 * @throws Error where a Docker that was named does not answer, and where the tests have to have one and there is none.
 */
export async function dockerSource(): Promise<DockerSource> {
  const named = process.env['CODESET_TEST_DOCKER'] ?? '';
  if (named !== '') return given(named, 'CODESET_TEST_DOCKER');
  const lacks = await dockerdLacks();
  if (lacks === undefined) return { kind: 'own' };
  const host = process.env['DOCKER_HOST'] ?? '';
  if (host !== '') return given(host, 'DOCKER_HOST');
  const words = await refusal(DEFAULT_HOST);
  if (words === undefined) return { kind: 'given', host: DEFAULT_HOST };
  const why = `one of their own can't be started (${lacks}), and none answers at ${DEFAULT_HOST} (${words})`;
  if (process.getuid?.() !== 0 && engineHere() === 'local') return { kind: 'none', why };
  throw new Error(
    `The tests need a Docker: ${why}. Run them as root with docker.io installed, let this user reach a running ` +
      'Docker, or name one in CODESET_TEST_DOCKER (unix://PATH, tcp://HOST:PORT).',
  );
}

async function given(host: string, variable: string): Promise<DockerSource> {
  const words = await refusal(host);
  if (words === undefined) return { kind: 'given', host };
  throw new Error(
    `${variable} names ${host}, and no Docker answers there (${words}). Name one that this user may reach ` +
      `(unix://PATH, tcp://HOST:PORT), or unset ${variable}.`,
  );
}

async function refusal(host: string): Promise<string | undefined> {
  try {
    await dockerAt(host).ping();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Test files that can't run here, and why. */
export async function leftOut(source: DockerSource): Promise<ReadonlyMap<string, string>> {
  const files = new Map<string, string>();
  const add = (list: Readonly<Record<string, string>>, because: (about: string) => string): void => {
    for (const [file, about] of Object.entries(list)) files.set(file, because(about));
  };
  if (engineHere() === 'docker') {
    const why = localLacks();
    const needs = why === '' ? 'needs the local engine' : `needs the local engine, and ${why}`;
    add(LOCAL_ONLY, (about) => `${needs}: ${about}`);
  }
  if (source.kind === 'none') {
    add(DOCKER_ONLY, (about) => `needs a Docker: ${about}`);
    add(OWN_DOCKER, (about) => `needs a Docker of the tests' own: ${about}`);
  }
  const lacks = source.kind === 'given' ? await dockerdLacks() : undefined;
  if (lacks !== undefined)
    add(OWN_DOCKER, (about) => `needs a Docker of the tests' own, and ${lacks}: ${about}`);
  return files;
}
