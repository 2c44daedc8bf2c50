import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { LocalEngine } from '../../src/engines/local/local-engine.js';
import { inSandbox, sandboxSpec } from './contract/sandbox.js';
import { tarOf } from './contract/tar.js';

// What the code under test may not do to the script that judges it, tried from inside, whoever the service is: root,
// or an ordinary user whose sandboxes have one id for both.

const initPath = new URL('../../init/build/codeset-init', import.meta.url).pathname;
const log = { debug() {}, info() {}, warn() {}, error: console.error };

let folder: string;
let engine: LocalEngine;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'codeset-apart-'));
  engine = await LocalEngine.open({ dataDir: folder, runDir: `${folder}-run`, initPath, log });
});
afterAll(async () => {
  for (const { sandboxId } of await engine.list()) await engine.destroy(sandboxId);
  await engine.close();
  await rm(folder, { recursive: true, force: true });
  await rm(`${folder}-run`, { recursive: true, force: true });
});

/** Prints `DONE name` for what it should not have been able to do, and `ok name` for what it must. */
const TRIES = `
import ctypes, os, resource, sys
pid = int(sys.argv[1])
hidden, reports, own = '/run/codeset-verification', '/run/codeset-reports', os.environ['CODESET_REPORT_DIR']
libc = ctypes.CDLL(None, use_errno=True)
def call(*args):
    if libc.syscall(*args) < 0: raise OSError(ctypes.get_errno(), 'refused')
def read(path):
    with open(path, 'rb') as f: return f.read(100) or fail('empty')
def write(path):
    with open(path, 'ab') as f: f.write(b'evil')
def fail(why): raise OSError(1, why)
def memory(path, mode):
    with open(path, mode, buffering=0) as f: return f
def trace(request, who):
    call(101, request, who, 0, 0)
class iovec(ctypes.Structure): _fields_ = [('base', ctypes.c_void_p), ('length', ctypes.c_size_t)]
def vm(number, who):
    buffer = ctypes.create_string_buffer(8); mine = iovec(ctypes.addressof(buffer), 8); theirs = iovec(0x400000, 8)
    call(number, who, ctypes.byref(mine), 1, ctypes.byref(theirs), 1, 0)
def limits(who):
    call(302, who, 7, ctypes.byref((ctypes.c_ulong * 2)(3, 3)), 0)
def pidfd(who):
    fd = os.pidfd_open(who)
    for n in (7, 3): call(438, fd, n, 0)
tries = {
    'read hidden': lambda: read(hidden + '/secret'),
    'list hidden': lambda: os.listdir(hidden) or fail('nothing'),
    'write hidden': lambda: write(hidden + '/secret'),
    'add hidden': lambda: write(hidden + '/new'),
    'chmod hidden': lambda: os.chmod(hidden, 0o777),
    'list reports': lambda: 'root.xml' in os.listdir(reports) or fail('not there'),
    'write report': lambda: write(reports + '/root.xml'),
    'remove report': lambda: os.remove(reports + '/root.xml'),
    'rename report': lambda: os.rename(reports + '/root.xml', reports + '/other'),
    'add report': lambda: write(reports + '/new.xml'),
    'chmod reports': lambda: os.chmod(reports, 0o777),
    'move own folder': lambda: os.rename(own, reports + '/other'),
    'link for own folder': lambda: (os.rmdir(own), os.symlink('/', own)),
    'write subject': lambda: write('/run/codeset/subject'),
    'write init': lambda: write('/run/codeset/init'),
    'write passwd': lambda: write('/etc/passwd'),
    'write preload': lambda: write('/etc/ld.so.preload'),
    'write local': lambda: write('/usr/local/bin/sh'),
    'write usr': lambda: write('/usr/bin/evil'),
    'write opt': lambda: write('/opt/evil'),
    'write var': lambda: write('/var/lib/evil'),
    'write root home': lambda: write('/root/evil'),
    'write home': lambda: write('/home/evil'),
    'write run': lambda: write('/run/evil'),
    'write dev': lambda: write('/dev/evil'),
    'remove etc': lambda: os.rename('/etc', '/etc2'),
    'inherited': lambda: os.read(7, 10),
    'mount': lambda: call(165, b'none', b'/mnt', b'tmpfs', 0, 0),
    'bind': lambda: call(165, b'/workspace', b'/usr', 0, 4096, 0),
    'remount': lambda: call(165, 0, b'/', 0, 32 | 4096, 0),
    'umount hidden': lambda: call(166, hidden.encode(), 2),
    'umount reports': lambda: call(166, reports.encode(), 2),
    'mount_setattr': lambda: call(442, -100, b'/', 0, ctypes.byref((ctypes.c_uint64 * 4)(0, 1, 0, 0)), 32),
    'open_tree': lambda: call(428, -100, b'/', 0x80001),
    'pivot_root': lambda: call(155, b'/workspace', b'/workspace'),
    'new user namespace': lambda: call(272, 0x10000000),
    'new mounts': lambda: call(272, 0x20000),
    'clone': lambda: call(56, 0x10000000 | 17, 0, 0, 0, 0),
    'device': lambda: os.mknod('/workspace/device', 0o20666, os.makedev(1, 3)),
    'handle': lambda: call(304, -100, ctypes.create_string_buffer(64), 0),
    'keyring': lambda: call(250, 0, 0, 0, 0, 0),
}
for name, who in ('script', pid), ('init', 1):
    tries.update({
        'cwd of ' + name: lambda who=who: read(f'/proc/{who}/cwd/secret'),
        'root of ' + name: lambda who=who: read(f'/proc/{who}/root{hidden}/secret'),
        'write by root of ' + name: lambda who=who: write(f'/proc/{who}/root/etc/passwd'),
        'report by root of ' + name: lambda who=who: write(f'/proc/{who}/root{reports}/root.xml'),
        'descriptor of ' + name: lambda who=who: read(f'/proc/{who}/fd/7'),
        'pidfd of ' + name: lambda who=who: pidfd(who),
        'environ of ' + name: lambda who=who: read(f'/proc/{who}/environ'),
        'maps of ' + name: lambda who=who: read(f'/proc/{who}/maps'),
        'memory of ' + name: lambda who=who: memory(f'/proc/{who}/mem', 'rb'),
        'write memory of ' + name: lambda who=who: memory(f'/proc/{who}/mem', 'r+b'),
        'attach ' + name: lambda who=who: trace(16, who),
        'seize ' + name: lambda who=who: trace(0x4206, who),
        'readv ' + name: lambda who=who: vm(310, who),
        'writev ' + name: lambda who=who: vm(311, who),
        'limits of ' + name: lambda who=who: limits(who),
        'mounts of ' + name: lambda who=who: call(308, os.open(f'/proc/{who}/ns/mnt', 0), 0x20000),
        'users of ' + name: lambda who=who: call(308, os.open(f'/proc/{who}/ns/user', 0), 0x10000000),
    })
count = 0
for name, attempt in tries.items():
    count += 1
    try:
        attempt()
        print('DONE', name)
    except (OSError, ValueError): pass
print('tried', count)
def must(name, work):
    try: work(); print('ok', name)
    except OSError as error: print('FAILED', name, error)
for path in 'here', '/workspace/there', '/tmp/t', '/var/tmp/t', '/dev/shm/t', '/dev/null', os.environ['HOME'] + '/h', own + '/r.xml':
    must('write ' + path.split('/subject-')[0], lambda: write(path))
must('rename', lambda: os.rename('here', 'elsewhere'))
must('process', lambda: os.system('true') == 0 or fail('no'))
must('limit', lambda: resource.setrlimit(resource.RLIMIT_CORE, (0, 0)))
with open('/proc/self/status') as f: print(''.join(line for line in f if line.startswith(('CapPrm', 'CapBnd', 'NoNew'))))
`;

const SCRIPT = `
umask 022; mkdir -m 0711 /run/codeset-reports; export CODESET_REPORT_DIR=/run/codeset-reports SECRET=1
echo '<root/>' >/run/codeset-reports/root.xml
cd /run/codeset-verification && exec 7<secret
(cd /workspace && as-subject /usr/bin/python3 -c "$1" $$)
echo "exit $?"
cat secret; cat /run/codeset-reports/root.xml /run/codeset-reports/subject-*/r.xml; echo
ls /run/codeset-reports | wc -l; cat /workspace/there; echo; tail -c 5 /etc/passwd`;

test('the code under test can do nothing to the script, what is hidden, or the reports of others, and can do its work', async () => {
  await engine.importLayer(
    'hidden',
    tarOf([
      { name: './', type: 'directory', uid: 0, mode: 0o700 },
      { name: 'secret', uid: 0, mode: 0o600, content: 'secret\n' },
    ]),
  );
  await engine.create(
    sandboxSpec('a', {
      purpose: 'verification',
      mounts: [{ layer: 'hidden', path: '/run/codeset-verification' }],
    }),
  );
  const { stdout, stderr } = await inSandbox(engine, 'a', (init) =>
    init.run(['/bin/bash', '-c', SCRIPT, 'bash', TRIES], { user: 'root' }),
  );
  const lines = stdout.split('\n');
  const told = `${stdout}\n${stderr}`;
  expect(
    lines.filter((line) => /^(DONE|FAILED)/.test(line)),
    told,
  ).toEqual([]);
  expect(
    lines.filter((line) => line.startsWith('ok ')),
    told,
  ).toHaveLength(11);
  expect(lines, told).toContain('tried 75');
  expect(stdout).toMatch(/CapPrm:\t0{16}\nCapBnd:\t0{16}\nNoNewPrivs:\t1\n/);
  expect(stdout.slice(stdout.indexOf('exit '))).toBe('exit 0\nsecret\n<root/>\nevil\n2\nevil\nogin\n');
});

test('sandboxes have users of their own where the service has ids for them', () => {
  const { separateUsers, warnings } = engine.capabilities();
  const isRoot = process.getuid?.() === 0;
  const given =
    isRoot || (existsSync('/etc/subuid') && /^ordinary:/m.test(readFileSync('/etc/subuid', 'utf8')));
  if (given) expect(separateUsers).toBe(true);
  expect(warnings.some((warning) => warning.includes('one user id'))).toBe(!separateUsers);
});
