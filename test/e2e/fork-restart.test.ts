import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { SessionState } from '../../gen/codeset/v1/session.js';
import { compiledScript, type CompiledScript } from '../support/compiled-script.js';
import { extent } from '../support/extent.js';
import { live, type Life } from '../support/life.js';
import { hostSession, sh } from '../support/service.js';
import { tempFolder, type TempFolder } from '../support/temp-folder.js';

let script: CompiledScript;

beforeAll(async () => {
  script = await compiledScript('test/e2e/children/serve.ts');
}, 120_000);

afterAll(async () => {
  await script?.[Symbol.asyncDispose]();
});

const COUNT = 6;

async function layersOf(folder: TempFolder): Promise<readonly string[]> {
  return (await readdir(join(folder.path, 'data/layers'))).sort();
}

/** Sessions of the fork with this request id, by index; what failed is left out. */
async function fork(life: Life, sessionId: string, requestId: string): Promise<ReadonlyMap<number, string>> {
  const made = new Map<number, string>();
  const source = { $case: 'sessionId', value: sessionId } as const;
  for await (const { index, result } of life.client.sessions.forkSession({
    source,
    count: COUNT,
    requestId,
  })) {
    if (result?.$case === 'forked') made.set(index, result.value.session?.sessionId ?? '');
  }
  return made;
}

test(
  'a service killed in the middle of snapshots and forks leaves nothing half-made, and the same fork goes on from there',
  { timeout: 600_000 },
  async () => {
    await using folder = await tempFolder();
    let sessionId = '';
    {
      await using life = await live(script, folder);
      sessionId = await hostSession(life.client);
      await sh(life.client, sessionId, 'head -c 48M /dev/urandom >big; sha256sum big >sum');
    }
    for (let round = 0; round < extent(3, 20); round++) {
      const told: string[] = [];
      const killAt = Math.random();
      await using first = await live(script, folder);
      {
        await sh(first.client, sessionId, `echo ${round} >round`);
        // Somewhere in a snapshot, or once some of a fork are told.
        const copying = first.client.sessions.createSnapshot({ sessionId, requestId: `take-${round}` });
        const forking = (async () => {
          const source = { $case: 'sessionId', value: sessionId } as const;
          const request = { source, count: COUNT, requestId: `fork-${round}` };
          for await (const { result } of first.client.sessions.forkSession(request)) {
            if (result?.$case === 'forked') told.push(result.value.session?.sessionId ?? '');
            if (told.length > killAt * COUNT) void first.child.kill();
          }
        })();
        if (round % 3 === 0) setTimeout(() => void first.child.kill(), killAt * 200);
        await Promise.all([copying.catch(() => undefined), forking.catch(() => undefined)]);
        await first.child.kill();
      }
      await using life = await live(script, folder);
      const { client } = life;
      expect((await layersOf(folder)).filter((name) => name.startsWith('.'))).toEqual([]);
      expect((await sh(client, sessionId, 'cat round; sha256sum -c sum')).stdout).toBe(`${round}\nbig: OK\n`);
      for (const { snapshotId } of (await client.sessions.listSnapshots({})).snapshots) {
        const { session } = await client.sessions.createSession({
          source: { $case: 'snapshotId', value: snapshotId },
        });
        expect((await sh(client, session?.sessionId ?? '', 'sha256sum -c sum')).stdout).toBe('big: OK\n');
        await client.sessions.closeSession({ sessionId: session?.sessionId ?? '' });
        await client.sessions.deleteSnapshot({ snapshotId });
      }
      await sh(client, sessionId, 'echo later >round');
      const made = await fork(life, sessionId, `fork-${round}`);
      expect([...made.keys()].toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5]);
      for (const one of told) expect([...made.values()]).toContain(one);
      // Nothing told: the fork may have begun after the kill. Told: from the same files, the later ones too.
      if (told.length > 0) {
        for (const one of made.values())
          expect((await sh(client, one, 'cat round')).stdout).toBe(`${round}\n`);
      }
      for (const one of made.values()) await client.sessions.closeSession({ sessionId: one });
      const { sessions } = await client.sessions.listSessions({
        states: [SessionState.READY, SessionState.ERROR, SessionState.CREATING],
      });
      expect(sessions.map((one) => one.sessionId)).toEqual([sessionId]);
      await expect.poll(() => layersOf(folder)).toEqual([]);
      expect(await readdir(join(folder.path, 'data/sandboxes'))).toHaveLength(1);
    }
    await using life = await live(script, folder);
    await life.client.sessions.closeSessions({ all: true });
  },
);
