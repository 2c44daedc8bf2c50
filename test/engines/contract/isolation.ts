import { createServer } from 'node:net';
import { expect, test } from 'vitest';
import type { EngineUnderTest } from './engine-under-test.js';
import { inSandbox, sh } from './sandbox.js';

/** What commands in a sandbox may do, see and reach. */
export function isolationContract(under: EngineUnderTest): void {
  test('commands run as an unprivileged user with no capabilities, no_new_privs and a seccomp filter', async () => {
    const { engine, sandboxSpec } = under;
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
    const { engine, environment, sandboxSpec } = under;
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
    const { engine, sandboxSpec } = under;
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
    const { engine, context, sandboxSpec } = under;
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
    const { engine, sandboxSpec } = under;
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
}
