import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { compiledScript, type CompiledScript } from '../support/compiled-script.js';
import { DOCKER_START_MS, dockerAt, ownerOf, removeBelongings } from '../support/docker.js';
import { dockerHere, engineFlags, engineHere, type EngineName } from '../support/engine-here.js';
import { kills } from '../support/extent.js';
import { live } from '../support/life.js';
import { addSample, register } from '../support/service.js';
import { tempFolder } from '../support/temp-folder.js';
import { expectWhole, runOnce, traces } from './aftermath.js';
import { busyRun } from './busy-run.js';

const LONGEST_MS = 6000;

let script: CompiledScript;

beforeAll(async () => {
  script = await compiledScript('test/e2e/children/serve.ts');
}, 120_000);

afterAll(async () => {
  await script?.[Symbol.asyncDispose]();
});

// Where there is only Docker, that one alone.
const engines: readonly EngineName[] = engineHere() === 'local' ? ['local', 'docker'] : ['docker'];

describe.each(engines)('on %s', (engine) => {
  test.skipIf(engine === 'docker' && !dockerHere())(
    'a service killed at any moment of a busy run leaves nothing behind and nothing in a wrong state',
    { timeout: DOCKER_START_MS + kills * 300_000 },
    async () => {
      await using folder = await tempFolder();
      const flags = await engineFlags(engine);
      const api = flags['dockerHost'] === undefined ? undefined : dockerAt(flags['dockerHost']);
      const now = () => traces(folder, api);
      {
        await using first = await live(script, folder, flags);
        await register(first.client, addSample());
      }
      await using _ = {
        [Symbol.asyncDispose]: async () => {
          if (api !== undefined) await removeBelongings(api, ownerOf(`${folder.path}/data`));
        },
      };
      {
        // A life that did all: what a service makes once and keeps is there.
        await using life = await live(script, folder, flags);
        await runOnce(life.client);
      }
      const before = await (async () => {
        // And one with nothing to do: what goes a moment later has gone.
        await using _life = await live(script, folder, flags);
        return await now();
      })();
      expect(before['sandboxes']).toEqual([]);
      for (let round = 0; round < kills; round++) {
        const afterMs = Math.round(Math.random() * LONGEST_MS);
        await using life = await live(script, folder, flags);
        const over = new AbortController();
        const ready = new Set<string>();
        const busy = busyRun(life.client, over.signal, ready);
        await new Promise((resolve) => setTimeout(resolve, afterMs));
        await life.child.kill();
        over.abort();
        await busy;
        await using next = await live(script, folder, flags);
        const seed = `round ${round}: killed after ${afterMs} ms`;
        await expectWhole(next.client, folder, before, now, seed, ready);
      }
    },
  );
});
