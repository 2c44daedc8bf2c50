import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { execFile } from 'node:child_process';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Environment } from '../../src/core/environment.js';
import { DockerEngine } from '../../src/engines/docker/docker-engine.js';
import { DOCKER_START_MS, type Dockerd, startDockerd, TEST_IMAGE } from '../support/docker.js';
import { tempFolder, type TempFolder } from '../support/temp-folder.js';
import { failure } from './contract/failure.js';
import { HOST_ENVIRONMENT, inSandbox, sandboxSpec } from './contract/sandbox.js';

const initPath = new URL('../../init/build/codeset-init', import.meta.url).pathname;
const log = { debug() {}, info() {}, warn() {}, error() {} };
const SLOW_MS = 180_000;
const PORT = 8099;

/** An address of documentation stands in for the world, on a machine of its own behind the daemon's. */
const WORLD = '203.0.113.1';
/** The daemon's machine has it, and nothing but that says that it is no part of the world. */
const HOST = '198.51.100.7';
const CLOSED = [
  HOST,
  '10.1.2.3',
  '169.254.169.254',
  '192.168.77.1',
  '172.30.0.1',
  '100.64.0.1',
  '168.63.129.16',
];

/** Answers on every address of the machine, over TCP, and tells of what comes over UDP. */
const LISTENER = `
import socket, threading
tcp = socket.create_server(('0.0.0.0', ${PORT}))
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.bind(('0.0.0.0', ${PORT}))
print('ready', flush=True)
def hear():
    while True: print('udp', udp.recv(100).decode(), flush=True)
threading.Thread(target=hear, daemon=True).start()
while True: tcp.accept()[0].close()
`;

/** Each address over TCP and UDP, by a plain socket and by one that is bound to the interface. */
const REACH = `
import socket, sys
for address in sys.argv[1:]:
    for bound in (False, True):
        def made(kind):
            s = socket.socket(socket.AF_INET, kind)
            s.settimeout(3)
            if bound: s.setsockopt(socket.SOL_SOCKET, 25, b'eth0')
            return s
        try:
            made(socket.SOCK_STREAM).connect((address, ${PORT}))
            print('tcp', address, bound)
        except OSError: pass
        try: made(socket.SOCK_DGRAM).sendto(f'{address} {bound}'.encode(), (address, ${PORT}))
        except OSError: pass
`;

describe('docker: network public', () => {
  let daemon: Dockerd;
  let folder: TempFolder;
  let engine: DockerEngine;
  let environment: Environment;
  const heard: string[] = [];
  const listeners: ReturnType<typeof spawn>[] = [];

  const inDaemonsNetwork = (...command: readonly string[]): readonly string[] => [
    `--net=/proc/${daemon.pid}/ns/net`,
    ...command,
  ];

  beforeAll(async () => {
    daemon = await startDockerd({ ownNetwork: true });
    const ip = (...words: readonly string[]) =>
      promisify(execFile)('nsenter', [...inDaemonsNetwork('ip', ...words)]);
    for (const address of CLOSED) await ip('address', 'add', `${address}/32`, 'dev', 'lo');
    const listen = async (program: string, ...words: readonly string[]): Promise<number> => {
      const listener = spawn(program, [...words, 'python3', '-c', LISTENER], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      listeners.push(listener);
      const lines = createInterface({ input: listener.stdout as NodeJS.ReadableStream });
      await once(lines, 'line');
      lines.on('line', (line) => void heard.push(line));
      return listener.pid ?? -1;
    };
    await listen('nsenter', ...inDaemonsNetwork());
    const world = await listen('unshare', '--net');
    const ipOfWorld = (...words: readonly string[]) =>
      promisify(execFile)('nsenter', [`--net=/proc/${world}/ns/net`, 'ip', ...words]);
    await ip('link', 'add', 'toworld', 'type', 'veth', 'peer', 'name', 'tohost', 'netns', String(world));
    await ip('address', 'add', '198.18.0.1/30', 'dev', 'toworld');
    await ip('link', 'set', 'toworld', 'up');
    await ipOfWorld('address', 'add', '198.18.0.2/30', 'dev', 'tohost');
    await ipOfWorld('address', 'add', `${WORLD}/32`, 'dev', 'tohost');
    await ipOfWorld('link', 'set', 'tohost', 'up');
    await ip('route', 'add', `${WORLD}/32`, 'via', '198.18.0.2');
    folder = await tempFolder();
    engine = await DockerEngine.open({
      dataDir: folder.path,
      runDir: `${folder.path}/run`,
      initPath: () => initPath,
      log,
      address: daemon.host,
    });
    const { host: _host, ...rest } = HOST_ENVIRONMENT;
    environment = { ...rest, image: TEST_IMAGE };
    environment = {
      ...environment,
      ground: await engine.resolve(environment, { progress: () => undefined }),
    };
  }, DOCKER_START_MS);

  afterAll(async () => {
    for (const listener of listeners) {
      listener.kill('SIGKILL');
      await once(listener, 'exit');
    }
    for (const { sandboxId } of (await engine?.list()) ?? []) await engine.destroy(sandboxId);
    await engine?.close();
    await daemon?.[Symbol.asyncDispose]();
    await folder?.[Symbol.asyncDispose]();
  }, SLOW_MS);

  test(
    'the world is reached; the host, private addresses and metadata are not, as agent or as root',
    async () => {
      expect(engine.capabilities().publicNetwork).toBe(true);
      await engine.create(sandboxSpec('a', { environment, network: 'public' }));
      const [network] = await daemon.api.listNetworks({ filters: { label: ['codeset.role=network'] } });
      const gateway = network?.IPAM?.Config?.[0]?.Gateway ?? '';
      expect(gateway).not.toBe('');
      const closed = [gateway, ...CLOSED];

      // Without init's filter all of them are reached from the same network.
      const [answer] = (await daemon.api.run(
        TEST_IMAGE,
        ['python3', '-c', REACH, ...closed],
        undefined as never,
        { HostConfig: { NetworkMode: network?.Name ?? '', AutoRemove: false } },
      )) as [{ StatusCode: number }, { id: string }];
      expect(answer.StatusCode).toBe(0);
      await expect.poll(() => heard.length).toBe(closed.length * 2);
      heard.length = 0;

      for (const user of ['agent', 'root']) {
        const { stdout, stderr } = await inSandbox(engine, 'a', (init) =>
          init.run(['/usr/bin/python3', '-c', REACH, ...closed, WORLD], { user }),
        );
        expect(stdout, stderr).toBe(`tcp ${WORLD} False\ntcp ${WORLD} True\n`);
        const bounds = await inSandbox(engine, 'a', (init) =>
          init.run(['/bin/grep', 'CapBnd', '/proc/self/status'], { user }),
        );
        // CAP_NET_ADMIN and CAP_NET_RAW.
        const bound = /[0-9a-f]+$/.exec(bounds.stdout.trim())?.[0] ?? 'f';
        expect(BigInt(`0x${bound}`) & 0x3000n).toBe(0n);
      }
      await expect.poll(() => heard.length).toBeGreaterThanOrEqual(4);
      expect([...new Set(heard)].sort()).toEqual([`udp ${WORLD} False`, `udp ${WORLD} True`]);
      await engine.destroy('a');
    },
    SLOW_MS,
  );

  test(
    'where the daemon can make no bridge, it is refused with what the daemon said, and told as missing',
    async () => {
      const others: string[] = [];
      await engine.close();
      engine = await DockerEngine.open({
        dataDir: folder.path,
        runDir: `${folder.path}/run`,
        initPath: () => initPath,
        log,
        address: daemon.host,
      });
      try {
        // As many as the daemon has address ranges for.
        for (let i = 0, full = false; !full && i < 100; i++) {
          await daemon.api.createNetwork({ Name: `other-${i}`, Driver: 'bridge' }).then(
            ({ id }) => others.push(id),
            () => (full = true),
          );
        }
        const refusal = await failure(engine.create(sandboxSpec('b', { environment, network: 'public' })));
        expect(refusal).toMatchObject({ kind: 'failed-precondition', reason: 'ENGINE_UNSUPPORTED' });
        expect(refusal.message).toMatch(/^Network "public" can't be given: .*address pool/);
        expect(engine.capabilities().publicNetwork).toBe(false);
        expect(engine.capabilities().warnings).toContain(refusal.message);
        await engine.create(sandboxSpec('b', { environment }));
      } finally {
        for (const id of others) await daemon.api.getNetwork(id).remove();
      }
    },
    SLOW_MS,
  );
});
