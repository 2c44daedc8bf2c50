import { afterAll, beforeAll, expect, test } from 'vitest';
import { compiledScript, type CompiledScript } from '../support/compiled-script.js';
import { DOCKER_START_MS, dockerAt, ownerOf, removeBelongings } from '../support/docker.js';
import { engineFlags } from '../support/engine-here.js';
import { kills } from '../support/extent.js';
import { begin, live } from '../support/life.js';
import { addSample, register } from '../support/service.js';
import { tempFolder } from '../support/temp-folder.js';
import { anonymous, expectWhole, runOnce, type Traces } from './aftermath.js';

const LONGEST_MS = 3000;

let script: CompiledScript;

beforeAll(async () => {
  script = await compiledScript('test/e2e/children/serve.ts');
}, 120_000);

afterAll(async () => {
  await script?.[Symbol.asyncDispose]();
});

// What Docker is told on the way there has moments of its own: moment-killed.test.ts.
test(
  'a service killed at any moment of its first start leaves nothing that the next one trips over or never finds',
  { timeout: DOCKER_START_MS + (kills + 1) * 300_000 },
  async () => {
    const flags = await engineFlags();
    const api = flags['dockerHost'] === undefined ? undefined : dockerAt(flags['dockerHost']);
    let calm: Traces | undefined;
    for (let round = -1; round < kills; round++) {
      await using folder = await tempFolder();
      const data = `${folder.path}/data`;
      await using _ = {
        [Symbol.asyncDispose]: async () => {
          if (api !== undefined) await removeBelongings(api, ownerOf(data));
        },
      };
      const afterMs = Math.round(Math.random() * LONGEST_MS);
      const seed = round < 0 ? 'never killed' : `round ${round}: killed after ${afterMs} ms`;
      if (round >= 0) {
        const child = await begin(script, folder, flags);
        await new Promise((resolve) => setTimeout(resolve, afterMs));
        await child.kill();
      }
      {
        await using life = await live(script, folder, flags);
        await register(life.client, addSample());
        await runOnce(life.client);
      }
      await using life = await live(script, folder, flags);
      const now = (): Promise<Traces> => anonymous(folder, api);
      calm ??= await now();
      await expectWhole(life.client, folder, calm, now, seed, new Set());
    }
    expect(calm).toBeDefined();
  },
);
