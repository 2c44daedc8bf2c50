import { Readable } from 'node:stream';
import { expect, test } from 'vitest';
import type { EngineUnderTest } from './engine-under-test.js';
import { failure } from './failure.js';
import { sh } from './sandbox.js';
import { tarOf, type TarEntry } from './tar.js';

/** What sandboxes are made of: archives as layers, mounts, the root that set-up made, and how many there may be. */
export function layersContract(under: EngineUnderTest): void {
  test('a workspace is its layers in order, with the owners of the archive, and writable', async () => {
    const { engine, sandboxSpec } = under;
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
    const { engine, sandboxSpec } = under;
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
    const { engine, sandboxSpec } = under;
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

  test('a sandbox may be made of as many layers as the engine says, and more by making them one', async () => {
    const { engine, sandboxSpec } = under;
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
    const { engine, sandboxSpec } = under;
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
    const { engine } = under;
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
    const { engine } = under;
    const make = () => engine.importLayer('l', tarOf([{ name: 'f', content: 'x'.repeat(100_000) }]));
    const layers = await Promise.all([make(), make(), make()]);
    expect(new Set(layers.map((layer) => layer.bytes)).size).toBe(1);
    expect(await make()).toEqual(layers[0]);
    await engine.deleteLayer('l');
    await engine.deleteLayer('l');
    expect(await engine.hasLayer('l')).toBe(false);
  });
}
