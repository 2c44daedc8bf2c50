import { expect, test } from 'vitest';
import type { EngineUnderTest } from './engine-under-test.js';
import { failure } from './failure.js';
import { HOST_ENVIRONMENT, sh } from './sandbox.js';

const UNMET = {
  environment: { ...HOST_ENVIRONMENT, host: { requires: ['bash', 'no-such-tool'] } },
  names: 'no-such-tool',
};

/** What can be made, under which id, and what another life of the engine finds of it. */
export function lifetimeContract(under: EngineUnderTest): void {
  test('an environment that can’t be made is refused with what is missing', async () => {
    const { engine, context } = under;
    const { environment: wanted, names } = context.unmet ?? UNMET;
    const unmet = await failure(engine.check(wanted));
    expect(unmet).toMatchObject({ kind: 'failed-precondition', reason: 'ENVIRONMENT_UNMET' });
    expect(unmet.message).toContain(names);
  });

  test('an id is used once, and an aborted creation leaves nothing', async () => {
    const { engine, sandboxSpec } = under;
    await engine.create(sandboxSpec('a'));
    expect((await failure(engine.create(sandboxSpec('a')))).reason).toBe('ENGINE_FAILED');
    expect((await sh(engine, 'a', 'echo unharmed')).stdout).toBe('unharmed\n');
    const abort = new AbortController();
    const making = engine.create(sandboxSpec('b'), abort.signal);
    setImmediate(() => abort.abort());
    await expect(making).rejects.toThrow();
    expect((await engine.list()).map((sandbox) => sandbox.sandboxId)).toEqual(['a']);
  });

  test('a sandbox is found again by another life of the engine, and a dead one is told as dead', async () => {
    const { sandboxSpec } = under;
    let { engine } = under;
    await engine.create(sandboxSpec('a', { purpose: 'verification' }));
    await engine.create(sandboxSpec('b'));
    engine = await under.reopen();
    expect([...(await engine.list())].sort((x, y) => x.sandboxId.localeCompare(y.sandboxId))).toEqual([
      { sandboxId: 'a', purpose: 'verification', alive: true },
      { sandboxId: 'b', purpose: 'session', alive: true },
    ]);
    expect((await sh(engine, 'a', 'echo back')).stdout).toBe('back\n');
    await engine.destroy('a');
    await engine.destroy('a');
    expect((await failure(engine.connect('a'))).reason).toBe('SESSION_LOST');
  });
}
