import { readFileSync } from 'node:fs';
import { readFile, readdir } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import type Docker from 'dockerode';
import { inject } from 'vitest';
import { dockerAt } from './docker-host.js';

export { dockerAt } from './docker-host.js';
export { TEST_IMAGE } from './test-image.js';
export { DOCKER_START_MS, startDockerd, type Dockerd, type DockerdOptions } from './dockerd.js';

/** The Docker that this run's tests share: see docker-of-run.ts. */
export interface SharedDocker {
  /** As DOCKER_HOST has it. */
  readonly host: string;
  readonly api: Docker;
  /** Whether it is the tests' own, on this machine and under root. */
  readonly own: boolean;
}

/**
 * With the test image. Others use it at the same time: look only at what is your own, by its label `codeset.owner`.
 * Give the hook that awaits it DOCKER_START_MS.
 * @throws Error that says what is missing. A test of Docker never skips itself.
 */
export async function sharedDocker(): Promise<SharedDocker> {
  const answer = await ask(inject('dockerOfRun'));
  const { host, own } = JSON.parse(answer) as { host: string; own: boolean };
  return { host, own, api: dockerAt(host) };
}

function ask(socketPath: string): Promise<string> {
  return new Promise((resolve, reject) => {
    // A connection of its own: one that is kept for the next question may be closed just as that is asked.
    const call = request({ socketPath, path: '/', method: 'POST', agent: false }, (response) => {
      let body = '';
      response.on('data', (chunk: Buffer) => (body += chunk.toString()));
      response.on('end', () => (response.statusCode === 200 ? resolve(body) : reject(new Error(body))));
    });
    call.on('error', reject);
    call.end();
  });
}

/** What carries an owner's label, or its name, by name and sorted. */
export interface Leftovers {
  readonly containers: readonly string[];
  readonly volumes: readonly string[];
  readonly networks: readonly string[];
  readonly images: readonly string[];
}

/** All that a daemon has of one service. @param owner as in `codeset.owner`; without, of every service. */
export async function belongings(api: Docker, owner?: string): Promise<Leftovers> {
  const label = owner === undefined ? 'codeset.owner' : `codeset.owner=${owner}`;
  const filters = { label: [label] };
  const [containers, { Volumes }, networks, images] = await Promise.all([
    api.listContainers({ all: true, filters }),
    api.listVolumes({ filters }),
    api.listNetworks({ filters }),
    api.listImages({ filters }),
  ]);
  return {
    containers: containers.map(({ Names, Id }) => (Names[0] ?? Id).replace(/^\//, '')).sort(),
    volumes: Volumes.map(({ Name }) => Name).sort(),
    networks: networks.map(({ Name }) => Name).sort(),
    images: images.flatMap(({ RepoTags, Id }) => RepoTags ?? [Id]).sort(),
  };
}

/** The owner of all that a service has on a daemon, by its data folder. @throws where it never was on one */
export function ownerOf(dataDir: string): string {
  return readFileSync(join(dataDir, 'docker', 'owner'), 'utf8').trim();
}

/** Takes from a daemon what a service keeps there between its lives. */
export async function removeBelongings(api: Docker, owner: string): Promise<void> {
  const { containers, volumes, networks, images } = await belongings(api, owner);
  for (const name of containers) await api.getContainer(name).remove({ force: true, v: true });
  for (const name of volumes) await api.getVolume(name).remove();
  for (const name of networks) await api.getNetwork(name).remove();
  for (const name of images) await api.getImage(name).remove({ force: true });
}

/** Takes a pulled image from a daemon, and what was made of it for sandboxes. @param repository without tag */
export async function removePulled(api: Docker, repository: string): Promise<void> {
  const all = await api.listImages();
  // Once it was pulled by its digest it has no tag.
  const found = all.find(({ RepoTags, RepoDigests }) =>
    [...(RepoTags ?? []), ...(RepoDigests ?? [])].some((name) =>
      [`${repository}:`, `${repository}@`].some((start) => name.startsWith(start)),
    ),
  );
  if (found === undefined) return;
  const made = all.filter(({ Labels }) => Labels?.['codeset.ground'] === found.Id);
  for (const { Id } of [...made, found]) await api.getImage(Id).remove({ force: true });
}

/** Mount points of this machine at or below a path. */
export async function mountsBelow(path: string): Promise<readonly string[]> {
  const points = (await readFile('/proc/self/mountinfo', 'utf8'))
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '');
  return points.filter((point) => point === path || point.startsWith(`${path}/`)).sort();
}

/** Processes of this machine whose arguments name a path. */
export async function processesNaming(path: string): Promise<readonly string[]> {
  const found = [];
  for (const pid of await readdir('/proc')) {
    if (!/^\d+$/.test(pid) || pid === String(process.pid)) continue;
    const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    if (line.includes(path)) found.push(`${pid} ${line.replaceAll('\0', ' ').trim()}`);
  }
  return found;
}
