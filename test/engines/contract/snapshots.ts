import { expect, test } from 'vitest';
import { InitClient } from '../init-client.js';
import type { EngineUnderTest } from './engine-under-test.js';
import { failure } from './failure.js';
import { sh } from './sandbox.js';
import { tarOf } from './tar.js';

/** What sandboxes wrote, as layers: committed as of one moment, seen again, made one. */
export function snapshotsContract(under: EngineUnderTest): void {
  test('what a sandbox wrote is committed and seen again: deletions, renamed folders, links, holes, owners, modes', async () => {
    const { engine, sandboxSpec } = under;
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
    const look = 'find . -printf "%P %y %m %U %s %n %l\\n" | sort; cat moved/f; stat -c %b hole; ls emptied';
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
    const { engine, sandboxSpec } = under;
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
    const { engine, sandboxSpec } = under;
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
    const { engine, sandboxSpec } = under;
    for (const bytes of ['1M', '32M']) {
      await engine.create(sandboxSpec('a'));
      await sh(engine, 'a', `head -c ${bytes} /dev/urandom >big`);
      const committing = failure(engine.commit('a', { root: 'r', workspace: 'w' }));
      await engine.destroy('a');
      expect(await committing).toMatchObject({ kind: 'failed-precondition', reason: 'SESSION_LOST' });
      expect(await engine.listLayers()).toEqual([]);
    }
  });
}
