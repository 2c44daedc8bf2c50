import { Readable } from 'node:stream';
import tar from 'tar-stream';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { DEFAULT_RESOURCES, type Environment } from '../../src/core/environment.js';
import { CodesetError } from '../../src/core/errors.js';
import type { Engine, SandboxSpec } from '../../src/core/ports/engine.js';
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

/** A sandbox on the host's toolchain, unless it is changed. */
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

/** Under another name where the contract has its own. */
const specOf = sandboxSpec;

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

export interface EngineContext {
  /** Opens the engine under test over the same storage each time. */
  open(): Promise<Engine>;
  tearDown(): Promise<void>;
  /** What its sandboxes stand on; the host's toolchain where nothing else is said. */
  environment?(engine: Engine): Promise<Environment>;
  /** Where the engine's daemon keeps what it has. */
  readonly daemonRoot?: string;
  /** One that it can't make for want of the thing that is named. */
  readonly unmet?: { readonly environment: Environment; readonly names: string };
}

const UNMET = {
  environment: { ...HOST_ENVIRONMENT, host: { requires: ['bash', 'no-such-tool'] } },
  names: 'no-such-tool',
};

/** What every engine must hold. Where engines may differ, what is expected follows from what the engine declares. */
export function engineContract(name: string, setUp: () => Promise<EngineContext>, openMs = 10_000): void {
  describe(`${name}: every engine`, () => {
    let engine: Engine;
    let context: EngineContext;
    let environment: Environment;

    const sandboxSpec = (sandboxId: string, changes: Partial<SandboxSpec> = {}): SandboxSpec =>
      specOf(sandboxId, { environment, ...changes });

    beforeAll(async () => {
      context = await setUp();
      engine = await context.open();
      environment = (await context.environment?.(engine)) ?? HOST_ENVIRONMENT;
    }, openMs);
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
      // Where a sandbox has one id, the agent is a user without root's capabilities, not one with an id of its own.
      expect(stdout).toMatch(engine.capabilities().separateUsers ? /^1000\n/ : /^0\n/);
      expect(stdout.match(/^Cap\w+:\t0000000000000000$/gm)).toHaveLength(5);
      expect(stdout).toMatch(/NoNewPrivs:\t1/);
      expect(stdout).toMatch(/Seccomp:\t2/);
      const isHostRoot = /^\s+0\s+0\s/m.test(stdout);
      expect(isHostRoot).toBe(!engine.capabilities().userNamespace);
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
      expect(stdout).toMatch(engine.capabilities().separateUsers ? /^1000$/m : /^0$/m);
      // The host's toolchain is the host's; an image is the sandbox's own.
      expect(code).toBe(environment.host === undefined ? 0 : 1);
    });

    test('namespaces, keyrings, mounts and ptrace of init are refused', async () => {
      await engine.create(sandboxSpec('a'));
      const script = `
import ctypes, os, errno, sys
agent = sys.argv[1] == 'agent'
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
if agent: print('ptrace-init', call(101, 16, 1, 0, 0))
print('socket-vsock', call(41, 40, 1, 0))
print('socket-alg', call(41, 38, 5, 0))
print('mknod-device', call(133, b'/workspace/null', 0o20666, 0x103))
print('mknod-whiteout', call(133, b'/workspace/w', 0o20000, 0))
try:
    if agent:
        open('/proc/1/mem', 'r+b'); print('init-mem ok')
except OSError as e: print('init-mem', errno.errorcode[e.errno])
`;
      for (const user of ['agent', 'root']) {
        const { stdout } = await inSandbox(engine, 'a', (init) =>
          init.run(['/usr/bin/python3', '-c', script, user], { user }),
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
      // A daemon's own folder, where images lie, is named in what it mounts.
      const mounts = mountinfo.stdout.replaceAll(context.daemonRoot ?? '\0', '');
      expect(mounts).not.toContain(process.cwd());
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
      const enforced = engine.capabilities().memory === 'enforced';
      expect((await engine.usage('a')).outOfMemoryKills).toBe(enforced ? 0 : -1);
      const { signal } = await inSandbox(engine, 'a', (init) =>
        init.run(['/usr/bin/python3', '-c', 'x = bytearray(200 << 20)']),
      );
      if (enforced) {
        expect(signal).toBe(9);
        const usage = await engine.usage('a');
        expect(usage.outOfMemoryKills).toBeGreaterThan(0);
        expect(usage.memoryPeakBytes).toBeGreaterThan(32 * 1024 ** 2);
      } else {
        expect(engine.capabilities().warnings.join('\n')).toMatch(/The limit on memory is not enforced/);
        expect((await engine.usage('a')).memoryBytes).toBeGreaterThan(0);
      }
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

    test('as many processes as the limit says can run at once, and no more', async () => {
      await engine.create(sandboxSpec('a', { resources: { ...DEFAULT_RESOURCES, processes: 48 } }));
      const script = `
import os, signal, time
made = []
try:
    for _ in range(200):
        pid = os.fork()
        if pid == 0: time.sleep(600)
        made.append(pid)
except OSError: pass
print(len(made))
for pid in made: os.kill(pid, signal.SIGKILL)
`;
      const { stdout } = await inSandbox(engine, 'a', (init) => init.run(['/usr/bin/python3', '-c', script]));
      const most = engine.capabilities().processes === 'enforced' ? 48 : 200;
      expect(Number(stdout)).toBeGreaterThan(most / 2);
      expect(Number(stdout)).toBeLessThanOrEqual(most);
    });

    test('a busy loop gets the CPU time that the limit says', async () => {
      await engine.create(sandboxSpec('a', { resources: { ...DEFAULT_RESOURCES, cpus: 0.2 } }));
      const before = (await engine.usage('a')).cpuTimeUs;
      await sh(engine, 'a', 'timeout 1 sh -c "while :; do :; done"');
      const used = (await engine.usage('a')).cpuTimeUs - before;
      expect(used).toBeGreaterThan(20_000);
      if (engine.capabilities().cpu === 'enforced') expect(used).toBeLessThan(500_000);
      else expect(engine.capabilities().warnings.join('\n')).toMatch(/The limit on cpu is not enforced/);
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
      const agent = engine.capabilities().separateUsers ? 1000 : 0;
      expect(stdout).toBe(`12 ${agent} a\n 0 rootish\na\nnew\nrootish\n`);
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

    test('the top folder of a layer is as closed as its archive says', async () => {
      await engine.importLayer(
        'closed',
        tarOf([
          { name: './', type: 'directory', uid: 0, mode: 0o700 },
          { name: 'tests', uid: 0, content: '1' },
        ]),
      );
      await engine.create(sandboxSpec('a', { mounts: [{ layer: 'closed', path: '/verification' }] }));
      const { stdout } = await sh(engine, 'a', 'stat -c "%a %u" /verification; ls /verification');
      expect(stdout).toBe(engine.capabilities().separateUsers ? '700 0\n' : '700 0\ntests\n');
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

    test('both parts are committed as of one moment, also while they are written to, and what writes goes on', async () => {
      await engine.create(sandboxSpec('a'));
      await sh(engine, 'a', 'head -c 20M /dev/urandom >big; mkdir d1 d2; echo 1 >d1/f; echo 2 >d2/f');
      // A count in both parts, in a mapped file, and folders that change places: in any one moment the second is as
      // the first or one behind.
      const script = `
import mmap, os, sys
w = os.open('/workspace/count', os.O_RDWR | os.O_CREAT); r = os.open('/var/count', os.O_RDWR | os.O_CREAT)
m = None
if sys.argv[1] == 'mapped':
    f = os.open('/workspace/mapped', os.O_RDWR | os.O_CREAT); os.ftruncate(f, 4096); m = mmap.mmap(f, 4096)
n = 0
while not os.path.exists('/workspace/stop'):
    n += 1; s = b'%08d' % n
    os.pwrite(w, s, 0); os.pwrite(r, s, 0)
    if m: m[:8] = s
    os.rename('/workspace/d1', '/workspace/x'); os.rename('/workspace/d2', '/workspace/d1'); os.rename('/workspace/x', '/workspace/d2')
    with open('/workspace/new', 'w') as g: g.write(str(n))
    os.rename('/workspace/new', '/workspace/last')
    if n == 100: print('on', flush=True)
print('stopped')
`;
      for (const kind of ['plain', 'mapped']) {
        // A sandbox has one link, so all goes over this one.
        const init = new InitClient(await engine.connect('a'));
        try {
          const writing = init.run(['/usr/bin/python3', '-c', script, kind], { user: 'root' });
          await expect
            .poll(async () => Number((await init.run('cat /workspace/count 2>/dev/null')).stdout))
            .toBeGreaterThan(100);
          await engine.commit('a', { root: `${kind}-root`, workspace: `${kind}-workspace` });
          await init.run('touch /workspace/stop', { user: 'root' });
          expect(await writing).toMatchObject({ code: 0, stdout: 'on\nstopped\n' });
          await init.run('cd /workspace; rm stop count', { user: 'root' });
        } finally {
          await init[Symbol.asyncDispose]();
        }
        await engine.create(
          sandboxSpec(kind, { rootLayers: [`${kind}-root`], workspaceLayers: [`${kind}-workspace`] }),
        );
        const seen = await sh(
          engine,
          kind,
          'cat count; echo; cat /var/count; echo; if [ -e mapped ]; then head -c 8 mapped; fi; echo; cat d1/f d2/f 2>/dev/null; ls stop; stat -c %s big',
        );
        const [count = '', other = '', mapped = '', ...rest] = seen.stdout.split('\n');
        expect(Number(count)).toBeGreaterThan(100);
        expect(Number(count) - Number(other)).toBeGreaterThanOrEqual(0);
        expect(Number(count) - Number(other)).toBeLessThanOrEqual(1);
        if (kind === 'mapped') {
          expect(Number(count) - Number(mapped)).toBeGreaterThanOrEqual(0);
          expect(Number(count) - Number(mapped)).toBeLessThanOrEqual(1);
        }
        expect(rest.slice(0, -2).sort().join('')).toMatch(/^1?2?$/);
        expect(rest.slice(-2)).toEqual([String(20 * 1024 ** 2), '']);
      }
    });

    test('whatever a sandbox can make is the same in one made from its layers, in both parts and once more from those', async () => {
      await engine.importLayer(
        'base',
        tarOf([
          { name: './', type: 'directory', mode: 0o755 },
          { name: 'kept/', type: 'directory', mode: 0o755 },
          { name: 'kept/deep/', type: 'directory', mode: 0o755 },
          { name: 'kept/deep/f', content: 'deep' },
          { name: 'kept/g', content: 'g' },
          { name: 'opaque/', type: 'directory', mode: 0o755 },
          { name: 'opaque/old', content: 'old' },
          { name: 'file', content: 'lower' },
          { name: 'gone', content: 'x' },
        ]),
      );
      const make = (at: string): string => `
set -e; cd ${at}
mkdir -p kept/deep opaque; [ -e kept/deep/f ] || { echo deep >kept/deep/f; echo g >kept/g; }
mv kept moved; mv moved/deep moved/deeper; mv moved twice
rm -rf opaque; mkdir opaque; echo new >opaque/new
rm -f gone; rm -f file; mkdir file; echo x >file/x
echo l >l1; mkdir -p l/l; ln l1 l/l2; ln l/l2 l/l/l3
ln -s nowhere dangling; ln -s ../.. up
mkfifo -m 622 fifo; truncate -s 8M hole; printf x | dd of=hole bs=1 seek=4M conv=notrunc 2>/dev/null
cp /bin/true suid; chmod 6755 suid; mkdir -m 1777 sticky; mkdir -m 2770 setgid
echo o >owned; chown 12:34 owned; touch -d '2001-02-03 04:05:06.123456789' owned sticky
touch "$(printf 'odd\nname')"
python3 - <<END
import os, socket
socket.socket(socket.AF_UNIX).bind('sock')
os.setxattr('owned', 'user.k', b'v'); os.setxattr('setgid', 'user.d', b'w')
END
`;
      const look = (at: string): string => `
cd ${at}; find . -xdev -printf '%P %y %#m %U %G %s %T@ %l\n' | grep -v '^ d' | sort
cat twice/deeper/f twice/g file/x l/l/l3; ls opaque; stat -c %b hole; cat hole | md5sum
[ l1 -ef l/l2 ] && [ l1 -ef l/l/l3 ] && echo linked
python3 -c "import os; print(os.getxattr('owned', 'user.k'), os.getxattr('setgid', 'user.d'))"; ls kept gone 2>&1`;
      await engine.create(sandboxSpec('a', { workspaceLayers: ['base'] }));
      const all = ['/workspace', '/var/lib/made', '/etc/made', '/home/agent'];
      const exact = engine.capabilities().rootFiles === 'exact';
      await sh(
        engine,
        'a',
        'mkdir /var/lib/made /etc/made; chmod 2711 /workspace; chown 7:8 /workspace',
        'root',
        '/',
      );
      for (const at of all) {
        expect(await sh(engine, 'a', make(at), 'root', '/'), at).toMatchObject({ code: 0, stderr: '' });
      }
      await sh(engine, 'a', 'rm -r /etc/ssl; mv /etc/init.d /etc/renamed || true', 'root', '/');
      // What an image holds of a root: no sockets, holes and attributes, and whole seconds.
      const seenIn = async (id: string, at: string): Promise<readonly string[]> => {
        const lines = (await sh(engine, id, look(at), 'root', '/')).stdout.split('\n');
        if (exact || at === '/workspace') return lines;
        const files = lines.filter((line) => !/^sock s |^\d+$|^b'v' b'w'$/.test(line));
        return files.map((line) => line.replace(/ (\d+)\.\d+( \S*)$/, ' $1$2'));
      };
      const seen = async (id: string): Promise<readonly string[]> => {
        const top = await sh(engine, id, 'ls -a /etc; stat -c "%a %u %g %Y" /workspace', 'root', '/');
        const lines = top.stdout.split('\n');
        for (const at of all) lines.push(...(await seenIn(id, at)));
        return lines;
      };
      const wanted = await seen('a');
      expect(wanted.filter((line) => line === 'linked')).toHaveLength(all.length);
      await engine.commit('a', { root: 'r1', workspace: 'w1' });
      await engine.create(sandboxSpec('b', { rootLayers: ['r1'], workspaceLayers: ['base', 'w1'] }));
      expect(await seen('b')).toEqual(wanted);
      await sh(
        engine,
        'b',
        'mv twice thrice; mv thrice/deeper thrice/deepest; echo more >>l1; mv thrice twice; mv twice/deepest twice/deeper; sed -i "s/more//; /^$/d" l1',
        'root',
      );
      const changed = await seen('b');
      await engine.commit('b', { root: 'r2', workspace: 'w2' });
      await engine.create(
        sandboxSpec('c', { rootLayers: ['r1', 'r2'], workspaceLayers: ['base', 'w1', 'w2'] }),
      );
      expect(await seen('c')).toEqual(changed);
      await engine.flatten('root', ['r1', 'r2'], 'flat-r');
      const flat = await engine.flatten('workspace', ['base', 'w1', 'w2'], 'flat-w');
      expect(await engine.flatten('workspace', ['base', 'w1', 'w2'], 'flat-w')).toEqual(flat);
      for (const layer of ['base', 'r1', 'r2', 'w1', 'w2']) {
        for (const id of ['b', 'c']) await engine.destroy(id);
        await engine.deleteLayer(layer);
      }
      await engine.create(sandboxSpec('d', { rootLayers: ['flat-r'], workspaceLayers: ['flat-w'] }));
      expect(await seen('d')).toEqual(changed);
      await sh(engine, 'd', 'mv twice four; rm l1; rm -r /etc/made', 'root');
      await engine.commit('d', { root: 'r3', workspace: 'w3' });
      await engine.create(
        sandboxSpec('e', { rootLayers: ['flat-r', 'r3'], workspaceLayers: ['flat-w', 'w3'] }),
      );
      const after = await sh(
        engine,
        'e',
        'cat four/deeper/f; ls l1 /etc/made; ls /var/lib/made | wc -l',
        'root',
      );
      expect(after.stdout).toMatch(/^deep[1-9]\d*\n$/);
    });

    test('a sandbox that is destroyed while it is committed gives no layer', async () => {
      for (const bytes of ['1M', '32M']) {
        await engine.create(sandboxSpec('a'));
        await sh(engine, 'a', `head -c ${bytes} /dev/urandom >big`);
        const committing = failure(engine.commit('a', { root: 'r', workspace: 'w' }));
        await engine.destroy('a');
        expect(await committing).toMatchObject({ kind: 'failed-precondition', reason: 'SESSION_LOST' });
        expect(await engine.listLayers()).toEqual([]);
      }
    });

    test('a sandbox may be made of as many layers as the engine says, and more by making them one', async () => {
      const layers: string[] = [];
      for (let i = 0; i < engine.maxLayers; i++) {
        layers.push(`snap-01jd3kxxxxxxxxxxxxxxx${String(i).padStart(2, '0')}-workspace`);
        await engine.importLayer(
          layers.at(-1) ?? '',
          tarOf([
            { name: './', type: 'directory', mode: 0o755 },
            { name: `f${i}`, content: String(i) },
            { name: 'top', content: String(i) },
          ]),
        );
      }
      // A root's are made by commits.
      await engine.create(sandboxSpec('r'));
      const roots = layers.map((layer) => layer.replace('workspace', 'root'));
      for (const root of roots) {
        await sh(engine, 'r', `echo ${root} >>/etc/roots`, 'root');
        await engine.commit('r', { root });
      }
      await engine.create(sandboxSpec('a', { rootLayers: roots, workspaceLayers: layers }));
      expect((await sh(engine, 'a', 'wc -l </etc/roots')).stdout).toBe(`${engine.maxLayers}\n`);
      expect((await sh(engine, 'a', 'ls | wc -l; cat top')).stdout).toBe(
        `${engine.maxLayers + 1}\n${engine.maxLayers - 1}`,
      );
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
        'root',
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
      const { environment: wanted, names } = context.unmet ?? UNMET;
      const unmet = await failure(engine.check(wanted));
      expect(unmet).toMatchObject({ kind: 'failed-precondition', reason: 'ENVIRONMENT_UNMET' });
      expect(unmet.message).toContain(names);
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
