import { mkdtemp, readdir, readFile, rm, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { DEFAULT_RESOURCES, type Environment } from '../../src/core/environment.js';
import type { Engine, SandboxSpec } from '../../src/core/ports/engine.js';
import { DockerEngine } from '../../src/engines/docker/docker-engine.js';
import type { DockerEngineOptions } from '../../src/engines/docker/options.js';
import {
  belongings,
  DOCKER_START_MS,
  mountsBelow,
  ownerOf,
  processesNaming,
  startDockerd,
  TEST_IMAGE,
  type Dockerd,
} from '../support/docker.js';
import { engineContract } from './contract/contract.js';
import { failure } from './contract/failure.js';
import { HOST_ENVIRONMENT, sandboxSpec, sh } from './contract/sandbox.js';
import { tarOf } from './contract/tar.js';

const initPath = new URL('../../init/build/codeset-init', import.meta.url).pathname;
const SLOW_MS = 120_000;

const warnings: string[] = [];
const log = {
  debug() {},
  info() {},
  warn: (message: string) => void warnings.push(message),
  error: (message: string) => void warnings.push(message),
};

interface Place {
  readonly dataDir: string;
  readonly runDir: string;
  open(changes?: Partial<DockerEngineOptions>): Promise<DockerEngine>;
  environment(engine: Engine): Promise<Environment>;
  tearDown(): Promise<void>;
}

const IMAGE_ENVIRONMENT: Environment = { ...without(HOST_ENVIRONMENT), image: TEST_IMAGE };

function without({ host: _host, ...rest }: Environment): Environment {
  return rest;
}

async function onImage(engine: Engine, image = TEST_IMAGE): Promise<Environment> {
  const environment = { ...IMAGE_ENVIRONMENT, image };
  const ground = await engine.resolve(environment, { progress: () => undefined });
  return { ...environment, ground };
}

async function place(daemon: Dockerd, always: Partial<DockerEngineOptions> = {}): Promise<Place> {
  const dataDir = await mkdtemp(join(tmpdir(), 'codeset-docker-'));
  const runDir = `${dataDir}-run`;
  return {
    dataDir,
    runDir,
    open: (changes = {}) =>
      DockerEngine.open({
        dataDir,
        runDir,
        initPath: () => initPath,
        log,
        address: daemon.host,
        ...always,
        ...changes,
      }),
    environment: onImage,
    tearDown: async () => {
      await rm(dataDir, { recursive: true, force: true });
      await rm(runDir, { recursive: true, force: true });
    },
  };
}

describe('the Docker engine', () => {
  let daemon: Dockerd;
  beforeAll(async () => {
    daemon = await startDockerd();
  }, DOCKER_START_MS);
  afterAll(async () => {
    await daemon[Symbol.asyncDispose]();
  }, SLOW_MS);

  for (const link of ['socket', 'attach'] as const) {
    engineContract(
      `docker, by ${link}`,
      async () => ({
        ...(await place(daemon, { link })),
        daemonRoot: daemon.dataRoot,
        unmet: { environment: HOST_ENVIRONMENT, names: 'image' },
      }),
      SLOW_MS,
    );
  }

  describe('docker: its own promises', () => {
    let at: Place;
    let engine: DockerEngine;
    let environment: Environment;
    const spec = (sandboxId: string, changes: Partial<SandboxSpec> = {}): SandboxSpec =>
      sandboxSpec(sandboxId, { environment, ...changes });

    beforeEach(async () => {
      at = await place(daemon);
      engine = await at.open();
      environment = await onImage(engine);
    }, SLOW_MS);
    afterEach(async () => {
      for (const { sandboxId } of await engine.list()) await engine.destroy(sandboxId);
      for (const { layerId } of await engine.listLayers()) await engine.deleteLayer(layerId);
      await engine.close();
      await at.tearDown();
    }, SLOW_MS);

    test(
      'destroyed sandboxes leave no container, volume, mount, process, folder or socket',
      async () => {
        const ids = Array.from({ length: 6 }, (_, i) => `leak-${i}`);
        await Promise.all(ids.map((id) => engine.create(spec(id))));
        await Promise.all(
          ids.map((id) => sh(engine, id, 'setsid sleep 1000 >/dev/null 2>&1 & mkdir -p d/e; echo x >d/e/f')),
        );
        await Promise.all(ids.map((id) => engine.destroy(id)));
        expect(await engine.list()).toEqual([]);
        const left = await belongings(daemon.api);
        expect(left.containers.filter((name) => name.includes('leak'))).toEqual([]);
        expect(left.volumes.filter((name) => name.includes('leak'))).toEqual([]);
        expect((await mountsBelow(daemon.dataRoot)).filter((point) => point.includes('leak'))).toEqual([]);
        expect(await processesNaming('leak-')).toEqual([]);
        await engine.close();
        expect((await belongings(daemon.api)).containers).toEqual([]);
        const run = await readdir(join(at.runDir, (await readdir(at.runDir))[0] ?? '')).catch(() => []);
        expect(run).toEqual([]);
        engine = await at.open();
      },
      SLOW_MS,
    );

    test.each(['socket', 'attach'] as const)(
      'archives that come at once, by %s, are all imported and leave no mounts behind',
      async (link) => {
        await engine.close();
        engine = await at.open({ link });
        const mounts = async (): Promise<number> => {
          const owner = `codeset.owner=${ownerOf(at.dataDir)}`;
          const [keeper] = await daemon.api.listContainers({
            filters: { label: [owner, 'codeset.role=keeper'] },
          });
          const { State } = await daemon.api.getContainer(keeper?.Id ?? '').inspect();
          return (await readFile(`/proc/${State.Pid}/mountinfo`, 'utf8')).split('\n').length;
        };
        const before = await mounts();
        const ids = Array.from({ length: 8 }, (_, i) => `tree-${i}`);
        const content = 'x'.repeat(100_000);
        await Promise.all(ids.map((id) => engine.importLayer(id, tarOf([{ name: 'f', content }]))));
        expect((await engine.listLayers()).map(({ layerId }) => layerId).sort()).toEqual(ids);
        expect(await mounts()).toBe(before);
      },
      SLOW_MS,
    );

    test(
      'a layer that is being brought while the service’s own container goes is whole',
      async () => {
        const owned = (role: string) => [`codeset.owner=${ownerOf(at.dataDir)}`, `codeset.role=${role}`];
        const { Volumes } = await daemon.api.listVolumes({ filters: { label: owned('store') } });
        const layers = join(Volumes[0]?.Mountpoint ?? '', 'l');
        const first = { name: 'first', content: 'x'.repeat(4_000_000) };
        const archive = await buffer(tarOf([first, { name: 'second', content: 'y'.repeat(4_000_000) }]));
        const half = archive.length / 2;
        const tar = new PassThrough();
        tar.write(archive.subarray(0, half));
        const importing = engine.importLayer('tree', tar);
        await expect
          .poll(
            () =>
              readdir(layers, { recursive: true }).then((all) => all.map((path) => path.split('/').at(-1))),
            {
              timeout: 60_000,
            },
          )
          .toContain('first');
        const [keeper] = await daemon.api.listContainers({ filters: { label: owned('keeper') } });
        await daemon.api.getContainer(keeper?.Id ?? '').remove({ force: true });
        // A daemon may hold the container that is unpacked into until the archive's end: nothing waits for another here.
        const listed = async (): Promise<void> => {
          await expect
            .poll(
              () =>
                engine.list().then(
                  (all) => all.length,
                  () => -1,
                ),
              { timeout: 60_000 },
            )
            .toBe(0);
        };
        const answers = listed();
        tar.end(archive.subarray(half));
        await Promise.all([importing, answers]);
        await engine.create(spec('a', { workspaceLayers: ['tree'] }));
        expect((await sh(engine, 'a', 'cat first second | wc -c')).stdout).toBe('8000000\n');
      },
      SLOW_MS,
    );

    test(
      'where init can’t run, commands are execs of the daemon’s, as hardened as others',
      async () => {
        await engine.close();
        engine = await at.open({ link: 'exec' });
        await engine.create(spec('a'));
        const { code, stdout } = await sh(
          engine,
          'a',
          'id -u; pwd; touch f; grep -E "^(CapEff|NoNew|Seccomp:)" /proc/self/status; exit 4',
        );
        expect(code).toBe(4);
        expect(stdout).toBe('1000\n/workspace\nCapEff:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp:\t2\n');
        await engine.destroy('a');
        expect((await failure(engine.connect('a'))).reason).toBe('SESSION_LOST');
      },
      SLOW_MS,
    );

    test(
      'a sandbox whose init was killed is lost, and its files can still be committed',
      async () => {
        await engine.create(spec('a'));
        await sh(engine, 'a', 'echo kept >f');
        const [container] = await daemon.api.listContainers({ filters: { label: ['codeset.sandbox=a'] } });
        await daemon.api.getContainer(container?.Id ?? '').kill();
        await expect.poll(async () => (await engine.list())[0]?.alive).toBe(false);
        expect(await failure(engine.connect('a'))).toMatchObject({ reason: 'SESSION_LOST' });
        await engine.commit('a', { workspace: 'rest' });
        await engine.create(spec('b', { workspaceLayers: ['rest'] }));
        expect((await sh(engine, 'b', 'cat f')).stdout).toBe('kept\n');
      },
      SLOW_MS,
    );

    test.each(['/workspace', '/var'])(
      'a sandbox that writes more than its disk limit to %s is stopped and says so',
      async (folder) => {
        await engine.close();
        engine = await at.open({ diskSampleMs: 50 });
        await engine.create(spec('a', { resources: { ...DEFAULT_RESOURCES, diskBytes: 16 * 1024 ** 2 } }));
        await sh(engine, 'a', `head -c 40M /dev/zero >${folder}/big`, 'root').catch(() => undefined);
        await expect.poll(async () => (await engine.list())[0]?.alive, { timeout: 60_000 }).toBe(false);
        const lost = await failure(engine.connect('a'));
        expect(lost.reason).toBe('SESSION_LOST');
        expect(lost.message).toMatch(/disk limit is 16 MiB/);
        expect((await engine.usage('a')).diskBytes).toBeGreaterThan(16 * 1024 ** 2);
      },
      SLOW_MS,
    );

    test(
      'root in a sandbox can’t lead its link to another’s init, nor write where it lay',
      async () => {
        await engine.close();
        engine = await at.open({ link: 'socket' });
        await engine.create(spec('a'));
        const planted = await sh(
          engine,
          'a',
          `cd /run/codeset-link/d && hostname >/workspace/name && rm -f init.sock
           ln -s ../../keeper/init.sock init.sock || ln -s ../keeper/init.sock init.sock || touch f || mkdir g`,
          'root',
        );
        expect(planted.code).not.toBe(0);
        await engine.close();
        engine = await at.open({ link: 'socket' });
        expect((await sh(engine, 'a', 'hostname | cmp - /workspace/name', 'root')).code).toBe(0);
      },
      SLOW_MS,
    );

    test(
      'a container is no sandbox for the labels that its image has',
      async () => {
        const other = await daemon.api.createContainer({
          Image: TEST_IMAGE,
          Entrypoint: ['/'],
          Labels: { 'codeset.owner': ownerOf(at.dataDir), 'codeset.sandbox': '../x' },
        });
        try {
          await engine.create(spec('a'));
          expect((await engine.list()).map(({ sandboxId }) => sandboxId)).toEqual(['a']);
          await engine.close();
          engine = await at.open();
          expect((await sh(engine, 'a', 'echo here')).stdout).toBe('here\n');
        } finally {
          await other.remove({ force: true });
        }
      },
      SLOW_MS,
    );

    test(
      'a sandbox that an earlier life left paused goes on',
      async () => {
        await engine.create(spec('cold'));
        const [container] = await daemon.api.listContainers({ filters: { label: ['codeset.sandbox=cold'] } });
        await daemon.api.getContainer(container?.Id ?? '').pause();
        await engine.close();
        engine = await at.open();
        expect((await sh(engine, 'cold', 'echo warm')).stdout).toBe('warm\n');
      },
      SLOW_MS,
    );

    test(
      'a workspace whose folder Docker had removed when it was killed is removed to its end',
      async () => {
        await engine.create(spec('half'));
        const owner = ownerOf(at.dataDir);
        const [volume = ''] = (await belongings(daemon.api, owner)).volumes.filter((name) =>
          name.endsWith('-half-workspace'),
        );
        const [container = ''] = (await belongings(daemon.api, owner)).containers.filter((name) =>
          name.endsWith('-half'),
        );
        await daemon.api.getContainer(container).remove({ force: true });
        const { Mountpoint } = await daemon.api.getVolume(volume).inspect();
        await rmdir(Mountpoint);
        await engine.destroy('half');
        const left = await belongings(daemon.api, owner);
        expect(left.volumes.filter((name) => !name.endsWith('-store'))).toEqual([]);
        expect(left.containers.map((name) => name.replace(/^.*-/, ''))).toEqual(['carrier', 'keeper']);
        expect(await engine.list()).toEqual([]);
      },
      SLOW_MS,
    );

    test(
      'a side sandbox of an environment without image has the tools that core uses',
      async () => {
        await engine.importLayer('tree', tarOf([{ name: 'f', content: '1' }]));
        await engine.create(sandboxSpec('side', { purpose: 'side', workspaceLayers: ['tree'] }));
        const { code, stderr } = await sh(
          engine,
          'side',
          'git init -q x && find . -name f | xargs cat && sort </dev/null && tar -cf /dev/null f && sed -n p f && cp f g',
          'root',
        );
        expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      },
      SLOW_MS,
    );

    test(
      'a layer whose image somebody removed is no layer any more',
      async () => {
        await engine.create(spec('a', { purpose: 'setup' }));
        await engine.commit('a', { root: 'setup' });
        await engine.destroy('a');
        const images = await daemon.api.listImages({ filters: { label: ['codeset.role=layer'] } });
        for (const { Id } of images) await daemon.api.getImage(Id).remove({ force: true });
        await engine.close();
        engine = await at.open();
        expect(await engine.hasLayer('setup')).toBe(false);
        expect((await failure(engine.create(spec('b', { rootLayers: ['setup'] })))).reason).toBe(
          'ENGINE_FAILED',
        );
        expect(await engine.list()).toEqual([]);
      },
      SLOW_MS,
    );
  });
});

describe.each([false, true])('docker: a daemon that goes and comes back, live-restore %s', (liveRestore) => {
  let daemon: Dockerd;
  beforeAll(async () => {
    daemon = await startDockerd({ liveRestore });
  }, DOCKER_START_MS);
  afterAll(async () => {
    await daemon[Symbol.asyncDispose]();
  }, SLOW_MS);

  test(
    'calls say so while it is away; then sandboxes go on or are lost, and new ones are made',
    async () => {
      const at = await place(daemon);
      const engine = await at.open();
      try {
        const environment = await onImage(engine);
        await engine.importLayer('kept', tarOf([{ name: 'f', content: 'kept' }]));
        await engine.create(sandboxSpec('a', { environment, workspaceLayers: ['kept'] }));
        await sh(engine, 'a', 'echo mine >own');
        await daemon.stop();
        for (const call of [
          () => engine.create(sandboxSpec('b', { environment })),
          () => engine.list(),
          () => engine.destroy('nobody'),
        ]) {
          const away = await failure(call());
          expect(away).toMatchObject({ kind: 'unavailable', reason: 'ENGINE_UNAVAILABLE' });
          expect(away.retryAfterMs).toBeGreaterThan(0);
        }
        if (liveRestore) expect((await sh(engine, 'a', 'cat own')).stdout).toBe('mine\n');
        await daemon.start();
        await expect
          .poll(
            () =>
              engine.list().then(
                (all) => all.find(({ sandboxId }) => sandboxId === 'a')?.alive,
                () => 'away',
              ),
            { timeout: 60_000 },
          )
          .toBe(liveRestore);
        if (liveRestore) expect((await sh(engine, 'a', 'cat own f')).stdout).toBe('mine\nkept');
        else expect(await failure(engine.connect('a'))).toMatchObject({ reason: 'SESSION_LOST' });
        await engine.commit('a', { workspace: 'saved' });
        await engine.create(sandboxSpec('c', { environment, workspaceLayers: ['kept', 'saved'] }));
        expect((await sh(engine, 'c', 'cat own f')).stdout).toBe('mine\nkept');
        for (const { sandboxId } of await engine.list()) await engine.destroy(sandboxId);
        expect(await engine.list()).toEqual([]);
      } finally {
        await engine.close();
        await at.tearDown();
      }
    },
    SLOW_MS * 2,
  );
});
