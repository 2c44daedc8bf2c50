import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import type Docker from 'dockerode';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { compiledScript, type CompiledScript } from '../support/compiled-script.js';
import { DOCKER_START_MS, ownerOf, removeBelongings, startDockerd, type Dockerd } from '../support/docker.js';
import { extent } from '../support/extent.js';
import { begin, connected, live } from '../support/life.js';
import { addSample, register } from '../support/service.js';
import { tempFolder, type TempFolder } from '../support/temp-folder.js';
import { anonymous, expectWhole, runOnce, type Traces } from './aftermath.js';
import { busyRun } from './busy-run.js';

// Moments that kills at random seldom meet. What Docker has just done, the service has not been told yet.
const MOMENTS: readonly Moment[] = [
  { type: 'image', actions: ['import', 'load', 'tag', 'untag', 'delete'] as const },
  { type: 'volume', actions: ['create', 'destroy'] as const },
  {
    type: 'container',
    actions: ['create', 'start', 'pause', 'unpause', 'commit', 'die', 'destroy'] as const,
  },
].flatMap(({ type, actions }) => actions.map((action) => ({ type, action }) as Moment));
const LATE_MS = 60_000;

interface Moment {
  readonly type: 'image' | 'volume' | 'container';
  readonly action: string;
}
type Flags = Readonly<Record<string, string>>;

let script: CompiledScript;
let daemon: Dockerd;

beforeAll(async () => {
  script = await compiledScript('test/e2e/children/serve.ts');
  daemon = await startDockerd();
}, DOCKER_START_MS + 120_000);

afterAll(async () => {
  await daemon?.[Symbol.asyncDispose]();
  await script?.[Symbol.asyncDispose]();
});

interface Expected extends Disposable {
  readonly reached: Promise<void>;
}

/** Waits for the so-manieth event of a kind. */
async function nth(api: Docker, { type, action }: Moment, count: number): Promise<Expected> {
  const events = (await api.getEvents({ filters: { type: [type], event: [action] } })) as unknown as Readable;
  const lines = createInterface({ input: events });
  const reached = new Promise<void>((resolve) => {
    let seen = 0;
    lines.on('line', () => {
      if (++seen === count) resolve();
    });
  });
  return { reached, [Symbol.dispose]: () => events.destroy() };
}

/** From the very first start on, until the event. */
async function killAt(moment: Moment, count: number, folder: TempFolder, flags: Flags): Promise<void> {
  using event = await nth(daemon.api, moment, count);
  const child = await begin(script, folder, flags);
  const over = new AbortController();
  const busy = connected(child, folder)
    .then(async ({ client }) => {
      await register(client, addSample());
      await busyRun(client, over.signal);
    })
    .catch(() => undefined);
  // Some things are made once only: then it is a kill like others.
  const late = delay(LATE_MS, undefined, { ref: false, signal: over.signal }).catch(() => undefined);
  await Promise.race([event.reached, late]);
  await child.kill();
  over.abort();
  await busy;
}

let calm: Traces | undefined;

const some = extent([...MOMENTS].sort(() => Math.random() - 0.5).slice(0, 1), [...MOMENTS]);

test.each(some)(
  'a service killed when Docker has just told of $type $action leaves nothing behind',
  { timeout: DOCKER_START_MS + 900_000 },
  async (moment) => {
    const flags = { engine: 'docker', dockerHost: daemon.host, dockerConfig: 'none' };
    for (const count of [undefined, 1, 2 + Math.floor(Math.random() * 8)]) {
      if (count === undefined && calm !== undefined) continue;
      await using folder = await tempFolder();
      if (count !== undefined) await killAt(moment, count, folder, flags);
      {
        await using life = await live(script, folder, flags);
        await register(life.client, addSample());
        await runOnce(life.client);
      }
      {
        await using life = await live(script, folder, flags);
        const now = (): Promise<Traces> => anonymous(folder, daemon.api);
        calm ??= await now();
        expect(calm['sandboxes']).toEqual([]);
        await expectWhole(life.client, folder, calm, now, `${moment.type} ${moment.action} number ${count}`);
      }
      await removeBelongings(daemon.api, ownerOf(`${folder.path}/data`));
    }
  },
);
