import { expect, test } from 'vitest';
import { DiskGuard } from '../../../../src/engines/shared/disk-guard.js';

async function looksAndExceeded(
  cpuTimeUs: number | undefined,
): Promise<{ readonly looks: number; readonly exceeded: readonly string[] }> {
  let looks = 0;
  let rounds = 0;
  const exceeded: string[] = [];
  const guard = new DiskGuard({
    everyMs: 1,
    cpuTimeUs: (id) => {
      if (id === 'clock') rounds++;
      return Promise.resolve(id === 'clock' ? rounds : cpuTimeUs);
    },
    // It grows past its limit only after the first look.
    usage: (uppers) => {
      if (uppers.includes('/upper')) looks++;
      return Promise.resolve(new Map([['/upper', { bytes: looks > 1 ? 2000 : 0, files: 0 }]]));
    },
    onExceeded: (id) => Promise.resolve(void exceeded.push(id)),
    onError: (error) => {
      throw error;
    },
  });
  guard.watch({ sandboxId: 'box', uppers: ['/upper'], limitBytes: 1000 });
  guard.watch({ sandboxId: 'clock', uppers: [], limitBytes: 1000 });
  await expect.poll(() => rounds, { timeout: 30_000 }).toBeGreaterThan(4);
  await guard.close();
  return { looks, exceeded };
}

test('a sandbox that used no processor time since the last look is not looked at again', async () => {
  expect(await looksAndExceeded(7)).toEqual({ looks: 1, exceeded: [] });
});

test('a sandbox whose processor time is not known is looked at every time', async () => {
  const { looks, exceeded } = await looksAndExceeded(undefined);
  expect(looks).toBeGreaterThan(2);
  expect(exceeded).toEqual(['box']);
});
