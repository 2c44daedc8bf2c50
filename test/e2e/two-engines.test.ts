import { createClientFactory } from 'nice-grpc';
import { HealthDefinition } from 'nice-grpc-server-health';
import { afterEach, expect, test } from 'vitest';
import { SampleState, Stage } from '../../gen/codeset/v1/sample.js';
import { PrefetchOutcome } from '../../gen/codeset/v1/sample_service.js';
import { RootFiles, SessionState } from '../../gen/codeset/v1/session.js';
import { VerificationState } from '../../gen/codeset/v1/verification.js';
import { refusal, type TestClient } from '../rpc/client.js';
import { startApp, type RunningApp } from '../support/running-app.js';
import { SecondEngine } from '../support/second-engine.js';
import { addSample, hostSession, register, session, settled, sh } from '../support/service.js';

// A service with two engines. The second one, in Docker's place, makes real sandboxes too, and leaves and comes back
// when a test says so.

const PATCH = Buffer.from(
  '--- a/m.py\n+++ b/m.py\n@@ -1,2 +1,2 @@\n def add(a, b):\n-    return a - b\n+    return a + b\n',
);
const IMAGE = '{image: "tools:1"}';
const SERVING = 1;
const NOT_SERVING = 2;

let running: RunningApp | undefined;
let second: SecondEngine;

async function start(engine: 'auto' | 'docker' = 'auto'): Promise<RunningApp> {
  second = new SecondEngine();
  running = await startApp({ flags: { engine }, openers: second.openers });
  return running;
}

afterEach(async () => {
  second.comeBack();
  // What it holds is removed through it.
  if (running !== undefined) await expect.poll(() => isAway(running)).toBe(false);
  await running?.[Symbol.asyncDispose]();
  running = undefined;
}, 120_000);

/** Whether the service knows that its second engine is away. */
function isAway(app: RunningApp | undefined): boolean {
  const said = app?.log.filter(({ message }) => message.startsWith('an engine is ')) ?? [];
  return said.at(-1)?.message.includes('away') ?? false;
}

async function imageSession(client: TestClient): Promise<string> {
  const { session: made } = await client.sessions.createSession({
    source: { $case: 'environment', value: { image: 'tools:1' } },
  });
  expect(made).toMatchObject({ state: SessionState.READY, engine: 'docker' });
  return made?.sessionId ?? '';
}

async function stateOf(client: TestClient, sessionId: string): Promise<SessionState | undefined> {
  return (await client.sessions.getSession({ sessionId })).session?.state;
}

async function health(app: RunningApp, service: string): Promise<number> {
  const client = createClientFactory().create(HealthDefinition, app.client().channel);
  return (await client.check({ service })).status;
}

test('each environment goes to the engine that it names, and all that a session can do is done there', async () => {
  const client = (await start()).client();
  const onHost = await hostSession(client);
  expect((await client.sessions.getSession({ sessionId: onHost })).session?.engine).toBe('local');
  const sessionId = await imageSession(client);
  expect(await sh(client, sessionId, 'echo one > a && cat a')).toMatchObject({ code: 0, stdout: 'one\n' });
  const pieces: Buffer[] = [];
  for await (const { data } of client.sessions.getDiff({ sessionId })) pieces.push(data);
  expect(Buffer.concat(pieces).toString()).toContain('+one');
  const forked: string[] = [];
  for await (const { result } of client.sessions.forkSession({
    source: { $case: 'sessionId', value: sessionId },
    count: 2,
  })) {
    if (result?.$case === 'forked') forked.push(result.value.session?.sessionId ?? '');
  }
  expect(forked).toHaveLength(2);
  for (const fork of forked) expect((await sh(client, fork, 'cat a')).stdout).toBe('one\n');
  const { snapshot } = await client.sessions.createSnapshot({ sessionId });
  const snapshotId = snapshot?.snapshotId ?? '';
  const again = await client.sessions.createSession({ source: { $case: 'snapshotId', value: snapshotId } });
  expect(again.session).toMatchObject({ state: SessionState.READY, engine: 'docker' });
  await client.sessions.deleteSnapshot({ snapshotId });
});

test('a sample that names both goes to local, one that names an image alone to the other; both are judged', async () => {
  const client = (await start()).client();
  await register(client, addSample([], '', '{host: {requires: [python3]}, image: "tools:1"}'));
  const both = await session(client);
  expect((await client.sessions.getSession({ sessionId: both.id })).session?.engine).toBe('local');
  await client.sessions.closeSession({ sessionId: both.id });
  await register(client, addSample([], '', '{image: "tools:1", prepare: ["echo made > prepared"]}'));
  const image = await session(client);
  expect((await client.sessions.getSession({ sessionId: image.id })).session?.engine).toBe('docker');
  expect((await sh(client, image.id, 'cat prepared')).stdout).toBe('made\n');
  await client.sessions.applyPatch({ sessionId: image.id, diff: PATCH });
  const { verification } = await client.verifications.startVerification({
    subject: { $case: 'sessionId', value: image.id },
  });
  for await (const { event } of client.verifications.watchVerification({
    verificationId: verification?.verificationId ?? '',
  })) {
    if (event?.$case === 'verification' && event.value.state === VerificationState.PASSED) return;
  }
  throw new Error('The patched session did not pass.');
}, 120_000);

test('what an image sets is in the environment of its commands, and GetSession tells what its engine gives', async () => {
  const client = (await start()).client();
  const sessionId = await imageSession(client);
  expect((await sh(client, sessionId, 'echo $OF_IMAGE $HOME')).stdout).toBe('yes /home/agent\n');
  const { engineCapabilities } = await client.sessions.getSession({ sessionId });
  expect(engineCapabilities).toMatchObject({ engine: 'docker', userNamespace: true, seccomp: true });
  expect(engineCapabilities?.rootFiles).toBe(RootFiles.EXACT);
  expect(engineCapabilities?.runtime).toMatch(/^(runc|crun) /);
  const stages: string[] = [];
  for await (const { event } of client.sessions.watchSession({ sessionId })) {
    if (event?.$case === 'stage' && event.value.stage === Stage.IMAGE)
      stages.push(`${event.value.message} ${event.value.doneBytes} of ${event.value.totalBytes}`);
    if (event?.$case === 'stage' && event.value.stage === Stage.DONE) break;
  }
  expect(stages).toEqual(['Pulling tools:1. 5 of 10']);
});

test('images are brought before anybody waits for them, as far as there is room', async () => {
  const client = (await start()).client();
  await register(client, addSample([], '', IMAGE));
  await register(client, addSample([], '', '{host: {requires: [python3]}}', 'on-host'));
  const prefetched = async (request: object): Promise<readonly string[]> => {
    const said: string[] = [];
    for await (const { sample, event } of client.samples.prefetchSamples(request)) {
      if (event?.$case === 'stage') said.push(`${sample?.sampleId}: ${event.value.message}`);
      if (event?.$case === 'result')
        said.push(`${sample?.sampleId}: ${PrefetchOutcome[event.value.outcome]} ${event.value.message}`);
    }
    return said.sort();
  };
  expect(await prefetched({ dataset: 'try' })).toEqual([
    'add: Pulling tools:1.',
    'add: READY tools:1@sha256:0',
    "on-host: NOT_NEEDED It stands on the host's own toolchain.",
  ]);
  second.imageBytes = 1000;
  expect(await prefetched({ samples: [{ sampleId: 'add' }] })).toEqual([
    expect.stringContaining('add: SKIPPED Images take 1000 of the 1000 bytes'),
  ]);
  // Before anything is left out, what nobody needs was asked to go.
  expect(second.inUse).toEqual(new Set(['id of tools:1']));
  second.imageBytes = 400;
  expect(await prefetched({ samples: [{ sampleId: 'add' }], maxBytes: 400n })).toEqual([
    expect.stringContaining('SKIPPED'),
  ]);
  expect(await refusal(client.samples.prefetchSamples({ samples: [{ sampleId: 'nothing' }] }))).toMatchObject(
    {
      reason: 'SAMPLE_NOT_FOUND',
    },
  );
});

test('where no engine fits, the refusal names what is missing', async () => {
  running = await startApp({ flags: { engine: 'local' } });
  const client = running.client();
  second = new SecondEngine();
  const refused = await refusal(
    client.sessions.createSession({ source: { $case: 'environment', value: { image: 'tools:1' } } }),
  );
  expect(refused).toMatchObject({ reason: 'ENGINE_UNSUPPORTED', retry: false });
  expect(refused.text).toContain('--engine local');
});

test('sessions of an engine that is away at a start stay READY, say so, and go on when it is back', async () => {
  const app = await start();
  let client = app.client();
  const kept = await imageSession(client);
  const closed = await imageSession(client);
  expect((await sh(client, kept, 'echo kept > a')).code).toBe(0);
  second.leave();
  await app.restart();
  client = app.client();
  expect(await stateOf(client, kept)).toBe(SessionState.READY);
  expect(await refusal(sh(client, kept, 'cat a'))).toMatchObject({
    reason: 'ENGINE_UNAVAILABLE',
    retry: true,
  });
  expect(
    await refusal(
      client.sessions.createSession({ source: { $case: 'environment', value: { image: 'tools:1' } } }),
    ),
  ).toMatchObject({ reason: 'ENGINE_UNAVAILABLE', retry: true });
  // The other engine is not concerned.
  expect(await health(app, 'codeset.v1.SessionService')).toBe(SERVING);
  expect((await sh(client, await hostSession(client), 'echo here')).stdout).toBe('here\n');
  await client.sessions.closeSession({ sessionId: closed });
  second.comeBack();
  await expect
    .poll(async () => (await sh(client, kept, 'cat a').catch(() => undefined))?.stdout)
    .toBe('kept\n');
  // What was closed meanwhile is removed now.
  await expect
    .poll(() => app.log.some(({ message }) => message === 'an orphaned sandbox is removed'))
    .toBe(true);
}, 120_000);

test('a sample is prepared and a verification judged when the engine that they wait for is back', async () => {
  const app = await start();
  const client = app.client();
  await register(client, addSample([], '', IMAGE));
  second.leave();
  const { verification } = await client.verifications.startVerification({
    subject: { $case: 'patch', value: { sample: { sampleId: 'add' }, diff: PATCH } },
  });
  const verificationId = verification?.verificationId ?? '';
  await expect
    .poll(async () => (await client.verifications.getVerification({ verificationId })).verification?.state)
    .toBe(VerificationState.RUNNING);
  await expect.poll(() => isAway(app)).toBe(true);
  const registering = client.samples.registerSample(
    (async function* () {
      yield { part: { $case: 'header' as const, value: {} } };
      const changed = addSample([], 'tags: [changed]\n', IMAGE);
      for await (const data of changed) yield { part: { $case: 'data' as const, value: data } };
    })(),
  );
  expect((await registering).sample).toMatchObject({ version: 2, state: SampleState.PREPARING });
  for await (const { event } of client.samples.watchSample({ sample: { sampleId: 'add' } })) {
    if (event?.$case === 'stage' && event.value.message.includes('goes on when it is back')) {
      expect(event.value.stage).toBe(Stage.QUEUED);
      break;
    }
  }
  second.comeBack();
  expect(await settled(client, 'add')).toMatchObject({ version: 2 });
  await expect
    .poll(async () => (await client.verifications.getVerification({ verificationId })).verification)
    .toMatchObject({ state: VerificationState.PASSED, attempt: 2 });
}, 120_000);

test('a sandbox that does not answer keeps the service neither from starting nor from stopping', async () => {
  const app = await start();
  let client = app.client();
  const waiting = await imageSession(client);
  const closed = await imageSession(client);
  await sh(client, waiting, 'echo kept > a');
  const onHost = await hostSession(client);
  second.silence(true);
  await app.restart();
  // A stop gives up what still waits.
  await app.restart();
  client = app.client();
  expect((await sh(client, onHost, 'echo here')).stdout).toBe('here\n');
  expect(await stateOf(client, waiting)).toBe(SessionState.READY);
  const refused = await refusal(sh(client, waiting, 'cat a'));
  expect(refused).toMatchObject({ reason: 'ENGINE_FAILED', retry: true });
  await client.sessions.closeSession({ sessionId: closed });
  expect(await stateOf(client, closed)).toBe(SessionState.CLOSED);
  second.silence(false);
  await expect
    .poll(async () => (await sh(client, waiting, 'cat a').catch(() => undefined))?.stdout)
    .toBe('kept\n');
}, 120_000);

test('a service whose only engine is away starts, tells its health, and works when the engine comes', async () => {
  second = new SecondEngine();
  second.leave();
  const app = await startApp({ flags: { engine: 'docker' }, openers: second.openers });
  running = app;
  expect(await health(app, 'codeset.v1.SessionService')).toBe(NOT_SERVING);
  expect(await health(app, 'codeset.v1.SampleService')).toBe(SERVING);
  second.comeBack();
  await expect.poll(() => health(app, 'codeset.v1.SessionService')).toBe(SERVING);
  expect((await sh(app.client(), await imageSession(app.client()), 'echo here')).stdout).toBe('here\n');
  second.leave();
  await expect.poll(() => health(app, 'codeset.v1.SessionService')).toBe(NOT_SERVING);
});
