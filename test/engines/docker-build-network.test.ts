import { readFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Environment } from '../../src/core/environment.js';
import { DockerClient } from '../../src/engines/docker/docker-client.js';
import { openBuildNetwork } from '../../src/engines/docker/images/build-network.js';
import { DockerImages } from '../../src/engines/docker/images/docker-images.js';
import { daemonEvents } from '../../src/engines/docker/images/json-lines.js';
import { DOCKER_START_MS, type Dockerd, startDockerd, TEST_IMAGE } from '../support/docker.js';
import { anEnvironment } from '../support/entities.js';
import { layerTar } from '../support/registry.js';

const OWNER = 'buildnet';
const NETWORK = `codeset-${OWNER}`;
const log = { debug() {}, info() {}, warn() {}, error() {} };

let daemon: Dockerd;
let client: DockerClient;
let gateway: string;

beforeAll(async () => {
  daemon = await startDockerd({ ownNetwork: true });
  client = await DockerClient.open(daemon.host);
  const init = await readFile(new URL('../../init/build/codeset-init', import.meta.url));
  const root = { 'codeset-init': { text: init, mode: 0o755 }, run: { type: 'directory' as const } };
  const names = { repo: OWNER, tag: 'init' };
  const answer = await daemon.api.importImage(Readable.from([await layerTar(root)]), names);
  for await (const event of daemonEvents(answer as unknown as Readable)) expect(event.error).toBeUndefined();
  await daemon.api.createNetwork({ Name: NETWORK, Driver: 'bridge' });
  const network = (await daemon.api.getNetwork(NETWORK).inspect()) as {
    IPAM: { Config: { Gateway: string }[] };
  };
  gateway = network.IPAM.Config[0]?.Gateway ?? '';
}, DOCKER_START_MS);

afterAll(async () => {
  await daemon?.[Symbol.asyncDispose]();
});

/** What a step of a build meets at the bridge's other end, which is the daemon's host and listens to nothing. */
async function metAtHost(networkMode: 'filtered' | 'open'): Promise<string> {
  const python = `import socket\ntry: socket.create_connection(("${gateway}", 9), 20)\nexcept OSError as e: print("met", type(e).__name__)\n`;
  const files = {
    Dockerfile: `FROM ${TEST_IMAGE}\nCOPY try.py /\nRUN : ${networkMode}; ip -o -4 addr show | grep -c inet; python3 /try.py\n`,
    'try.py': python,
  };
  const images = new DockerImages({
    client,
    owner: OWNER,
    log,
    openBuildNetwork: (signal) =>
      networkMode === 'open'
        ? Promise.resolve({ mode: NETWORK, [Symbol.asyncDispose]: () => Promise.resolve() })
        : openBuildNetwork(
            {
              client,
              owner: OWNER,
              image: async () => (await daemon.api.getImage(`${OWNER}:init`).inspect()).Id,
              network: () => Promise.resolve(NETWORK),
              filterFlags: () => Promise.resolve([]),
            },
            signal,
          ),
  });
  const { host: _host, ...rest } = anEnvironment();
  const environment: Environment = { ...rest, dockerfile: 'Dockerfile', setupNetwork: 'public' };
  const lines: string[] = [];
  await images.resolve(environment, {
    files: async () => Readable.from([await layerTar(files)]),
    progress: (line) => void lines.push(line),
  });
  // Loopback, and an address in the network.
  expect(lines).toContain('2');
  return lines.find((line) => line.startsWith('met ')) ?? '';
}

test('a step of a build with network public reaches no private address, and nothing of the network stays', async () => {
  expect(await metAtHost('open')).toBe('met ConnectionRefusedError');
  const met = await metAtHost('filtered');
  expect(met).toMatch(/^met /);
  expect(met).not.toBe('met ConnectionRefusedError');
  const filters = { label: [`codeset.owner=${OWNER}`] };
  expect(await daemon.api.listContainers({ all: true, filters })).toEqual([]);
}, 180_000);
