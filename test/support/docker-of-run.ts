import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { dockerAt } from './docker-host.js';
import { dockerdLacks, startDockerd, type Dockerd } from './dockerd.js';
import { ensureTestImage } from './test-image.js';

declare module 'vitest' {
  export interface ProvidedContext {
    /** A Unix socket: whoever posts to it is told the Docker of this run. */
    dockerOfRun: string;
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
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), 'cs-run-'));
  let daemon: Dockerd | undefined;
  let found: Promise<Found> | undefined;
  const find = async (): Promise<Found> => {
    const host = await givenHost();
    if (host !== undefined) {
      await ensureTestImage(dockerAt(host));
      return { host, own: false };
    }
    daemon = await startDockerd();
    return { host: daemon.host, own: true };
  };
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
  return async () => {
    server.closeAllConnections();
    server.close();
    await found?.catch(() => undefined);
    await daemon?.[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  };
}

/**
 * CODESET_TEST_DOCKER; else none where a daemon of the tests' own can be started; else what runs here.
 * @throws Error where there is neither.
 */
async function givenHost(): Promise<string | undefined> {
  const named = process.env['CODESET_TEST_DOCKER'];
  if (named !== undefined && named !== '') return named;
  const lacks = await dockerdLacks();
  if (lacks === undefined) return undefined;
  const running = process.env['DOCKER_HOST'] ?? 'unix:///var/run/docker.sock';
  try {
    await dockerAt(running).ping();
    return running;
  } catch (error) {
    throw new Error(
      `Tests of the Docker engine need a Docker. One of their own can't be started: ${lacks}. ` +
        `None answers at ${running} either (${error instanceof Error ? error.message : String(error)}). ` +
        'Run the tests as root with docker.io installed, let this user reach a running Docker, ' +
        'or name one in CODESET_TEST_DOCKER (unix://PATH, tcp://HOST:PORT).',
      { cause: error },
    );
  }
}
