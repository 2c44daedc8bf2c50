import { execFile } from 'node:child_process';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { SessionState } from '../../gen/codeset/v1/session.js';
import { isRoot } from '../support/root-only.js';
import {
  addSample,
  hostSession,
  register,
  session,
  sh,
  startService,
  type TestService,
} from '../support/service.js';
import { tempFolder } from '../support/temp-folder.js';

const run = promisify(execFile);

test('what a killed life was reading or recording is removed at the next start', async () => {
  await using folder = await tempFolder();
  const data = join(folder.path, 'data');
  for (const path of ['run/samples/sample-1', 'execs/box_gone'].map((name) => join(data, name))) {
    await mkdir(path, { recursive: true });
    await writeFile(join(path, 'content'), 'x');
  }
  await using _ = await startService({}, folder);
  expect(await readdir(join(data, 'execs'))).toEqual([]);
  expect(await readdir(join(data, 'run'))).not.toContain('samples');
});

test.runIf(isRoot)(
  'a session whose sandbox can not be removed is closed all the same, and the next start removes it',
  async () => {
    await using folder = await tempFolder();
    const service = await startService({}, folder);
    const sessionId = await hostSession(service.admin);
    const sandboxes = join(service.dataDir, 'sandboxes');
    const [box = ''] = await readdir(sandboxes);
    const busy = join(sandboxes, box, 'busy');
    await mkdir(busy);
    await run('mount', ['-t', 'tmpfs', 'busy', busy]);
    try {
      const { session: closed } = await service.admin.sessions.closeSession({ sessionId });
      expect(closed?.state).toBe(SessionState.CLOSED);
      expect(await readdir(sandboxes)).toEqual([box]);
    } finally {
      await run('umount', [busy]);
      await service[Symbol.asyncDispose]();
    }
    await using next = await startService({}, folder);
    expect(await readdir(join(next.dataDir, 'sandboxes'))).toEqual([]);
  },
);

/** Kinds of layers, and how many blobs there are. */
async function kept(service: TestService): Promise<{ layers: readonly string[]; blobs: number }> {
  const names = await readdir(join(service.dataDir, 'layers'));
  const blobs = await readdir(join(service.dataDir, 'blobs'), { recursive: true, withFileTypes: true });
  const kinds = names.filter((name) => !name.startsWith('.')).map((name) => name.replace(/-[^-]*$/, ''));
  return { layers: kinds.sort(), blobs: blobs.filter((entry) => entry.isFile()).length };
}

test('a removed version takes from the disk what it alone stood on, the last one all of it', async () => {
  await using service = await startService();
  const { samples } = service.admin;
  const sample = { sampleId: 'add' };
  await register(service.admin, addSample());
  const one = { layers: ['baseline', 'codebase', 'hidden'], blobs: 1 };
  expect(await kept(service)).toEqual(one);
  await register(service.admin, addSample([{ path: 'codebase/more', content: 'x', executable: false }]));
  expect((await kept(service)).layers).toHaveLength(6);
  await samples.deleteSample({ sample: { ...sample, version: 1 } });
  await expect.poll(() => kept(service)).toEqual(one);
  const id = await session(service.admin);
  expect((await sh(service.admin, id.id, 'cat more')).stdout).toBe('x');
  await service.admin.sessions.closeSession({ sessionId: id.id });
  await samples.deleteSample({ sample });
  await expect.poll(() => kept(service)).toEqual({ layers: [], blobs: 0 });
});
