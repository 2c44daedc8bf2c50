import { access, mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Environment } from '../../src/core/environment.js';
import { DockerEngine } from '../../src/engines/docker/docker-engine.js';
import type { DockerEngineOptions } from '../../src/engines/docker/options.js';
import { startChild } from '../support/child.js';
import { compiledScript, type CompiledScript } from '../support/compiled-script.js';
import { DOCKER_START_MS, ownerOf, startDockerd, TEST_IMAGE, type Dockerd } from '../support/docker.js';
import { tempFolder, type TempFolder } from '../support/temp-folder.js';
import { failure } from './contract/failure.js';
import { HOST_ENVIRONMENT, sandboxSpec, sh } from './contract/sandbox.js';

const init = new URL('../../init/build/codeset-init', import.meta.url).pathname;
const SLOW_MS = 180_000;
const log = { debug() {}, info() {}, warn() {}, error() {} };

describe('docker: a sandbox is reached as it was made', () => {
  let daemon: Dockerd;
  let script: CompiledScript;
  let folder: TempFolder;
  let engine: DockerEngine;
  let environment: Environment;

  beforeAll(async () => {
    daemon = await startDockerd();
    script = await compiledScript('test/engines/children/cut-link.ts');
  }, DOCKER_START_MS);
  afterAll(async () => {
    await script?.[Symbol.asyncDispose]();
    await daemon?.[Symbol.asyncDispose]();
  }, SLOW_MS);

  beforeEach(async () => {
    folder = await tempFolder();
    await open();
    const { host: _host, ...rest } = HOST_ENVIRONMENT;
    environment = { ...rest, image: TEST_IMAGE };
    environment = {
      ...environment,
      ground: await engine.resolve(environment, { progress: () => undefined }),
    };
  }, SLOW_MS);
  afterEach(async () => {
    for (const { sandboxId } of await engine.list()) await engine.destroy(sandboxId);
    await engine.close();
    await folder[Symbol.asyncDispose]();
  }, SLOW_MS);

  const options = (changes: Partial<DockerEngineOptions> = {}) => ({
    dataDir: folder.path,
    runDir: join(folder.path, 'run'),
    address: daemon.host,
    ...changes,
  });
  async function open(changes: Partial<DockerEngineOptions> = {}): Promise<void> {
    engine = await DockerEngine.open({ ...options(changes), initPath: () => init, log });
  }
  async function reopen(changes: Partial<DockerEngineOptions>): Promise<void> {
    await engine.close();
    await open(changes);
  }
  const socketFolder = (part: string): string =>
    join(folder.path, 'run', `${ownerOf(folder.path)}-docker`, part);
  const isThere = (path: string): Promise<boolean> =>
    access(path).then(
      () => true,
      () => false,
    );

  test(
    'with another run folder, too, and what lies in the old one goes with it',
    async () => {
      await reopen({ link: 'socket' });
      await engine.create(sandboxSpec('a', { environment }));
      await reopen({ link: 'socket', runDir: join(folder.path, 'run2') });
      expect((await sh(engine, 'a', 'echo here')).stdout).toBe('here\n');
      await engine.create(sandboxSpec('b', { environment }));
      expect((await sh(engine, 'b', 'echo there')).stdout).toBe('there\n');
      await engine.destroy('a');
      expect(await isThere(socketFolder('a'))).toBe(false);
    },
    SLOW_MS,
  );

  test(
    'where its socket is gone it is lost, which is told, and can be put away',
    async () => {
      await reopen({ link: 'socket' });
      await engine.create(sandboxSpec('a', { environment }));
      await rm(socketFolder('a'), { recursive: true });
      await reopen({ link: 'attach' });
      const lost = await failure(engine.connect('a'));
      expect(lost.reason).toBe('SESSION_LOST');
      expect(lost.message).toContain("can't be reached any more");
      await engine.destroy('a');
      expect(await engine.list()).toEqual([]);
    },
    SLOW_MS,
  );

  test.each([
    { call: 'rename', part: 'keeper' },
    { call: 'rmdir', part: 'keeper' },
    { call: 'rename', part: 'a' },
    { call: 'rmdir', part: 'a' },
  ])(
    'a life that was killed at the $call of the socket’s folder of $part leaves it to be gone on with',
    async ({ call, part }) => {
      await engine.close();
      // Its keeper is made anew.
      await daemon.api
        .getContainer(`codeset-${ownerOf(folder.path)}-keeper`)
        .remove({ force: true })
        .catch(() => undefined);
      const spec = JSON.stringify(sandboxSpec('a', { environment }));
      const child = startChild(script.path, [
        JSON.stringify({ ...options({ link: 'socket' }), init }),
        spec,
        call,
        part,
      ]);
      expect(await child.lines.next()).toMatchObject({ done: true });
      expect(await isThere(join(socketFolder(part), 'd'))).toBe(true);
      await open({ link: 'socket' });
      if (part === 'keeper') await engine.create(sandboxSpec('a', { environment }));
      expect(await engine.list()).toEqual([{ sandboxId: 'a', purpose: 'session', alive: true }]);
      expect((await sh(engine, 'a', 'echo goes on')).stdout).toBe('goes on\n');
      // Out of the sandbox's reach by then.
      expect(await readdir(socketFolder(part))).toEqual(['init.sock']);
      expect((await sh(engine, 'a', 'touch /run/codeset-link/d/f', 'root')).code).not.toBe(0);
      await engine.destroy('a');
      expect(await isThere(socketFolder('a'))).toBe(false);
    },
    SLOW_MS,
  );

  test(
    'a folder that was made for a sandbox which never came to be is found and put away',
    async () => {
      await reopen({ link: 'attach' });
      await mkdir(join(socketFolder('never'), 'd'), { recursive: true });
      expect(await engine.list()).toEqual([{ sandboxId: 'never', purpose: 'side', alive: false }]);
      await engine.destroy('never');
      expect(await isThere(socketFolder('never'))).toBe(false);
    },
    SLOW_MS,
  );
});
