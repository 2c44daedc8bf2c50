import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import type Docker from 'dockerode';
import { dockerAt } from './docker-host.js';
import { dockerSource, leftOut, type DockerSource } from './docker-source.js';
import { engineHere } from './engine-name.js';
import { startDockerd, type Dockerd } from './dockerd.js';
import { PARTS_MISSING } from './parts-missing.js';
import { isRoot, MEMORY_LIMITED, ROOT_ONLY } from './root-only.js';
import { ensureTestImage } from './test-image.js';

declare module 'vitest' {
  export interface ProvidedContext {
    /** A Unix socket: whoever posts to it is told the Docker of this run. */
    dockerOfRun: string;
    /** Whether there is one. */
    dockerThere: boolean;
  }
}

interface Found {
  readonly host: string;
  readonly own: boolean;
}

/**
 * One Docker for all tests of a run, found or started when the first of them asks: a run without Docker tests has
 * no daemon. Vitest calls this in its main process, before any worker.
 */
export async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  // Vitest calls this for each project, and for the root of all of them, whose word all of them have.
  if (!project.isRootProject()) return undefined;
  const source = await dockerSource();
  const notRun = await words(source);
  say(notRun);
  const before = new Set(await ourTemporary());
  const folder = await mkdtemp(join(tmpdir(), 'cs-run-'));
  let daemon: Dockerd | undefined;
  let found: Promise<Found> | undefined;
  const find = async (): Promise<Found> => {
    if (source.kind === 'none') throw new Error(`There is no Docker for the tests: ${source.why}.`);
    if (source.kind === 'given') {
      await ensureTestImage(dockerAt(source.host));
      return { host: source.host, own: false };
    }
    daemon = await startDockerd();
    return { host: daemon.host, own: true };
  };
  // Where all stands on it, a hook of whichever test is first would have to wait for the image.
  if (engineHere() === 'docker') await (found = find()).catch(() => undefined);
  const server = createServer((_request, response) => {
    found ??= find();
    found.then(
      (answer) => response.end(JSON.stringify(answer)),
      (error: unknown) => {
        response.statusCode = 500;
        response.end(error instanceof Error ? error.message : String(error));
      },
    );
  });
  const socket = join(folder, 'socket');
  server.listen(socket);
  await once(server, 'listening');
  project.provide('dockerOfRun', socket);
  project.provide('dockerThere', source.kind !== 'none');
  return async () => {
    server.closeAllConnections();
    server.close();
    await found?.catch(() => undefined);
    if (daemon !== undefined) {
      tell('Tests left on the Docker of this run:', await onDocker(daemon.api).catch(() => []));
      await daemon[Symbol.asyncDispose]();
    }
    await rm(folder, { recursive: true, force: true });
    const after = (await ourTemporary()).filter((name) => !before.has(name));
    tell(`Tests left in ${tmpdir()}, or have there now where several run at once:`, after);
    // Again, where nobody has to scroll for it.
    say(notRun);
  };
}

function tell(what: string, left: readonly string[]): void {
  if (left.length > 0) console.error([what, ...left].join('\n  '));
}

async function ourTemporary(): Promise<readonly string[]> {
  return (await readdir(tmpdir())).filter((name) => /^(codeset-|cs-(?!run-))/.test(name)).sort();
}

/** What carries a service's label. Images of layers are shown by their tags. */
async function onDocker(api: Docker): Promise<readonly string[]> {
  const filters = { label: ['codeset.owner'] };
  const containers = await api.listContainers({ all: true, filters });
  const { Volumes } = await api.listVolumes({ filters });
  const networks = await api.listNetworks({ filters });
  const images = await api.listImages({ filters });
  return [
    ...containers.map(({ Id, Names }) => `container ${Names[0] ?? Id}`),
    ...Volumes.map(({ Name }) => `volume ${Name}`),
    ...networks.map(({ Name }) => `network ${Name}`),
    ...images.map(({ Id, RepoTags }) => `image ${RepoTags?.[0] ?? Id}`),
  ];
}

/** What does not run here, with the reasons. */
async function words(source: DockerSource): Promise<readonly string[]> {
  const left = await leftOut(source);
  const limited = engineHere() === 'local' ? Object.entries(MEMORY_LIMITED) : [];
  const needRoot = [...Object.entries(ROOT_ONLY), ...limited];
  const parts = isRoot ? [] : needRoot.filter(([file]) => !left.has(file));
  const missing = Object.entries(PARTS_MISSING).filter(([file]) => !left.has(file));
  const files = [
    ...[...left].map(([file, why]) => `  ${file} ${why}`),
    ...parts.map(([file, about]) => `  ${file} needs root for some or all of it: ${about}`),
    ...missing.flatMap(([file, why]) => {
      const words = why();
      return words === undefined ? [] : [`  ${file} ${words}`];
    }),
  ];
  const lines = files.length === 0 ? [] : ['NOT RUN HERE:', ...files];
  if (source.kind === 'none') {
    lines.push(
      '  whatever else runs on Docker beside the local engine',
      `There is no Docker: ${source.why}.`,
    );
  }
  return lines;
}

function say(lines: readonly string[]): void {
  if (lines.length > 0) process.stderr.write(`\n${lines.join('\n')}\n\n`);
}
