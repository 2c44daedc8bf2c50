import { execFile } from 'node:child_process';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { SessionState } from '../../gen/codeset/v1/session.js';
import { hostSession, startService } from '../support/service.js';
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

test('a session whose sandbox can not be removed is closed all the same, and the next start removes it', async () => {
  await using folder = await tempFolder();
  const service = await startService({}, folder);
  const sessionId = await hostSession(service.admin);
  const sandboxes = join(service.dataDir, 'sandboxes');
  const [box = ''] = await readdir(sandboxes);
  const busy = join(sandboxes, box, 'busy');
  await mkdir(busy);
  await run('mount', ['-t', 'tmpfs', 'busy', busy]);
  try {
    const { session } = await service.admin.sessions.closeSession({ sessionId });
    expect(session?.state).toBe(SessionState.CLOSED);
    expect(await readdir(sandboxes)).toEqual([box]);
  } finally {
    await run('umount', [busy]);
    await service[Symbol.asyncDispose]();
  }
  await using next = await startService({}, folder);
  expect(await readdir(join(next.dataDir, 'sandboxes'))).toEqual([]);
});
