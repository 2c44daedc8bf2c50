import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Cgroups } from '../../../../src/engines/local/cgroups.js';
import { isRoot } from '../../../support/root-only.js';

const MOUNT = '/sys/fs/cgroup';

describe.runIf(isRoot)('the cgroups of a sandbox', () => {
  test('are removed with what a killed runtime had put into one hierarchy alone', async () => {
    const parent = `/codeset-test-${process.pid}`;
    const groups = new Cgroups(parent);
    const hierarchy = existsSync(join(MOUNT, 'memory')) ? join(MOUNT, 'memory') : MOUNT;
    const folder = join(hierarchy, groups.cgroupsPath('torn'));
    const sleeper = spawn('sleep', ['1000'], { stdio: 'ignore' });
    const ended = once(sleeper, 'exit');
    try {
      await mkdir(folder, { recursive: true });
      await writeFile(join(folder, 'cgroup.procs'), String(sleeper.pid));
      expect(groups.owners()).toEqual(['torn']);
      await groups.remove('torn');
      expect(existsSync(folder)).toBe(false);
      expect(await ended).toEqual([null, 'SIGKILL']);
      await groups.remove('torn');
    } finally {
      sleeper.kill('SIGKILL');
      await groups.removeParent();
    }
    expect(existsSync(join(hierarchy, parent))).toBe(false);
  });
});
