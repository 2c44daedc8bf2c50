import { expect, test } from 'vitest';
import { CodesetError } from '../../../src/core/errors.js';
import { DEFAULT_RESOURCES } from '../../../src/core/environment.js';
import type { Engine } from '../../../src/core/ports/engine.js';
import type { ExecHost } from '../../../src/core/ports/execs.js';
import { Workshop, type WorkSpec } from '../../../src/core/work-sandbox.js';

const away = new CodesetError('unavailable', 'ENGINE_UNAVAILABLE', 'It went.');

const spec: WorkSpec = {
  purpose: 'setup',
  environment: {
    ground: { engine: 'x' },
    setup: [],
    prepare: [],
    setupNetwork: 'none',
    network: 'none',
    env: {},
    workdir: '/',
    user: 'root',
  },
  rootLayers: [],
  workspaceLayers: [],
  resources: DEFAULT_RESOURCES,
  network: 'none',
};

/** On an engine that goes once a sandbox is made. */
function workshop(opens = true) {
  const destroyed: string[] = [];
  const engine = {
    baseEnv: () => ({}),
    create: async () => undefined,
    commit: () => Promise.reject(away),
    destroy: (sandboxId: string) => {
      destroyed.push(sandboxId);
      return Promise.reject(new CodesetError('internal', 'ENGINE_FAILED', 'It could not be removed.'));
    },
  } as unknown as Engine;
  const execHost = {
    open: () => (opens ? Promise.resolve({ detach: async () => undefined }) : Promise.reject(away)),
    forget: async () => undefined,
  } as unknown as ExecHost;
  return { workshop: new Workshop(engine, execHost), destroyed };
}

test('a sandbox that can not be removed takes nothing from what was done in it', async () => {
  const { workshop: shop, destroyed } = workshop();
  const work = async (): Promise<string> => {
    await using _sandbox = await shop.open(spec);
    return 'done';
  };
  expect(await work()).toBe('done');
  expect(destroyed).toHaveLength(1);
});

test('nor from the error that ended it, by which it is known whether to try again', async () => {
  const { workshop: shop, destroyed } = workshop();
  const work = async (): Promise<void> => {
    await using sandbox = await shop.open(spec);
    await sandbox.commit({ root: 'a' });
  };
  await expect(work()).rejects.toBe(away);
  expect(destroyed).toHaveLength(1);
});

test('one that is made and not reached is removed, and why it was not is told', async () => {
  const { workshop: shop, destroyed } = workshop(false);
  await expect(shop.open(spec)).rejects.toBe(away);
  expect(destroyed).toHaveLength(1);
});
