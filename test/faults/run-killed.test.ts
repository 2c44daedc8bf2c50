import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { expect, test } from 'vitest';
import {
  DOCKER_START_MS,
  mountsBelow,
  processesNaming,
  startDockerd,
  TEST_IMAGE,
} from '../support/docker.js';
import { cgroupsOf, claimDataFolder, DAEMON_FOLDER, type DataFolder } from '../support/dockerd-data.js';

test(
  'what a run of tests that was killed together with its Docker left is taken away by the next, and nothing else',
  { timeout: DOCKER_START_MS + 60_000 },
  async () => {
    await using daemon = await startDockerd();
    const folder = dirname(daemon.socketPath);
    const container = await daemon.api.createContainer({
      Image: TEST_IMAGE,
      Cmd: ['sleep', '100000'],
      HostConfig: { NetworkMode: 'none' },
    });
    await container.start();
    const left = (await container.inspect()).State.Pid;
    // It names the folders, and is no daemon.
    const bystander = spawn('sh', ['-c', 'echo here; read line', daemon.dataRoot, folder]);
    await once(bystander.stdout, 'data');
    await daemon.kill();
    // As if this process were gone, too.
    const claim = `${daemon.dataRoot}.claim`;
    const [holder = '', ...rest] = (await readFile(claim, 'utf8')).split('\n');
    expect(holder).toMatch(new RegExp(`^${process.pid} `));
    await writeFile(claim, ['1 0', ...rest].join('\n'));
    expect((await processesNaming(`${folder}/exec`)).length).toBeGreaterThan(0);
    expect((await cgroupsOf(daemon.dataRoot)).length).toBeGreaterThan(0);

    const claimed: DataFolder[] = [];
    while (claimed.at(-1)?.path !== daemon.dataRoot) {
      claimed.push(await claimDataFolder(await mkdtemp(DAEMON_FOLDER)));
    }
    expect(await processesNaming(`${folder}/exec`)).toEqual([]);
    expect(await mountsBelow(folder)).toEqual([]);
    expect(await mountsBelow(daemon.dataRoot)).toEqual([]);
    expect(await cgroupsOf(daemon.dataRoot)).toEqual([]);
    await expect(stat(folder)).rejects.toThrow(/ENOENT/);
    // Gone, or a zombie where nobody reaps it.
    expect(await readFile(`/proc/${left}/cmdline`, 'utf8').catch(() => '')).toBe('');
    expect([bystander.exitCode, bystander.signalCode]).toEqual([null, null]);
    bystander.stdin.end();
    // The last goes with the daemon, whose folder it is again.
    for (const other of claimed.slice(0, -1)) await other.release();
  },
);
