import { existsSync } from 'node:fs';
import { expect, test } from 'vitest';
import { DEFAULT_RESOURCES } from '../../../src/core/environment.js';
import { InitClient } from '../init-client.js';
import type { EngineUnderTest } from './engine-under-test.js';
import { inSandbox, sh } from './sandbox.js';

/** The limits on memory, processes and CPU. */
export function limitsContract(under: EngineUnderTest): void {
  test('a process over the memory limit is killed, and that is counted', async () => {
    const { engine, sandboxSpec } = under;
    await engine.create(
      sandboxSpec('a', { resources: { ...DEFAULT_RESOURCES, memoryBytes: 64 * 1024 ** 2 } }),
    );
    const enforced = engine.capabilities().memory === 'enforced';
    expect((await engine.usage('a')).outOfMemoryKills).toBe(enforced ? 0 : -1);
    const { signal } = await inSandbox(engine, 'a', (init) =>
      init.run(['/usr/bin/python3', '-c', 'x = bytearray(200 << 20)']),
    );
    if (enforced) {
      expect(signal).toBe(9);
      const usage = await engine.usage('a');
      expect(usage.outOfMemoryKills).toBeGreaterThan(0);
      expect(usage.memoryPeakBytes).toBeGreaterThan(32 * 1024 ** 2);
    } else {
      expect(engine.capabilities().warnings.join('\n')).toMatch(/The limit on memory is not enforced/);
      expect((await engine.usage('a')).memoryBytes).toBeGreaterThan(0);
    }
    expect((await sh(engine, 'a', 'echo still there')).stdout).toBe('still there\n');
  });

  test('a fork bomb ends at the limit on processes and the engine goes on', async () => {
    const { engine, sandboxSpec } = under;
    await engine.create(sandboxSpec('a', { resources: { ...DEFAULT_RESOURCES, processes: 64, cpus: 0.5 } }));
    const init = new InitClient(await engine.connect('a'));
    const bomb = init.run(['/bin/bash', '-c', ':(){ :|:& };:']).catch(() => undefined);
    await engine.create(sandboxSpec('b'));
    expect((await sh(engine, 'b', 'echo fine')).stdout).toBe('fine\n');
    await engine.destroy('a');
    await bomb;
    expect((await engine.list()).map((sandbox) => sandbox.sandboxId)).toEqual(['b']);
  });

  test('as many processes as the limit says can run at once, and no more', async () => {
    const { engine, sandboxSpec } = under;
    await engine.create(sandboxSpec('a', { resources: { ...DEFAULT_RESOURCES, processes: 48 } }));
    const script = `
import os, signal, time
made = []
try:
    for _ in range(200):
        pid = os.fork()
        if pid == 0: time.sleep(600)
        made.append(pid)
except OSError: pass
print(len(made))
for pid in made: os.kill(pid, signal.SIGKILL)
`;
    const { stdout } = await inSandbox(engine, 'a', (init) => init.run(['/usr/bin/python3', '-c', script]));
    const most = engine.capabilities().processes === 'enforced' ? 48 : 200;
    expect(Number(stdout)).toBeGreaterThan(most / 2);
    expect(Number(stdout)).toBeLessThanOrEqual(most);
  });

  test('a busy loop gets the CPU time that the limit says', async () => {
    const { engine, sandboxSpec } = under;
    await engine.create(sandboxSpec('a', { resources: { ...DEFAULT_RESOURCES, cpus: 0.2 } }));
    const before = await engine.usage('a');
    await sh(engine, 'a', 'timeout 1 sh -c "while :; do :; done"');
    const after = await engine.usage('a');
    const used = after.cpuTimeUs - before.cpuTimeUs;
    expect(used).toBeGreaterThan(20_000);
    if (existsSync('/proc/pressure/cpu'))
      expect(after.cpuWaitedUs).toBeGreaterThan(before.cpuWaitedUs ?? NaN);
    if (engine.capabilities().cpu === 'enforced') {
      expect(used).toBeLessThan(500_000);
      expect(after.cpuThrottledUs - before.cpuThrottledUs).toBeGreaterThan(100_000);
    } else expect(engine.capabilities().warnings.join('\n')).toMatch(/The limit on cpu is not enforced/);
  });
}
