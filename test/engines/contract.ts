import { Readable } from 'node:stream';
import tar from 'tar-stream';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { DEFAULT_RESOURCES, type Environment } from '../../src/core/environment.js';
import { CodesetError } from '../../src/core/errors.js';
import type { Engine, SandboxSpec } from '../../src/core/ports.js';
import { InitClient, type Result } from './init-client.js';

export const HOST_ENVIRONMENT: Environment = {
  host: { requires: ['bash', 'tar'] },
  setup: [],
  prepare: [],
  setupNetwork: 'none',
  network: 'none',
  env: {},
  workdir: '/workspace',
  user: 'agent',
};

export function sandboxSpec(sandboxId: string, changes: Partial<SandboxSpec> = {}): SandboxSpec {
  return {
    sandboxId,
    purpose: 'session',
    environment: HOST_ENVIRONMENT,
    rootLayers: [],
    workspaceLayers: [],
    mounts: [],
    resources: DEFAULT_RESOURCES,
    network: 'none',
    hostname: 'codeset',
    ...changes,
  };
}

export async function inSandbox<T>(
  engine: Engine,
  sandboxId: string,
  work: (init: InitClient) => Promise<T>,
): Promise<T> {
  const init = new InitClient(await engine.connect(sandboxId));
  try {
    return await work(init);
  } finally {
    await init[Symbol.asyncDispose]();
  }
}

export function sh(
  engine: Engine,
  sandboxId: string,
  script: string,
  user = 'agent',
  cwd = '/workspace',
): Promise<Result> {
  return inSandbox(engine, sandboxId, (init) => init.run(script, { user, cwd }));
}

export interface TarEntry {
  readonly name: string;
  readonly type?: 'file' | 'directory' | 'symlink' | 'link' | 'character-device' | 'fifo';
  readonly linkname?: string;
  readonly uid?: number;
  readonly mode?: number;
  readonly content?: string;
}

export function tarOf(entries: readonly TarEntry[]): Readable {
  const pack = tar.pack();
  for (const entry of entries) {
    const { content = '', uid = 1000, type = 'file', ...rest } = entry;
    pack.entry({ ...rest, type, uid, gid: uid, mtime: new Date(0) }, type === 'file' ? content : '');
  }
  pack.finalize();
  return Readable.from(pack as AsyncIterable<Buffer>);
}

export async function failure(work: Promise<unknown>): Promise<CodesetError> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(CodesetError);
  return error as CodesetError;
}

/** What every engine must hold. `make` opens the engine under test over the same storage each time. */
export function engineContract(
  name: string,
  setUp: () => Promise<{ open: () => Promise<Engine>; tearDown: () => Promise<void> }>,
): void {
  describe(`${name}: every engine`, () => {
    let engine: Engine;
    let context: Awaited<ReturnType<typeof setUp>>;

    beforeAll(async () => {
      context = await setUp();
      engine = await context.open();
    });
    afterEach(async () => {
      for (const { sandboxId } of await engine.list()) await engine.destroy(sandboxId);
      for (const { layerId } of await engine.listLayers()) await engine.deleteLayer(layerId);
    });
    afterAll(async () => {
      await engine.close();
      await context.tearDown();
    });

    test('commands run as an unprivileged user with no capabilities, no_new_privs and a seccomp filter', async () => {
      await engine.create(sandboxSpec('a'));
      const { stdout } = await sh(
        engine,
        'a',
        'id -u; grep -E "^(Cap|NoNew|Seccomp:)" /proc/self/status; cat /proc/self/uid_map',
      );
      expect(stdout).toMatch(/^1000\n/);
      expect(stdout.match(/^Cap\w+:\t0000000000000000$/gm)).toHaveLength(5);
      expect(stdout).toMatch(/NoNewPrivs:\t1/);
      expect(stdout).toMatch(/Seccomp:\t2/);
      expect(stdout).not.toMatch(/^\s+0\s+0\s/m);
    });

    test('the sandbox root has the capabilities that Docker grants and can chown, and is nobody on the host', async () => {
      await engine.create(sandboxSpec('a'));
      const { stdout, code } = await sh(
        engine,
        'a',
        'grep CapEff /proc/self/status; touch f && chown 1000:1000 f && stat -c %u f; mkdir -p /opt/x && echo 1 >/usr/local/bin/tool && echo 1 >/etc/thing; touch /usr/bin/evil',
        'root',
      );
      expect(stdout).toMatch(/CapEff:\t00000000a80425fb/);
      expect(stdout).toMatch(/^1000$/m);
      expect(code).toBe(1);
    });

    test('namespaces, keyrings, mounts and ptrace of init are refused', async () => {
      await engine.create(sandboxSpec('a'));
      const script = `
import ctypes, os, errno
libc = ctypes.CDLL(None, use_errno=True)
def call(*args):
    r = libc.syscall(*args); return 'ok' if r >= 0 else errno.errorcode[ctypes.get_errno()]
print('unshare-user', call(272, 0x10000000))
print('unshare-net', call(272, 0x40000000))
print('clone-user', call(56, 0x10000000 | 17, 0, 0, 0, 0))
print('clone3', call(435, 0, 0))
print('keyctl', call(250, 0, 0, 0, 0, 0))
print('add_key', call(248, b'user', b'x', b'y', 1, -3))
print('mount', call(165, b'none', b'/mnt', b'tmpfs', 0, 0))
print('bpf', call(321, 0, 0, 0))
print('io_uring', call(425, 8, 0))
print('userfaultfd', call(323, 0))
if os.getuid() != 0: print('ptrace-init', call(101, 16, 1, 0, 0))
print('socket-vsock', call(41, 40, 1, 0))
print('socket-alg', call(41, 38, 5, 0))
print('mknod-device', call(133, b'/workspace/null', 0o20666, 0x103))
print('mknod-whiteout', call(133, b'/workspace/w', 0o20000, 0))
try:
    if os.getuid() != 0:
        open('/proc/1/mem', 'r+b'); print('init-mem ok')
except OSError as e: print('init-mem', errno.errorcode[e.errno])
`;
      for (const user of ['agent', 'root']) {
        const { stdout } = await inSandbox(engine, 'a', (init) =>
          init.run(['/usr/bin/python3', '-c', script], { user }),
        );
        // Only the agent is kept from init: the sandbox's root holds what init holds.
        expect(stdout.split('\n').filter((line) => line.endsWith(' ok'))).toEqual([]);
        expect(stdout).toMatch(/clone3 ENOSYS/);
        expect(stdout.trim().split('\n')).toHaveLength(user === 'root' ? 14 : 16);
      }
    });

    test('nothing of the host is seen but its toolchain', async () => {
      await engine.create(sandboxSpec('a'));
      const { stdout } = await sh(
        engine,
        'a',
        'ls -A / /home /root /srv /mnt /var/lib /run /sys; ls /proc | grep -cE "^[0-9]+$"; cat /proc/1/cmdline; ls /proc/1/root /proc/1/fd',
        'root',
      );
      expect(stdout).toMatch(/run\/codeset\/init/);
      for (const secret of ['docker.sock', '.ssh', 'codeset.db', 'sandboxes', 'layers'])
        expect(stdout).not.toContain(secret);
      const mountinfo = await sh(engine, 'a', 'cat /proc/self/mountinfo');
      expect(mountinfo.stdout).not.toContain(process.cwd());
      expect(Number(/^(\d+)$/m.exec(stdout)?.[1])).toBeLessThan(10);
    });

    test('without network there is loopback alone, and it is the sandbox’s own', async () => {
      const { createServer } = await import('node:net');
      const server = createServer((socket) => socket.end('host'));
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const { port } = server.address() as { port: number };
      try {
        await engine.create(sandboxSpec('a'));
        const { stdout, code } = await sh(
          engine,
          'a',
          `cat /proc/net/dev | tail -n +3 | cut -d: -f1; exec 2>/dev/null; bash -c 'exec 3<>/dev/tcp/127.0.0.1/${port}' && echo REACHED; bash -c 'exec 3<>/dev/tcp/1.1.1.1/80' && echo REACHED; python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen(); c = socket.create_connection(s.getsockname()); print("own loopback")'`,
        );
        expect(
          stdout
            .trim()
            .split('\n')
            .map((line) => line.trim()),
        ).toEqual(['lo', 'own loopback']);
        expect(code).toBe(0);
      } finally {
        server.close();
      }
    });

    test('a process over the memory limit is killed, and that is counted', async () => {
      await engine.create(
        sandboxSpec('a', { resources: { ...DEFAULT_RESOURCES, memoryBytes: 64 * 1024 ** 2 } }),
      );
      expect((await engine.usage('a')).outOfMemoryKills).toBe(0);
      const { signal } = await inSandbox(engine, 'a', (init) =>
        init.run(['/usr/bin/python3', '-c', 'x = bytearray(200 << 20)']),
      );
      expect(signal).toBe(9);
      const usage = await engine.usage('a');
      expect(usage.outOfMemoryKills).toBeGreaterThan(0);
      expect(usage.memoryPeakBytes).toBeGreaterThan(32 * 1024 ** 2);
      expect((await sh(engine, 'a', 'echo still there')).stdout).toBe('still there\n');
    });

    test('a fork bomb ends at the limit on processes and the engine goes on', async () => {
      await engine.create(
        sandboxSpec('a', { resources: { ...DEFAULT_RESOURCES, processes: 64, cpus: 0.5 } }),
      );
      const init = new InitClient(await engine.connect('a'));
      const bomb = init.run(['/bin/bash', '-c', ':(){ :|:& };:']).catch(() => undefined);
      await engine.create(sandboxSpec('b'));
      expect((await sh(engine, 'b', 'echo fine')).stdout).toBe('fine\n');
      await engine.destroy('a');
      await bomb;
      expect((await engine.list()).map((sandbox) => sandbox.sandboxId)).toEqual(['b']);
    });

    test('a busy loop gets the CPU time that the limit says', async () => {
      await engine.create(sandboxSpec('a', { resources: { ...DEFAULT_RESOURCES, cpus: 0.2 } }));
      const before = (await engine.usage('a')).cpuTimeUs;
      await sh(engine, 'a', 'timeout 1 sh -c "while :; do :; done"');
      const used = (await engine.usage('a')).cpuTimeUs - before;
      expect(used).toBeGreaterThan(20_000);
      expect(used).toBeLessThan(500_000);
    });

    test('a workspace is its layers in order, with the owners of the archive, and writable', async () => {
      await engine.importLayer(
        'lower',
        tarOf([
          { name: './', type: 'directory', mode: 0o755 },
          { name: 'a', content: '1' },
          { name: 'b', content: '1' },
          { name: 'rootish', uid: 0 },
        ]),
      );
      await engine.importLayer(
        'upper',
        tarOf([
          { name: './', type: 'directory', mode: 0o755 },
          { name: 'b', content: '2' },
        ]),
      );
      await engine.create(sandboxSpec('a', { workspaceLayers: ['lower', 'upper'] }));
      const { stdout, code } = await sh(
        engine,
        'a',
        'cat a b; stat -c " %u %n" a rootish; echo 3 >a; echo 3 >new; rm b; ls',
      );
      expect(stdout).toBe('12 1000 a\n 0 rootish\na\nnew\nrootish\n');
      expect(code).toBe(0);
    });

    test('a layer can be read at a path and not written, and belongs to root', async () => {
      await engine.importLayer(
        'hidden',
        tarOf([{ name: 'run', uid: 0, mode: 0o755, content: '#!/bin/sh\necho ran\n' }]),
      );
      await engine.create(sandboxSpec('a', { mounts: [{ layer: 'hidden', path: '/verification' }] }));
      const { stdout, stderr } = await sh(
        engine,
        'a',
        '/verification/run; stat -c %u /verification /verification/run; touch /verification/x; rm -f /verification/run',
        'root',
      );
      expect(stdout).toBe('ran\n0\n0\n');
      expect(stderr).toMatch(/Read-only/);
    });

    test('what a sandbox wrote is committed and seen again: deletions, renamed folders, links, holes, owners, modes', async () => {
      await engine.importLayer(
        'base',
        tarOf([
          { name: './', type: 'directory', mode: 0o755 },
          { name: 'gone', content: 'x' },
          { name: 'dir/', type: 'directory', mode: 0o755 },
          { name: 'dir/f', content: 'deep' },
          { name: 'emptied/', type: 'directory', mode: 0o755 },
          { name: 'emptied/old', content: 'old' },
        ]),
      );
      await engine.create(sandboxSpec('a', { workspaceLayers: ['base'] }));
      const changed = await sh(
        engine,
        'a',
        'set -e; rm gone; mv dir moved; rm -r emptied; mkdir emptied; echo new >emptied/new; echo h >h1; ln h1 h2; ln -s h1 s; truncate -s 64M hole; chmod 640 h1; mkfifo p; mkdir -m 700 private; chown 0:0 private; setfattr -n user.k -v v h1 2>/dev/null || true',
        'root',
      );
      expect(changed).toMatchObject({ code: 0, stderr: '' });
      const look =
        'find . -printf "%P %y %m %U %s %n %l\\n" | sort; cat moved/f; stat -c %b hole; ls emptied';
      const before = await sh(engine, 'a', look, 'root');
      const [layer] = await engine.commit('a', { workspace: 'diff' });
      expect(layer?.bytes).toBeLessThan(1024 ** 2);
      await engine.create(sandboxSpec('b', { workspaceLayers: ['base', 'diff'] }));
      const after = await sh(engine, 'b', look, 'root');
      expect(after.stdout).toBe(before.stdout);
      expect(after.stdout).toMatch(/^new$/m);
      expect(after.stdout).not.toMatch(/^gone|emptied\/old/m);
      expect(await engine.commit('a', { workspace: 'diff' })).toEqual([layer]);
      expect((await sh(engine, 'a', 'echo thawed')).stdout).toBe('thawed\n');
    });

    test('what set-up wrote outside the workspace is a layer that other sandboxes share', async () => {
      await engine.create(sandboxSpec('a', { purpose: 'setup' }));
      await sh(
        engine,
        'a',
        'set -e; for d in /opt /etc /var /usr/local/bin /root /home/agent; do echo $d >$d/mark; done; echo ws >/workspace/ws; rm /etc/shells',
        'root',
      );
      await engine.commit('a', { root: 'setup' });
      await engine.destroy('a');
      await engine.create(sandboxSpec('b', { rootLayers: ['setup'] }));
      const { stdout } = await sh(
        engine,
        'b',
        'cat /opt/mark /etc/mark /var/mark /usr/local/bin/mark /root/mark /home/agent/mark; ls /workspace; test ! -e /etc/shells && echo removed',
      );
      expect(stdout).toBe('/opt\n/etc\n/var\n/usr/local/bin\n/root\n/home/agent\nremoved\n');
    });

    test('hostile archives are refused or harmless, and leave no layer', async () => {
      const hostile: Record<string, readonly TarEntry[]> = {
        climbing: [{ name: '../escape', content: 'x' }],
        device: [{ name: 'dev', type: 'character-device' }],
        linked: [
          { name: 'l', type: 'symlink', linkname: '/usr' },
          { name: 'l/evil', content: 'x' },
        ],
        hardlink: [{ name: 'h', type: 'link', linkname: '/etc/passwd-nowhere' }],
      };
      for (const [layerId, entries] of Object.entries(hostile)) {
        const error = await failure(engine.importLayer(layerId, tarOf(entries)));
        expect(error.reason, layerId).toBe('INVALID_ARCHIVE');
        expect(await engine.hasLayer(layerId)).toBe(false);
      }
      const garbage = await failure(
        engine.importLayer('garbage', Readable.from([Buffer.alloc(4096, 'no tar')])),
      );
      expect(garbage.reason).toBe('INVALID_ARCHIVE');
      const broken = Readable.from(
        (async function* () {
          yield Buffer.alloc(512);
          throw new Error('the client went');
        })(),
      );
      await expect(engine.importLayer('broken', broken)).rejects.toThrow('the client went');
      expect(await engine.listLayers()).toEqual([]);
    });

    test('a layer is imported once, however often and in parallel it is asked for', async () => {
      const make = () => engine.importLayer('l', tarOf([{ name: 'f', content: 'x'.repeat(100_000) }]));
      const layers = await Promise.all([make(), make(), make()]);
      expect(new Set(layers.map((layer) => layer.bytes)).size).toBe(1);
      expect(await make()).toEqual(layers[0]);
      await engine.deleteLayer('l');
      await engine.deleteLayer('l');
      expect(await engine.hasLayer('l')).toBe(false);
    });

    test('an environment that can’t be made is refused with what is missing', async () => {
      const unmet = await failure(
        engine.check({ ...HOST_ENVIRONMENT, host: { requires: ['bash', 'no-such-tool'] } }),
      );
      expect(unmet).toMatchObject({ kind: 'failed-precondition', reason: 'ENVIRONMENT_UNMET' });
      expect(unmet.message).toContain('no-such-tool');
    });

    test('a sandbox is found again by another life of the engine, and a dead one is told as dead', async () => {
      await engine.create(sandboxSpec('a', { purpose: 'verification' }));
      await engine.create(sandboxSpec('b'));
      await engine.close();
      engine = await context.open();
      expect([...(await engine.list())].sort((x, y) => x.sandboxId.localeCompare(y.sandboxId))).toEqual([
        { sandboxId: 'a', purpose: 'verification', alive: true },
        { sandboxId: 'b', purpose: 'session', alive: true },
      ]);
      expect((await sh(engine, 'a', 'echo back')).stdout).toBe('back\n');
      await engine.destroy('a');
      await engine.destroy('a');
      expect((await failure(engine.connect('a'))).reason).toBe('SESSION_LOST');
    });

    test('an id is used once, and an aborted creation leaves nothing', async () => {
      await engine.create(sandboxSpec('a'));
      expect((await failure(engine.create(sandboxSpec('a')))).reason).toBe('ENGINE_FAILED');
      expect((await sh(engine, 'a', 'echo unharmed')).stdout).toBe('unharmed\n');
      const abort = new AbortController();
      const making = engine.create(sandboxSpec('b'), abort.signal);
      setImmediate(() => abort.abort());
      await expect(making).rejects.toThrow();
      expect((await engine.list()).map((sandbox) => sandbox.sandboxId)).toEqual(['a']);
    });
  });
}
