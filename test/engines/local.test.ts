import { execFile } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { DEFAULT_RESOURCES } from '../../src/core/environment.js';
import { removeFolder } from '../../src/engines/local/remove-folder.js';
import { LocalEngine } from '../../src/engines/local/local-engine.js';
import type { LocalEngineOptions } from '../../src/engines/local/options.js';
import { engineContract } from './contract/contract.js';
import { failure } from './contract/failure.js';
import { HOST_ENVIRONMENT, inSandbox, sandboxSpec, sh } from './contract/sandbox.js';
import { tarOf } from './contract/tar.js';

const repository = new URL('../..', import.meta.url).pathname;
const initPath = join(repository, 'init/build/codeset-init');

const isRoot = process.getuid?.() === 0;

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
  open(changes?: Partial<LocalEngineOptions>): Promise<LocalEngine>;
  tearDown(): Promise<void>;
}

async function place(): Promise<Place> {
  const dataDir = await mkdtemp(join(tmpdir(), 'codeset-engine-'));
  const runDir = `${dataDir}-run`;
  return {
    dataDir,
    runDir,
    open: (changes = {}) => LocalEngine.open({ dataDir, runDir, initPath, log, ...changes }),
    tearDown: async () => {
      await removeFolder(dataDir, () => initPath);
      await rm(runDir, { recursive: true, force: true });
    },
  };
}

async function mountsOf(folder: string): Promise<number> {
  return (await readFile('/proc/self/mountinfo', 'utf8')).split('\n').filter((line) => line.includes(folder))
    .length;
}

async function processesNaming(word: string): Promise<string[]> {
  const { stdout } = await promisify(execFile)('ps', ['-eo', 'pid,args']);
  return stdout.split('\n').filter((line) => line.includes(word));
}

async function cgroupsNaming(word: string): Promise<string[]> {
  const { stdout } = await promisify(execFile)('find', [
    '/sys/fs/cgroup',
    // Folders of others, which go while it looks.
    '-ignore_readdir_race',
    '-type',
    'd',
    '-name',
    `*${word}*`,
  ]);
  return stdout.split('\n').filter((line) => line !== '');
}

/** Tries to talk to each ADDRESS:PORT in every way there is; what comes after `world` is only sent to, bound. */
const REACH = `
import errno, socket, sys
REFUSED = {errno.EPERM, errno.EACCES, errno.EHOSTUNREACH, errno.ENETUNREACH}
device = next(name for _, name in socket.if_nameindex() if name != 'lo').encode()
def attempt(where, kind, bound):
    host, port = where.split(':')
    with socket.socket(socket.AF_INET, kind) as s:
        s.settimeout(20)
        try:
            if bound: s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device)
            if kind == socket.SOCK_DGRAM: s.sendto(b'here', (host, int(port)))
            else: s.connect((host, int(port)))
            return 'sent'
        except OSError as error:
            return 'refused' if error.errno in REFUSED else repr(error)
at = sys.argv.index('world')
for where in sys.argv[1:at]:
    for kind in socket.SOCK_STREAM, socket.SOCK_DGRAM:
        for bound in True, False:
            print(where, kind.name, 'bound' if bound else 'free', attempt(where, kind, bound))
print('world', sys.argv[at + 1], attempt(sys.argv[at + 1], socket.SOCK_DGRAM, True))
`;

/**
 * A service of this host at a private address, which a sandbox must not reach; the address goes with it. An ordinary
 * user can't add one, and listens at an address that the host has: that of the host is closed too.
 */
async function listenPrivately(): Promise<
  AsyncDisposable & { readonly address: string; readonly port: number; heard(): readonly string[] }
> {
  const added = `10.213.${process.pid % 256}.${Math.floor(process.pid / 256) % 256}`;
  const had = Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .find((found) => found.family === 'IPv4' && !found.internal)?.address;
  const address = isRoot ? added : had;
  if (address === undefined) throw new Error('This test needs root, or a host with an address of its own.');
  const heard: string[] = [];
  if (isRoot) await promisify(execFile)('ip', ['addr', 'replace', `${address}/32`, 'dev', 'lo']);
  const server = createServer((socket) => {
    heard.push('tcp');
    socket.destroy();
  });
  const datagrams = createSocket('udp4', () => void heard.push('udp'));
  await new Promise<void>((resolve) => server.listen(0, address, resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise<void>((resolve) => datagrams.bind(port, address, resolve));
  return {
    address,
    port,
    heard: () => heard,
    [Symbol.asyncDispose]: async () => {
      datagrams.close();
      await new Promise((resolve) => server.close(resolve));
      if (isRoot) await promisify(execFile)('ip', ['addr', 'del', `${address}/32`, 'dev', 'lo']);
    },
  };
}

describe('the local engine', () => {
  beforeAll(async () => {
    await promisify(execFile)('sh', [join(repository, 'init/build.sh')]);
  });

  engineContract('local', place);

  describe('local: its own promises', () => {
    let at: Place;
    let engine: LocalEngine;
    beforeEach(async () => {
      at = await place();
      engine = await at.open();
    });
    afterEach(async () => {
      for (const { sandboxId } of await engine.list()) await engine.destroy(sandboxId);
      await engine.close();
      await at.tearDown();
    });

    test('destroyed sandboxes leave no process, mount, cgroup, folder or socket', async () => {
      const ids = Array.from({ length: 12 }, (_, i) => `leak-${process.pid}-${i}`);
      await Promise.all(ids.map((id) => engine.create(sandboxSpec(id))));
      await Promise.all(
        ids.map((id) => sh(engine, id, 'setsid sleep 1000 >/dev/null 2>&1 & mkdir -p d/e; echo x >d/e/f')),
      );
      // An ordinary user's are in the sandboxes' own namespaces alone.
      expect(await mountsOf(at.runDir)).toBe(isRoot ? 24 : 0);
      await Promise.all(ids.map((id) => engine.destroy(id)));
      expect(await mountsOf(at.dataDir)).toBe(0);
      expect(await cgroupsNaming(`leak-${process.pid}`)).toEqual([]);
      expect(await processesNaming(`leak-${process.pid}`)).toEqual([]);
      expect(await readdir(join(at.dataDir, 'sandboxes'))).toEqual([]);
      await engine.close();
      expect(existsSync(at.runDir) ? await readdir(at.runDir) : []).toEqual([]);
      engine = await at.open();
    });

    test('half-made sandboxes of an earlier life are listed as dead and removed', async () => {
      await mkdir(join(at.dataDir, 'sandboxes', 'only-a-folder'));
      await mkdir(join(at.dataDir, 'sandboxes', 'torn-spec'));
      await writeFile(join(at.dataDir, 'sandboxes', 'torn-spec', 'spec.json'), '{"sandboxId": "to');
      await mkdir('/sys/fs/cgroup/freezer/codeset', { recursive: true }).catch(() => undefined);
      expect(
        [...(await engine.list())]
          .map(({ sandboxId, alive }) => ({ sandboxId, alive }))
          .sort((a, b) => a.sandboxId.localeCompare(b.sandboxId)),
      ).toEqual([
        { sandboxId: 'only-a-folder', alive: false },
        { sandboxId: 'torn-spec', alive: false },
      ]);
      for (const { sandboxId } of await engine.list()) await engine.destroy(sandboxId);
      expect(await engine.list()).toEqual([]);
    });

    test('a sandbox that an earlier life left frozen is thawed', async () => {
      await engine.create(sandboxSpec('cold'));
      if (!isRoot) {
        const box = join(at.runDir, (await readdir(at.runDir))[0] ?? '', 'boxes/cold');
        await writeFile(join(box, 'stood'), '[]');
        process.kill(parseInt(await readFile(join(box, 'process'), 'utf8'), 10), 'SIGSTOP');
        await engine.close();
        engine = await at.open();
        expect((await sh(engine, 'cold', 'echo warm')).stdout).toBe('warm\n');
        return;
      }
      const groups = await cgroupsNaming('cold');
      const v1 = groups.find((path) => path.includes('/freezer/'));
      if (v1 !== undefined) await writeFile(join(v1, 'freezer.state'), 'FROZEN');
      else await writeFile(join(groups[0] ?? '', 'cgroup.freeze'), '1');
      await engine.close();
      engine = await at.open();
      expect((await sh(engine, 'cold', 'echo warm')).stdout).toBe('warm\n');
    });

    test('a sandbox whose init was killed is lost, and its files can still be committed', async () => {
      await engine.create(sandboxSpec('a'));
      await sh(engine, 'a', 'echo kept >f');
      const [pid] = (
        await readFile(join(at.runDir, (await readdir(at.runDir))[0] ?? '', 'boxes/a/process'), 'utf8')
      ).split(' ');
      process.kill(Number(pid), 'SIGKILL');
      await expect.poll(async () => (await engine.list())[0]?.alive).toBe(false);
      expect(await failure(engine.connect('a'))).toMatchObject({ reason: 'SESSION_LOST' });
      await engine.commit('a', { workspace: 'rest' });
      await engine.create(sandboxSpec('b', { workspaceLayers: ['rest'] }));
      expect((await sh(engine, 'b', 'cat f')).stdout).toBe('kept\n');
    });

    test('a sandbox that writes more than its disk limit is stopped and says so', async () => {
      await engine.close();
      engine = await at.open({ diskSampleMs: 50 });
      await engine.create(
        sandboxSpec('a', { resources: { ...DEFAULT_RESOURCES, diskBytes: 4 * 1024 ** 2 } }),
      );
      await sh(engine, 'a', 'head -c 8M /dev/urandom >big').catch(() => undefined);
      await expect.poll(async () => (await engine.list())[0]?.alive).toBe(false);
      const lost = await failure(engine.connect('a'));
      expect(lost.reason).toBe('SESSION_LOST');
      expect(lost.message).toMatch(/wrote \d+ MiB, and its disk limit is 4 MiB/);
      expect((await engine.usage('a')).diskBytes).toBeGreaterThan(4 * 1024 ** 2);
    });

    test('a sandbox that makes more files than its disk limit can hold is stopped, however empty they are', async () => {
      await engine.close();
      engine = await at.open({ diskSampleMs: 50 });
      await engine.create(sandboxSpec('a', { resources: { ...DEFAULT_RESOURCES, diskBytes: 1024 ** 2 } }));
      await sh(engine, 'a', 'seq 2000 | xargs touch; sleep 600').catch(() => undefined);
      await expect.poll(async () => (await engine.list())[0]?.alive).toBe(false);
      expect((await failure(engine.connect('a'))).message).toMatch(/its disk limit is 1 MiB/);
    });

    test('nothing new is made when the disk is down to its reserve', async () => {
      await engine.close();
      engine = await at.open({ reserveBytes: 2 ** 60 });
      expect((await failure(engine.create(sandboxSpec('a')))).reason).toBe('DISK_FULL');
      const unread = tarOf([]);
      expect((await failure(engine.importLayer('l', unread))).reason).toBe('DISK_FULL');
      expect(unread.destroyed).toBe(true);
      expect(await engine.list()).toEqual([]);
    });

    test('an environment with only an image is refused with what it needs', async () => {
      const { host: _, ...rest } = HOST_ENVIRONMENT;
      expect(await failure(engine.check({ ...rest, image: 'debian:12' }))).toMatchObject({
        kind: 'failed-precondition',
        reason: 'ENGINE_UNSUPPORTED',
      });
      expect((await failure(engine.check({ ...HOST_ENVIRONMENT, user: 'postgres' }))).reason).toBe(
        'ENVIRONMENT_UNMET',
      );
    });

    test('extra toolchain folders are seen read-only, on PATH and in the fingerprint', async () => {
      const before = await engine.fingerprint(HOST_ENVIRONMENT);
      await engine.close();
      const tools = join(at.dataDir, '..', `tools-${process.pid}`);
      await mkdir(join(tools, 'bin'), { recursive: true });
      await writeFile(join(tools, 'bin', 'extra-tool'), '#!/bin/sh\necho extra\n', { mode: 0o755 });
      try {
        engine = await at.open({ toolchainPaths: [{ path: tools, bin: join(tools, 'bin') }] });
        await engine.check({ ...HOST_ENVIRONMENT, host: { requires: ['extra-tool'] } });
        expect(await engine.fingerprint(HOST_ENVIRONMENT)).not.toBe(before);
      } finally {
        await rm(tools, { recursive: true, force: true });
      }
    });

    test('network public reaches the world, not the host, private addresses or metadata', async () => {
      if (!engine.capabilities().publicNetwork) {
        console.warn(`skipped: ${engine.capabilities().warnings.join(' ')}`);
        return;
      }
      await engine.create(sandboxSpec('a', { network: 'public' }));
      const route = await sh(
        engine,
        'a',
        'for a in 10.1.2.3 169.254.169.254 192.168.1.1 172.17.0.1 100.64.0.1; do python3 -c "import socket,sys; s=socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.connect((sys.argv[1], 80)); print(sys.argv[1])" $a 2>/dev/null; done; python3 -c "import socket; s=socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.connect((\'1.1.1.1\', 80)); print(\'world\')"; ip route add 10.0.0.0/8 dev lo 2>&1 | head -1',
        'root',
      );
      expect(route.stdout).toMatch(/^world\n/);
      expect(route.stdout).toMatch(/not permitted/);
      const raw = await inSandbox(engine, 'a', (init) =>
        init.run(
          ['/usr/bin/python3', '-c', 'import socket; socket.socket(socket.AF_PACKET, socket.SOCK_RAW)'],
          { user: 'root' },
        ),
      );
      expect(raw.stderr).toMatch(/PermissionError/);
      await engine.destroy('a');
      expect(await processesNaming(`${at.runDir}/`)).toEqual([]);
    });

    test('a socket that is bound to the interface goes around no closed range, as agent or as root', async () => {
      if (!engine.capabilities().publicNetwork) {
        console.warn(`skipped: ${engine.capabilities().warnings.join(' ')}`);
        return;
      }
      await using listener = await listenPrivately();
      const { stdout: routes } = await promisify(execFile)('ip', ['-4', 'route', 'show', 'default']);
      const gateway = /\bvia (\S+)/.exec(routes)?.[1];
      const closed = [
        `${listener.address}:${listener.port}`,
        ...(gateway === undefined ? [] : [`${gateway}:80`]),
        ...['10.1.2.3:53', '169.254.169.254:80', '192.168.1.1:53', '172.17.0.1:80', '100.64.0.1:80'],
        ...['198.18.0.1:80', '224.0.0.1:80', '240.0.0.1:80'],
      ];
      await engine.create(sandboxSpec('a', { network: 'public' }));
      for (const user of ['agent', 'root']) {
        const { stdout, stderr } = await inSandbox(engine, 'a', (init) =>
          init.run(['/usr/bin/python3', '-c', REACH, ...closed, 'world', '1.1.1.1:53'], { user }),
        );
        const lines = stdout.trim().split('\n');
        expect(lines.slice(-1), stderr).toEqual(['world 1.1.1.1:53 sent']);
        // What an ordinary user's listener has is an address that the sandbox has too: there it talks to itself.
        const itself = (line: string): boolean => !isRoot && line.startsWith(`${listener.address}:`);
        const reached = lines.slice(0, -1).filter((line) => !line.endsWith(' refused') && !itself(line));
        expect(reached).toEqual([]);
        // Each over TCP and UDP, bound to the interface and not.
        expect(lines).toHaveLength(closed.length * 4 + 1);
        const capabilities = await sh(engine, 'a', 'grep CapBnd /proc/self/status /proc/1/status', user);
        for (const set of capabilities.stdout
          .trim()
          .split('\n')
          .slice(user === 'root' ? 0 : 1)) {
          // CAP_NET_ADMIN and CAP_NET_RAW.
          expect(BigInt(`0x${/[0-9a-f]+$/.exec(set)?.[0] ?? 'f'}`) & 0x3000n).toBe(0n);
        }
      }
      expect(listener.heard()).toEqual([]);
    });

    test('where the kernel has no filter, network public is refused with a sentence', async ({ skip }) => {
      const { publicNetwork, warnings } = engine.capabilities();
      skip(!publicNetwork, `no network that a filter could close: ${warnings.join(' ')}`);
      await engine.close();
      const broken = `${at.dataDir}-init`;
      await writeFile(
        broken,
        `#!/bin/sh\ncase $1 in network) echo 'network: no nf_tables.' >&2; exit 125 ;; esac\nexec ${initPath} "$@"\n`,
        {
          mode: 0o755,
        },
      );
      try {
        engine = await at.open({ initPath: broken });
        expect(engine.capabilities().publicNetwork).toBe(false);
        expect(engine.capabilities().warnings).toContain(
          'Network "public" can\'t be given: network: no nf_tables.',
        );
        const refusal = await failure(engine.create(sandboxSpec('a', { network: 'public' })));
        expect(refusal).toMatchObject({ reason: 'ENGINE_UNSUPPORTED' });
      } finally {
        await rm(broken);
      }
    });
  });
});
