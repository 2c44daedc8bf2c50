import { createServer } from 'node:net';
import { once } from 'node:events';
import { chmod } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { DockerClient } from '../../src/engines/docker/docker-client.js';
import { DOCKER_START_MS, sharedDocker } from '../support/docker.js';
import { dockerHere } from '../support/engine-here.js';
import { engineHere } from '../support/engine-name.js';
import { tempFolder, type TempFolder } from '../support/temp-folder.js';
import { cli, type CliRun } from './run-cli.js';

// What a person reads who asks why samples go where they go.

const local = engineHere() === 'local';

let folder: TempFolder;

beforeEach(async () => {
  folder = await tempFolder();
  await chmod(folder.path, 0o711);
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await folder[Symbol.asyncDispose]();
});

function doctor(settings: Readonly<Record<string, string>>): Promise<CliRun> {
  vi.stubEnv('CODESET_RUN_DIR', join(folder.path, 'run'));
  for (const [name, value] of Object.entries(settings)) vi.stubEnv(`CODESET_${name}`, value);
  return cli(['doctor', '--data-dir', join(folder.path, 'data')]);
}

const NO_LOCAL = { RUNTIMES: '/nowhere/runc' };

test('with neither engine it says what is wrong with each, and ends with 1', async () => {
  const socket = join(folder.path, 'none.sock');
  const run = await doctor({ ...NO_LOCAL, DOCKER_HOST: `unix://${socket}` });
  expect(run).toMatchObject({ status: 1, stderr: '' });
  expect(run.stdout).toMatch(/^local engine: no {3}.*\/nowhere\/runc/m);
  expect(run.stdout).toContain(
    `docker engine: no  Docker does not answer at unix://${socket}: start it or set docker_host to where it is`,
  );
  expect(run.stdout).toMatch(
    /with --engine auto:\n {2}No engine works here, so `codeset serve` does not start/,
  );
});

test('a docker_host that is wrong is told: what is no address at once, what is none of a Docker by the engine', async () => {
  const nonsense = await doctor({ ...NO_LOCAL, DOCKER_HOST: 'nonsense' });
  expect(nonsense).toMatchObject({ status: 2, stdout: '' });
  expect(nonsense.stderr).toMatch(/docker.host.*unix:\/\/.*tcp:\/\//i);
  const nobody = await doctor({ ...NO_LOCAL, DOCKER_HOST: 'tcp://127.0.0.1:1' });
  expect(nobody.status).toBe(1);
  expect(nobody.stdout).toContain('Docker does not answer at tcp://127.0.0.1:1');
});

test('a socket that this user may not use is told apart from one where nobody answers', async () => {
  const socket = join(folder.path, 'closed.sock');
  await using server = createServer();
  server.listen(socket);
  await once(server, 'listening');
  await chmod(socket, 0o600);
  const root = process.getuid?.() === 0;
  // Root may use every socket, an ordinary user none that has no permissions.
  if (root) process.seteuid?.(65_534);
  else await chmod(socket, 0);
  try {
    await expect(DockerClient.open(`unix://${socket}`)).rejects.toMatchObject({
      reason: 'ENGINE_UNAVAILABLE',
      message: `This user may not use Docker at unix://${socket}: add it to the group "docker" and log in again, or start the service as a user who may.`,
    });
  } finally {
    if (root) process.seteuid?.(0);
  }
});

test.skipIf(!local)(
  'without a Docker samples that name the host go on, and others are told to wait',
  async () => {
    const run = await doctor({ DOCKER_HOST: `unix://${folder.path}/none.sock` });
    expect(run).toMatchObject({ status: 0, stderr: '' });
    expect(run.stdout).toMatch(/^local engine: yes/m);
    expect(run.stdout).toContain('A sample that names the host goes to the local engine');
    expect(run.stdout).toContain('has to wait until what is said of Docker is mended');
  },
);

test.skipIf(!dockerHere())(
  'with a Docker alone it says what goes there, and what Docker does not give',
  async () => {
    const { host } = await sharedDocker();
    const run = await doctor({ ...NO_LOCAL, DOCKER_HOST: host });
    expect(run).toMatchObject({ status: 0, stderr: '' });
    expect(run.stdout).toMatch(/^docker engine: yes Docker \S+ at /m);
    expect(run.stdout).toContain(
      'names both the host and an image goes to Docker, since the local engine does not',
    );
    expect(run.stdout).toContain('one that names the host alone is refused');
    expect(run.stdout).toContain('A sample that names only an image or a Dockerfile goes to Docker.');
    expect(run.stdout).toContain('note: The limit on disk is sampled');
    const unknown = await doctor({ ...NO_LOCAL, DOCKER_HOST: host, DOCKER_RUNTIME: 'nothing' });
    expect(unknown.status).toBe(1);
    expect(unknown.stdout).toMatch(
      /has no runtime "nothing", only .*runc.*: set docker_runtime to one of these/,
    );
  },
  DOCKER_START_MS,
);
