import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { SessionState } from '../../gen/codeset/v1/session.js';
import { extent } from '../support/extent.js';
import { forget, keptSandboxes } from '../support/engine-parts.js';
import { hostSession, sh, startService } from '../support/service.js';
import { tempFolder } from '../support/temp-folder.js';

test(
  'sessions created and closed leave no process, mount, folder or open row',
  { timeout: 600_000 },
  async () => {
    await using folder = await tempFolder();
    const count = extent(24, 200);
    {
      await using service = await startService({}, folder);
      for (let made = 0; made < count; made += 8) {
        const ids = await Promise.all(Array.from({ length: 8 }, () => hostSession(service.admin)));
        const answers = await Promise.all(ids.map((id) => sh(service.admin, id, 'sleep 100 & echo $$')));
        expect(answers.every(({ code }) => code === 0)).toBe(true);
        await Promise.all(ids.map((sessionId) => service.admin.sessions.closeSession({ sessionId })));
      }
      const states = [SessionState.CREATING, SessionState.READY, SessionState.ERROR];
      const open = await service.admin.sessions.listSessions({ states });
      expect(open.sessions).toEqual([]);
      expect(await keptSandboxes(service.dataDir)).toEqual([]);
      expect(await readdir(join(service.dataDir, 'execs'))).toEqual([]);
    }
    await forget(join(folder.path, 'data'));
    expect(await readFile('/proc/self/mounts', 'utf8')).not.toContain(folder.path);
    expect(await processesNaming(folder.path)).toEqual([]);
  },
);

async function processesNaming(path: string): Promise<string[]> {
  const found: string[] = [];
  for (const pid of await readdir('/proc')) {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) continue;
    const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    if (command.includes(path)) found.push(command);
  }
  return found;
}
