import { mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Environment } from '../../src/core/environment.js';
import { DockerEngine } from '../../src/engines/docker/docker-engine.js';
import {
  belongings,
  DOCKER_START_MS,
  ownerOf,
  removeBelongings,
  sharedDocker,
  TEST_IMAGE,
} from '../support/docker.js';
import { HOST_ENVIRONMENT, sandboxSpec, sh } from './contract/sandbox.js';
import { tarOf } from './contract/tar.js';

const initPath = new URL('../../init/build/codeset-init', import.meta.url).pathname;
const quiet = { debug() {}, info() {}, warn() {}, error() {} };

/** What a sandbox of it stands on. */
async function imageOf(engine: DockerEngine): Promise<Environment> {
  const { host: _, ...rest } = HOST_ENVIRONMENT;
  const environment = { ...rest, image: TEST_IMAGE };
  return { ...environment, ground: await engine.resolve(environment, { progress: () => undefined }) };
}

// As in two containers that have their data at one and the same path, or one beside a service outside of any.
test(
  'two services on one daemon, with data folders of one and the same path, leave each other’s things alone',
  { timeout: DOCKER_START_MS + 180_000 },
  async () => {
    const { api, host } = await sharedDocker();
    const folder = await mkdtemp(join(tmpdir(), 'cs-two-'));
    const runDir = join(folder, 'run');
    const path = join(folder, 'data');
    const moved = join(folder, 'moved');
    const open = (dataDir: string): Promise<DockerEngine> =>
      DockerEngine.open({ dataDir, runDir, initPath: () => initPath, log: quiet, address: host });
    const engines: DockerEngine[] = [];
    const folders: string[] = [];
    try {
      const before = await open(path);
      engines.push(before);
      folders.push(path);
      await before.importLayer('tree', tarOf([{ name: 'f', content: 'of the first' }]));
      await before.create(
        sandboxSpec('box', { environment: await imageOf(before), workspaceLayers: ['tree'] }),
      );
      // Its sandbox goes on, as over a restart of the service.
      await before.close();
      await rename(path, moved);
      folders.splice(0, 1, moved);

      const second = await open(path);
      engines.push(second);
      folders.push(path);
      expect(ownerOf(path)).not.toBe(ownerOf(moved));
      expect(await second.list()).toEqual([]);
      expect(await second.listLayers()).toEqual([]);
      await second.importLayer('tree', tarOf([{ name: 'f', content: 'of the second' }]));
      await second.create(
        sandboxSpec('box', { environment: await imageOf(second), workspaceLayers: ['tree'] }),
      );

      const first = await open(moved);
      engines.push(first);
      expect((await sh(first, 'box', 'cat f')).stdout).toBe('of the first');
      expect((await sh(second, 'box', 'cat f')).stdout).toBe('of the second');
      await second.destroy('box');
      await second.deleteLayer('tree');
      await second.images.collect(new Set());
      await second.close();
      expect((await belongings(api, ownerOf(path))).containers).toEqual([]);
      expect((await sh(first, 'box', 'cat f')).stdout).toBe('of the first');
      expect(await first.hasLayer('tree')).toBe(true);
      await first.destroy('box');
    } finally {
      for (const engine of engines) await engine.close();
      for (const dataDir of folders) await removeBelongings(api, ownerOf(dataDir));
      await rm(folder, { recursive: true, force: true });
    }
  },
);
