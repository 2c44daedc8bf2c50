import { readFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Environment } from '../../src/core/environment.js';
import { DockerEngine } from '../../src/engines/docker/docker-engine.js';
import { daemonEvents } from '../../src/engines/docker/images/json-lines.js';
import {
  DOCKER_START_MS,
  ownerOf,
  removeBelongings,
  type SharedDocker,
  sharedDocker,
  TEST_IMAGE,
} from '../support/docker.js';
import { layerTar } from '../support/registry.js';
import { tempFolder, type TempFolder } from '../support/temp-folder.js';
import { HOST_ENVIRONMENT, inSandbox, sandboxSpec, sh } from './contract/sandbox.js';
import { tarOf } from './contract/tar.js';

const initPath = new URL('../../init/build/codeset-init', import.meta.url).pathname;
const log = { debug() {}, info() {}, warn() {}, error() {} };
const SLOW_MS = 120_000;

describe('docker: images that are not as most are', () => {
  let docker: SharedDocker;
  let folder: TempFolder;
  let engine: DockerEngine;
  const made: string[] = [];
  const repo = `odd-${process.pid}`;

  beforeAll(async () => {
    docker = await sharedDocker();
    folder = await tempFolder();
    engine = await DockerEngine.open({
      dataDir: folder.path,
      runDir: `${folder.path}/run`,
      initPath: () => initPath,
      log,
      address: docker.host,
    });
  }, DOCKER_START_MS);

  afterAll(async () => {
    for (const { sandboxId } of (await engine?.list()) ?? []) await engine.destroy(sandboxId);
    await engine?.close();
    if (docker !== undefined && folder !== undefined)
      await removeBelongings(docker.api, ownerOf(folder.path));
    for (const name of made) await docker.api.getImage(name).remove({ force: true });
    await folder?.[Symbol.asyncDispose]();
  }, SLOW_MS);

  async function standOn(image: string): Promise<Environment> {
    const { host: _host, ...rest } = HOST_ENVIRONMENT;
    const environment = { ...rest, image };
    return { ...environment, ground: await engine.resolve(environment, { progress: () => undefined }) };
  }

  /** The test image, changed as a Dockerfile would. */
  async function changed(tag: string, ...changes: readonly string[]): Promise<Environment> {
    const container = await docker.api.createContainer({ Image: TEST_IMAGE, Cmd: ['true'] });
    await container.commit({ repo, tag, changes: changes.join('\n') });
    await container.remove({ force: true });
    made.push(`${repo}:${tag}`);
    return standOn(`${repo}:${tag}`);
  }

  async function imported(tag: string, files: Parameters<typeof layerTar>[0]): Promise<Environment> {
    const answer = await docker.api.importImage(Readable.from([await layerTar(files)]), { repo, tag });
    for await (const event of daemonEvents(answer as unknown as Readable))
      expect(event.error).toBeUndefined();
    made.push(`${repo}:${tag}`);
    return standOn(`${repo}:${tag}`);
  }

  test(
    'volumes that an image declares are folders like others: kept with the root',
    async () => {
      const environment = await changed('volumes', 'VOLUME /srv/data', 'VOLUME /workspace');
      await engine.create(sandboxSpec('v', { environment, purpose: 'setup' }));
      expect((await sh(engine, 'v', 'echo kept >/srv/data/f; touch g; ls', 'root')).stdout).toBe('g\n');
      const [container] = await docker.api.listContainers({
        filters: { label: [`codeset.owner=${ownerOf(folder.path)}`, 'codeset.sandbox=v'] },
      });
      const volumes = container?.Mounts.filter(({ Type }) => Type === 'volume');
      expect(volumes?.map(({ Destination }) => Destination)).toEqual(['/workspace']);
      await engine.commit('v', { root: 'with-data' });
      await engine.destroy('v');
      await engine.create(sandboxSpec('w', { environment, rootLayers: ['with-data'] }));
      expect((await sh(engine, 'w', 'cat /srv/data/f; ls')).stdout).toBe('kept\n');
      await engine.destroy('w');
    },
    SLOW_MS,
  );

  test(
    'an image with nothing but one program runs it, as the agent and in its workspace',
    async () => {
      const tool = { text: await readFile(initPath), mode: 0o755 };
      const environment = await imported('bare', { tool });
      await engine.importLayer('tree', tarOf([{ name: 'f', content: 'of the layer' }]));
      await engine.create(sandboxSpec('b', { environment, workspaceLayers: ['tree'] }));
      const run = (...argv: readonly string[]) =>
        inSandbox(engine, 'b', (init) => init.run(argv, { user: 'agent', cwd: '/workspace' }));
      expect(await run('/tool', 'store', 'cat', 'f')).toMatchObject({ code: 0, stdout: '12\nof the layer' });
      expect(await run('/tool', 'fs', 'mkdir', '--', 'new')).toMatchObject({ code: 0, stderr: '' });
      await engine.commit('b', { root: 'bare-root', workspace: 'bare-tree' });
      expect(await run('/bin/sh', '-c', 'true').catch((error: unknown) => String(error))).not.toMatchObject({
        code: 0,
      });
      await engine.destroy('b');
    },
    SLOW_MS,
  );

  test(
    'where user 1000 of an image is somebody else, commands run as that number and can write',
    async () => {
      const passwd = await layerTar({
        'etc/passwd': { text: 'root:x:0:0::/root:/bin/sh\nnode:x:1000:1000::/home/node:/bin/sh\n' },
        'etc/group': { text: 'root:x:0:\nnode:x:1000:\n' },
      });
      const container = await docker.api.createContainer({ Image: TEST_IMAGE, Cmd: ['true'] });
      await container.putArchive(Readable.from([passwd]), { path: '/' });
      await container.commit({ repo, tag: 'node' });
      await container.remove({ force: true });
      made.push(`${repo}:node`);
      const environment = await standOn(`${repo}:node`);
      await engine.create(sandboxSpec('n', { environment }));
      const { code, stdout, stderr } = await sh(engine, 'n', 'id -u; touch f; stat -c %u f; touch ~/g');
      expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: '1000\n1000\n', stderr: '' });
      await engine.destroy('n');
    },
    SLOW_MS,
  );
});
