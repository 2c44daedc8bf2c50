import { expect, test } from 'vitest';
import { ContainerStopper } from '../../../../src/engines/docker/container-stopper.js';
import { Names } from '../../../../src/engines/docker/names.js';
import { failure } from '../../../engines/contract/failure.js';
import { type ScriptedDaemon, scriptedDaemon } from '../../../support/scripted-daemon.js';

const UNPAUSE = 'POST /containers/codeset-me-a/unpause';

function stopper({ client }: ScriptedDaemon): ContainerStopper {
  return new ContainerStopper(client, new Names('me', '/run/nowhere'), false, async () => undefined);
}

/** A container that the daemon fails to wake so many times. */
async function failing(times: number): Promise<ScriptedDaemon> {
  let left = times;
  return scriptedDaemon((asked) => {
    if (asked !== UNPAUSE) return { status: 200, body: { State: { Running: true, Paused: left >= 0 } } };
    return left-- > 0 ? { status: 500, body: { message: 'cannot thaw' } } : { status: 204 };
  });
}

test('a sandbox that the daemon fails to wake is tried again', async () => {
  await using daemon = await failing(2);
  await stopper(daemon).thaw('a');
  expect(daemon.asked.filter((asked) => asked === UNPAUSE)).toHaveLength(3);
});

test('one that stays held still is no success', async () => {
  await using daemon = await failing(100);
  const told = await failure(stopper(daemon).thaw('a'));
  expect(told).toMatchObject({ reason: 'ENGINE_FAILED', message: 'The sandbox could not be woken.' });
});

test('one that is not paused, or not there, needs no waking', async () => {
  for (const [status, inspected] of [
    [500, { status: 200, body: { State: { Running: true, Paused: false } } }],
    [409, { status: 200, body: { State: { Running: false, Paused: false } } }],
    [404, { status: 404 }],
  ] as const) {
    await using daemon = await scriptedDaemon((asked) => (asked === UNPAUSE ? { status } : inspected));
    await stopper(daemon).thaw('a');
    expect(daemon.asked.filter((asked) => asked === UNPAUSE)).toHaveLength(1);
  }
});
