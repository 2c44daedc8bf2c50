import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import type Docker from 'dockerode';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { compiledScript, type CompiledScript } from '../support/compiled-script.js';
import { DOCKER_START_MS, ownerOf, removeBelongings, startDockerd, type Dockerd } from '../support/docker.js';
import { extent, kills } from '../support/extent.js';
import { begin, connected, live } from '../support/life.js';
import { addSample, register } from '../support/service.js';
import { tempFolder, type TempFolder } from '../support/temp-folder.js';
import { anonymous, expectKept, expectWhole, runOnce, type Traces } from './aftermath.js';
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
/** What every busy run has; the others may come once in a service's life, or by the way that an image takes. */
const EVERY_RUN: readonly string[] = ['create', 'start', 'pause', 'commit', 'destroy'].map(
  (action) => `container ${action}`,
);
/** Then it is a kill like others, which is told. */
const LATE_MS = 20_000;
/** For what has to come. */
const NEVER_MS = 300_000;

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

interface Killed {
  /** Whether the moment came. */
  readonly reached: boolean;
  /** See `busyRun`. */
  readonly ready: ReadonlySet<string>;
}

/** From the very first start on, until the event. @param waitMs for it; then it is a kill like others */
async function killAt(
  moment: Moment,
  count: number,
  waitMs: number,
  folder: TempFolder,
  flags: Flags,
): Promise<Killed> {
  const ready = new Set<string>();
  using event = await nth(daemon.api, moment, count);
  const child = await begin(script, folder, flags);
  const over = new AbortController();
  const busy = connected(child, folder)
    .then(async ({ client }) => {
      await register(client, addSample());
      await busyRun(client, over.signal, ready);
    })
    .catch(() => undefined);
  const late = delay(waitMs, false, { ref: false, signal: over.signal }).catch(() => false);
  const reached = await Promise.race([event.reached.then(() => true), late]);
  await child.kill();
  over.abort();
  await busy;
  return { reached, ready };
}

let calm: Traces | undefined;

const some = extent([...MOMENTS].sort(() => Math.random() - 0.5).slice(0, 1), [...MOMENTS]);

/** The first of a kind, or a later one; both in a long night. */
function counts(): readonly number[] {
  const later = 2 + Math.floor(Math.random() * 8);
  if (kills >= 5) return [1, later];
  return [Math.random() < 0.5 ? 1 : later];
}

test.each(some)(
  'a service killed when Docker has just told of $type $action leaves nothing behind',
  { timeout: DOCKER_START_MS + 900_000 },
  async (moment) => {
    const flags = { engine: 'docker', dockerHost: daemon.host, dockerConfig: 'none' };
    for (const count of [undefined, ...counts()]) {
      if (count === undefined && calm !== undefined) continue;
      await using folder = await tempFolder();
      const name = `${moment.type} ${moment.action}`;
      const seed = `${name} number ${count}`;
      let killed: Killed | undefined;
      if (count !== undefined) {
        // The first of what every run has comes, or Docker has another word for it.
        const hasToCome = count === 1 && EVERY_RUN.includes(name);
        killed = await killAt(moment, count, hasToCome ? NEVER_MS : LATE_MS, folder, flags);
        if (hasToCome) expect(killed.reached, `${seed} came`).toBe(true);
        if (!killed.reached) console.warn(`${seed} did not come in ${LATE_MS / 1000} s: killed then`);
      }
      {
        await using life = await live(script, folder, flags);
        if (killed !== undefined) await expectKept(life.client, killed.ready, seed);
        await register(life.client, addSample());
        await runOnce(life.client);
      }
      {
        await using life = await live(script, folder, flags);
        const now = (): Promise<Traces> => anonymous(folder, daemon.api);
        calm ??= await now();
        expect(calm['sandboxes']).toEqual([]);
        await expectWhole(life.client, folder, calm, now, seed, new Set());
      }
      await removeBelongings(daemon.api, ownerOf(`${folder.path}/data`));
    }
  },
);
