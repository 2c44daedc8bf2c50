import { createHash, randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { driveExec } from '../support/exec-call.js';
import { extent } from '../support/extent.js';
import { hostSession, startService } from '../support/service.js';

const MIB = 1024 * 1024;

test('random bytes through cat by Exec come back identical', { timeout: 180_000 }, async () => {
  await using service = await startService();
  const sessionId = await hostSession(service.admin);
  const total = extent(20, 100) * 1_000_000;
  const sent = createHash('sha256');
  const frames = async function* () {
    const spec = { command: { $case: 'argv' as const, value: { args: ['cat'] } }, stdin: true };
    yield { $case: 'start' as const, value: { sessionId, spec } };
    let offset = 0;
    while (offset < total) {
      const data = randomBytes(Math.min(MIB / 16, total - offset));
      sent.update(data);
      yield { $case: 'stdin' as const, value: { offset: BigInt(offset), data } };
      offset += data.length;
    }
    yield { $case: 'endOfInput' as const, value: {} };
  };
  const outcome = await driveExec(service.admin, frames() as never);
  expect(outcome.gaps).toBe(0);
  expect(outcome.stdout.length).toBe(total);
  expect(createHash('sha256').update(outcome.stdout).digest('hex')).toBe(sent.digest('hex'));
  expect(outcome.exited?.result?.status).toEqual({ $case: 'exitCode', value: 0 });
});
