import { afterEach, expect, test } from 'vitest';
import { EngineRouter } from '../../../src/core/engine-router.js';
import { EngineSlot } from '../../../src/core/engine-slot.js';
import { CodesetError, EngineAway, failedPrecondition } from '../../../src/core/errors.js';
import type { Engine } from '../../../src/core/ports/engine.js';
import { memoryLog, type Logged } from '../../rpc/scripted.js';
import { anEnvironment } from '../../support/entities.js';

/** Only what these tests ask of an engine; whether it is there is the test's word. */
class Daemon {
  isThere = true;
  opened = 0;
  refuses: CodesetError | undefined;

  readonly open = async (): Promise<Engine> => {
    this.#ask();
    this.opened++;
    return {
      list: async () => (this.#ask(), []),
      hasLayer: async () => (this.#ask(), true),
      // Of a layer that it does not know it need not ask.
      deleteLayer: async () => {},
      check: async () => {
        this.#ask();
        if (this.refuses !== undefined) throw this.refuses;
      },
      resolve: async () => ({ engine: 'by-itself' }),
      close: async () => {},
      maxLayers: 5,
    } as unknown as Engine;
  };

  #ask(): void {
    if (this.isThere) return;
    throw new EngineAway('The daemon does not answer: start it.');
  }
}

const open: EngineSlot[] = [];
afterEach(() => Promise.all(open.splice(0).map((slot) => slot.close())));

/** A slot that looks when `look` says so, and has looked when that resolves. */
async function slotOf(
  daemon: Daemon,
  name = 'docker',
): Promise<{ slot: EngineSlot; look: () => Promise<void>; log: Logged[] }> {
  const log: Logged[] = [];
  let next = (): void => undefined;
  let asked = (): void => undefined;
  let waiting = new Promise<void>((resolve) => (asked = resolve));
  const wait = (signal: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      next = resolve;
      signal.addEventListener('abort', () => resolve());
      asked();
    });
  const slot = await EngineSlot.start({ name, open: daemon.open, log: memoryLog(log), wait });
  open.push(slot);
  const look = async (): Promise<void> => {
    await waiting;
    waiting = new Promise<void>((resolve) => (asked = resolve));
    next();
    await waiting;
  };
  return { slot, look, log };
}

test('an engine that is away at first is opened when it comes, and told of', async () => {
  const daemon = new Daemon();
  daemon.isThere = false;
  const { slot, look, log } = await slotOf(daemon);
  expect(slot.away).toBe('The daemon does not answer: start it.');
  expect(slot.capabilities()).toMatchObject({ engine: 'docker', runtime: '', warnings: [slot.away] });
  await expect(slot.hasLayer('a')).rejects.toMatchObject({
    reason: 'ENGINE_UNAVAILABLE',
    metadata: { engine: 'docker' },
  });
  await look();
  expect(slot.away).toBeDefined();
  daemon.isThere = true;
  await look();
  expect(slot.away).toBeUndefined();
  expect(await slot.hasLayer('a')).toBe(true);
  expect(daemon.opened).toBe(1);
  expect(log.map(({ message }) => message)).toEqual([
    'an engine is away; it is looked for',
    'an engine is back',
  ]);
});

test('an open engine that goes is found away by the next call or look, and back by the next', async () => {
  const daemon = new Daemon();
  const { slot, look } = await slotOf(daemon);
  const changes: boolean[] = [];
  slot.onChange(() => changes.push(slot.away === undefined));
  daemon.isThere = false;
  // The opening counts as an answer.
  await look();
  await look();
  expect(changes).toEqual([false]);
  daemon.isThere = true;
  await look();
  daemon.isThere = false;
  await expect(slot.hasLayer('a')).rejects.toMatchObject({ metadata: { engine: 'docker' } });
  daemon.isThere = true;
  expect(await slot.list()).toEqual([]);
  expect(changes).toEqual([false, true, false, true]);
  expect(daemon.opened).toBe(1);
});

test('what an engine knows without asking brings it not back, and keeps nobody from looking', async () => {
  const daemon = new Daemon();
  const { slot, look } = await slotOf(daemon);
  const changes: boolean[] = [];
  slot.onChange(() => changes.push(slot.away === undefined));
  // The opening counts as an answer; what comes after it does not.
  await look();
  daemon.isThere = false;
  await slot.deleteLayer('unknown');
  await look();
  expect(changes).toEqual([false]);
  await slot.deleteLayer('unknown');
  expect(slot.away).toBe('The daemon does not answer: start it.');
  daemon.isThere = true;
  await slot.deleteLayer('unknown');
  expect(slot.away).toBeDefined();
  await look();
  expect(changes).toEqual([false, true]);
});

/** An engine whose opening and closing end when the test says so. */
function slowEngine() {
  const closes: string[] = [];
  let opened = (): void => undefined;
  let closed = (): void => undefined;
  const opening = new Promise<void>((resolve) => (opened = resolve));
  const closing = new Promise<void>((resolve) => (closed = resolve));
  const open = async (): Promise<Engine> => {
    await opening;
    const engine = {
      list: async () => [],
      close: async () => {
        closes.push('begun');
        await closing;
        closes.push('ended');
      },
    };
    return engine as unknown as Engine;
  };
  return { open, opened: () => opened(), closed: () => closed(), closes };
}

test('an engine that hangs as it is opened keeps nobody from starting, and is there when it has opened', async () => {
  const log: Logged[] = [];
  const { open: opens, opened, closed, closes } = slowEngine();
  const slot = await EngineSlot.start({ name: 'docker', open: opens, log: memoryLog(log), patienceMs: 1 });
  expect(slot.away).toBe('The engine docker does not answer: look after it, or wait until it does.');
  opened();
  await expect.poll(() => slot.away).toBeUndefined();
  // Nor does one that hangs as it is closed keep anybody from stopping.
  await slot.close();
  expect(closes).toEqual(['begun']);
  expect(log.at(-1)?.message).toBe('an engine did not close in time; its next start finds what is left');
  closed();
});

test('an engine that has opened after the stop is closed again', async () => {
  const { open: opens, opened, closed, closes } = slowEngine();
  const slot = await EngineSlot.start({ name: 'docker', open: opens, log: memoryLog([]), patienceMs: 1 });
  await slot.close();
  closed();
  opened();
  await expect.poll(() => closes).toEqual(['begun', 'ended']);
  expect(slot.away).toBeDefined();
});

test('what fails for now, and is not the engine itself, leaves it there for others', async () => {
  const daemon = new Daemon();
  const { slot } = await slotOf(daemon);
  const changes: boolean[] = [];
  slot.onChange(() => changes.push(slot.away === undefined));
  daemon.refuses = new CodesetError('unavailable', 'ENGINE_UNAVAILABLE', 'A part of it was restarted.');
  await expect(slot.check(anEnvironment({}))).rejects.toMatchObject({
    reason: 'ENGINE_UNAVAILABLE',
    message: 'A part of it was restarted.',
    metadata: { engine: 'docker' },
  });
  expect(slot.away).toBeUndefined();
  expect(await slot.hasLayer('a')).toBe(true);
  expect(changes).toEqual([]);
});

test('who waits for an engine goes on when it is back, or when aborted', async () => {
  const daemon = new Daemon();
  daemon.isThere = false;
  const { slot, look } = await slotOf(daemon);
  const router = new EngineRouter([{ name: 'docker', takes: 'image', engine: slot }]);
  const abort = new AbortController();
  const given = router.whenThere('docker', abort.signal);
  const waiting = router.whenThere('docker', new AbortController().signal);
  abort.abort();
  await given;
  daemon.isThere = true;
  await look();
  await waiting;
  expect(router.works).toBe(true);
});

test('an environment that names both goes to the first that takes it, and stays where its ground is', async () => {
  const [local, docker] = [new Daemon(), new Daemon()];
  const router = new EngineRouter([
    { name: 'local', takes: 'host', engine: (await slotOf(local, 'local')).slot },
    { name: 'docker', takes: 'image', engine: (await slotOf(docker)).slot },
  ]);
  const both = anEnvironment({ image: 'tools:1' });
  const resolve = async (environment = both): Promise<string> =>
    (await router.resolve(environment, { progress: () => undefined })).engine;
  expect(await resolve()).toBe('local');
  expect(await resolve({ ...both, ground: { engine: 'docker' } })).toBe('docker');
  local.refuses = failedPrecondition('ENVIRONMENT_UNMET', 'Sandboxes on this host lack python3.');
  expect(await resolve()).toBe('docker');
  docker.isThere = false;
  // What may pass counts: the same may be asked again.
  await expect(resolve()).rejects.toMatchObject({
    reason: 'ENGINE_UNAVAILABLE',
    message: 'Sandboxes on this host lack python3. The daemon does not answer: start it.',
  });
  await expect(resolve({ ...both, ground: { engine: 'kubernetes' } })).rejects.toMatchObject({
    reason: 'ENGINE_UNSUPPORTED',
  });
});

test('what an engine that is away holds is not taken for gone', async () => {
  const docker = new Daemon();
  const router = new EngineRouter([
    { name: 'local', takes: 'host', engine: (await slotOf(new Daemon(), 'local')).slot },
    { name: 'docker', takes: 'image', engine: (await slotOf(docker)).slot },
  ]);
  docker.isThere = false;
  expect(await router.survey()).toEqual(
    new Map([
      ['local', []],
      ['docker', undefined],
    ]),
  );
  expect(await router.list()).toEqual([]);
});
