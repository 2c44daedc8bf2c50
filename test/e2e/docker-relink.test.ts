import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { compiledScript, type CompiledScript } from '../support/compiled-script.js';
import {
  belongings,
  DOCKER_START_MS,
  ownerOf,
  removeBelongings,
  sharedDocker,
  TEST_IMAGE,
  type SharedDocker,
} from '../support/docker.js';
import { driveExec } from '../support/exec-call.js';
import type { TestClient } from '../rpc/client.js';
import { live } from '../support/life.js';
import { sh } from '../support/service.js';
import { tempFolder } from '../support/temp-folder.js';

// Each of them after each other, so that sandboxes of every link live under every other.
const LINKS = ['socket', 'attach', 'exec', 'socket', 'attach', 'exec'] as const;
const WAITS = 'until [ -e go ]; do sleep 0.1; done; rm go; echo went';

let script: CompiledScript;
let docker: SharedDocker;

beforeAll(async () => {
  docker = await sharedDocker();
  script = await compiledScript('test/e2e/children/serve.ts');
}, DOCKER_START_MS);

afterAll(async () => {
  await script?.[Symbol.asyncDispose]();
});

/** Leaves it to itself once it runs. */
async function begin(client: TestClient, start: object): Promise<void> {
  let end = (): void => undefined;
  const over = new Promise<void>((resolve) => (end = resolve));
  const requests = (async function* () {
    yield { frame: { $case: 'start', value: start } as never };
    await over;
  })();
  for await (const { frame } of client.sessions.exec(requests)) if (frame?.$case === 'started') break;
  end();
}

test(
  'sessions of one link go on when the service has another, and new ones take that',
  { timeout: 600_000 },
  async () => {
    await using folder = await tempFolder();
    const sessions: { readonly id: string; readonly link: string }[] = [];
    for (const [round, dockerLink] of LINKS.entries()) {
      const flags = { engine: 'docker', dockerHost: docker.host, dockerConfig: 'none', dockerLink };
      await using life = await live(script, folder, flags);
      const { client } = life;
      const { session } = await client.sessions.createSession({
        source: { $case: 'environment', value: { image: TEST_IMAGE } },
      });
      sessions.push({ id: session?.sessionId ?? '', link: dockerLink });
      for (const [made, { id, link }] of sessions.entries()) {
        const { engineCapabilities } = await client.sessions.getSession({ sessionId: id });
        expect(engineCapabilities?.link, `of round ${made} in round ${round}`).toBe(link);
        expect(await sh(client, id, 'echo x >>f; wc -l <f')).toMatchObject({
          code: 0,
          stdout: `${round - made + 1}\n`,
        });
        // What runs is init's to keep, also while the service is away; an exec of Docker's is lost with the service.
        if (link === 'exec') continue;
        const execId = `waits-${round}`;
        if (made < round) {
          await sh(client, id, 'touch go');
          const before = `waits-${round - 1}`;
          const attach = { sessionId: id, execId: before, stdoutOffset: 0n, stderrOffset: 0n };
          const taken = await driveExec(client, [{ $case: 'attach', value: attach } as never]);
          expect(taken.stdout.toString()).toBe('went\n');
        }
        const spec = { execId, detach: true, command: { $case: 'shellLine', value: WAITS } };
        await begin(client, { sessionId: id, spec });
      }
      if (round < LINKS.length - 1) continue;
      await client.sessions.closeSessions({ all: true });
      const owner = ownerOf(join(folder.path, 'data'));
      const left = await belongings(docker.api, owner);
      expect(left.containers.filter((name) => !/-(keeper|carrier)$/.test(name))).toEqual([]);
    }
    await removeBelongings(docker.api, ownerOf(join(folder.path, 'data')));
  },
);
