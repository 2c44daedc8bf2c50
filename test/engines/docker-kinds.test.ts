import { copyFile, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadServerConfig } from '../../src/config.js';
import type { Environment } from '../../src/core/environment.js';
import { DockerEngine } from '../../src/engines/docker/docker-engine.js';
import { dockerOptions } from '../../src/open-engines.js';
import { Authority } from '../support/certificates.js';
import { DOCKER_START_MS, startDockerd, TEST_IMAGE, type Dockerd } from '../support/docker.js';
import { failure } from './contract/failure.js';
import { HOST_ENVIRONMENT, sandboxSpec, sh } from './contract/sandbox.js';
import { tarOf } from './contract/tar.js';

const initPath = new URL('../../init/build/codeset-init', import.meta.url).pathname;
const quiet = { debug() {}, info() {}, warn() {}, error() {} };
const SLOW_MS = 120_000;
const FIRST_ID = 3_000_000;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'codeset-kinds-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function onImage(engine: DockerEngine): Promise<Environment> {
  const { host: _host, ...rest } = HOST_ENVIRONMENT;
  const environment = { ...rest, image: TEST_IMAGE };
  return { ...environment, ground: await engine.resolve(environment, { progress: () => undefined }) };
}

describe('a Docker with userns-remap', () => {
  let daemon: Dockerd;
  beforeAll(async () => {
    daemon = await startDockerd({ remapTo: FIRST_ID });
  }, DOCKER_START_MS);
  afterAll(async () => {
    await daemon[Symbol.asyncDispose]();
  }, SLOW_MS);

  test(
    'gives sandboxes whose root is nobody outside, and whose files belong to the same users as elsewhere',
    async () => {
      const engine = await DockerEngine.open({
        dataDir: join(folder, 'data'),
        runDir: join(folder, 'run'),
        initPath: () => initPath,
        log: quiet,
        address: daemon.host,
      });
      try {
        expect(engine.capabilities()).toMatchObject({ userNamespace: true, link: 'attach' });
        const environment = await onImage(engine);
        await engine.importLayer(
          'tree',
          tarOf([
            { name: 'mine', content: '1' },
            { name: 'd/roots', uid: 0, mode: 0o600, content: '2' },
          ]),
        );
        await engine.create(
          sandboxSpec('a', {
            environment,
            workspaceLayers: ['tree'],
            mounts: [{ layer: 'tree', path: '/verification' }],
          }),
        );
        expect((await sh(engine, 'a', 'cat /proc/self/uid_map')).stdout.trim().split(/\s+/)).toEqual([
          '0',
          String(FIRST_ID),
          '65536',
        ]);
        const owners =
          'stat -c "%n %u %g" . mine d d/roots /verification /verification/mine /etc /home/agent';
        const wanted = [
          '. 1000 1000',
          'mine 1000 1000',
          'd 0 0',
          'd/roots 0 0',
          '/verification 0 0',
          '/verification/mine 1000 1000',
          '/etc 0 0',
          '/home/agent 1000 1000',
        ];
        expect((await sh(engine, 'a', owners)).stdout.trim().split('\n')).toEqual(wanted);
        await sh(engine, 'a', 'rm mine; echo new >mine; echo set >~/up; rm -f d/roots || echo kept >>mine');
        await sh(engine, 'a', 'rm -r d; mkdir d; echo 3 >d/own; echo tool >/usr/local/tool', 'root');
        await engine.commit('a', { root: 'root', workspace: 'work' });
        await engine.create(
          sandboxSpec('b', { environment, rootLayers: ['root'], workspaceLayers: ['tree', 'work'] }),
        );
        const again = 'cat mine d/own ~/up /usr/local/tool; ls d; stat -c "%n %u" mine d/own /usr/local/tool';
        expect((await sh(engine, 'b', again)).stdout.trim().split('\n')).toEqual([
          'new',
          'kept',
          '3',
          'set',
          'tool',
          'own',
          'mine 1000',
          'd/own 0',
          '/usr/local/tool 0',
        ]);
        for (const { sandboxId } of await engine.list()) await engine.destroy(sandboxId);
        for (const { layerId } of await engine.listLayers()) await engine.deleteLayer(layerId);
      } finally {
        await engine.close();
      }
    },
    SLOW_MS,
  );
});

describe('a Docker that speaks TLS', () => {
  let daemon: Dockerd;
  let port: number;
  beforeAll(async () => {
    const authority = await Authority.make(join(folder, 'good'));
    await authority.issue('server', ['subjectAltName=IP:127.0.0.1', 'extendedKeyUsage=serverAuth']);
    await authority.issue('client', ['extendedKeyUsage=clientAuth']);
    const other = await Authority.make(join(folder, 'other'));
    await other.issue('client', ['extendedKeyUsage=clientAuth']);
    daemon = await startDockerd({ tls: authority.folder });
    port = await daemon.tlsPort();
  }, DOCKER_START_MS);
  afterAll(async () => {
    await daemon[Symbol.asyncDispose]();
  }, SLOW_MS);

  /** A folder as docker_cert_path wants it. */
  async function certPath(ca: string, client: string, key = client): Promise<string> {
    const at = await mkdtemp(join(folder, 'certs-'));
    await copyFile(join(folder, ca, 'ca.pem'), join(at, 'ca.pem'));
    await copyFile(join(folder, client, 'client.pem'), join(at, 'cert.pem'));
    await copyFile(join(folder, key, 'client-key.pem'), join(at, 'key.pem'));
    return at;
  }

  async function open(env: Readonly<Record<string, string>>): Promise<DockerEngine> {
    const own = { CODESET_DATA_DIR: join(folder, 'tls-data'), CODESET_RUN_DIR: join(folder, 'tls-run') };
    await mkdir(own.CODESET_RUN_DIR, { recursive: true });
    return DockerEngine.open(await dockerOptions(loadServerConfig({ env: { ...own, ...env } }), quiet));
  }

  test(
    'is used with certificates that it knows, named as this service or as Docker’s client has them',
    async () => {
      const certificates = await certPath('good', 'good');
      const named = await open({
        CODESET_DOCKER_HOST: `https://127.0.0.1:${port}`,
        CODESET_DOCKER_CERT_PATH: certificates,
        CODESET_DOCKER_LINK: 'attach',
      });
      try {
        await named.create(sandboxSpec('a', { environment: await onImage(named) }));
        expect((await sh(named, 'a', 'echo here')).stdout).toBe('here\n');
      } finally {
        await named.close();
      }
      const found = await open({
        DOCKER_HOST: `tcp://127.0.0.1:${port}`,
        DOCKER_TLS_VERIFY: '1',
        DOCKER_CERT_PATH: certificates,
        CODESET_DOCKER_LINK: 'attach',
      });
      try {
        expect((await sh(found, 'a', 'echo still')).stdout).toBe('still\n');
        await found.destroy('a');
      } finally {
        await found.close();
      }
    },
    SLOW_MS,
  );

  test('that can’t be trusted, or does not trust, is told apart with what to do', async () => {
    const host = { CODESET_DOCKER_HOST: `tcp://127.0.0.1:${port}` };
    const refusals = [
      [
        { ...host, CODESET_DOCKER_CERT_PATH: await certPath('other', 'good') },
        /put the ca\.pem of that daemon/,
      ],
      [{ ...host, CODESET_DOCKER_CERT_PATH: await certPath('good', 'other') }, /put such a cert\.pem/],
      [{ ...host, CODESET_DOCKER_CERT_PATH: await certPath('good', 'good', 'other') }, /can't be used/],
      [host, /docker_cert_path/],
      [{ CODESET_DOCKER_HOST: `https://127.0.0.1:${port}` }, /put the ca\.pem of that daemon/],
    ] as const;
    for (const [env, words] of refusals) {
      const refused = await failure(open(env));
      expect(refused).toMatchObject({ kind: 'unavailable', reason: 'ENGINE_UNAVAILABLE' });
      expect(refused.message).toMatch(words);
    }
  });
});
