import { afterAll, beforeAll, expect, test } from 'vitest';
import { compiledScript, type CompiledScript } from '../support/compiled-script.js';
import { belongings, DOCKER_START_MS, startDockerd } from '../support/docker.js';
import { kills } from '../support/extent.js';
import { live } from '../support/life.js';
import { addSample, register, session } from '../support/service.js';
import { tempFolder } from '../support/temp-folder.js';
import { expectWhole, runOnce, traces, type Traces } from './aftermath.js';
import { busyRun } from './busy-run.js';

const LONGEST_MS = 6000;

let script: CompiledScript;

/** A kill and what follows takes longer here. */
const KILLS = Math.ceil(kills / 5);

beforeAll(async () => {
  script = await compiledScript('test/e2e/children/serve.ts');
}, 120_000);

afterAll(async () => {
  await script?.[Symbol.asyncDispose]();
});

test.each([{ liveRestore: false }, { liveRestore: true }])(
  'a Docker killed in the middle of a busy run comes back, and the service with it: %o',
  { timeout: DOCKER_START_MS + KILLS * 300_000 },
  async (options) => {
    await using daemon = await startDockerd(options);
    await using folder = await tempFolder();
    const flags = { engine: 'docker', dockerHost: daemon.host, dockerConfig: 'none' };
    const now = () => traces(folder, daemon.api);
    {
      // A life that did all: what a service makes once and keeps is there.
      await using life = await live(script, folder, flags);
      await register(life.client, addSample());
      await runOnce(life.client);
    }
    await using life = await live(script, folder, flags);
    const { client } = life;
    const before = await now();
    const fresh = await belongings(daemon.api);
    // Docker before 25 holds what it miscounted under live-restore until its next start.
    const meanwhile = async (): Promise<Traces> => {
      const all = await now();
      return options.liveRestore ? { ...all, volumes: fresh.volumes, volumeMounts: [] } : all;
    };
    for (let round = 0; round < KILLS; round++) {
      const afterMs = Math.round(Math.random() * LONGEST_MS);
      const over = new AbortController();
      const ready = new Set<string>();
      const busy = busyRun(client, over.signal, ready);
      await new Promise((resolve) => setTimeout(resolve, afterMs));
      await daemon.kill();
      over.abort();
      // What waits for Docker (verifications) goes on when it is back.
      await daemon.start();
      await busy;
      // By itself, and without a restart of ours.
      await expect
        .poll(() => session(client).then(() => 'made', String), { timeout: 120_000, interval: 500 })
        .toBe('made');
      const seed = `round ${round}: killed after ${afterMs} ms`;
      // Elsewhere sandboxes end as the daemon comes back.
      const kept = options.liveRestore ? ready : undefined;
      await expectWhole(client, folder, before, meanwhile, seed, kept);
    }
    await daemon.stop();
    await daemon.start();
    await expect.poll(() => now().catch(String), { timeout: 180_000, interval: 500 }).toEqual(before);
  },
);
