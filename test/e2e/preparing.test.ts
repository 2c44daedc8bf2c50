import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Status } from 'nice-grpc';
import { expect, test } from 'vitest';
import { SampleState } from '../../gen/codeset/v1/sample.js';
import type { StageEvent } from '../../gen/codeset/v1/sample.js';
import { packFiles } from '../../src/samples/pack.js';
import { refusal, type TestClient } from '../rpc/client.js';
import { startService, type TestService } from '../support/service.js';
import { environmentHere } from '../support/engine-here.js';
import { forget, keptSandboxes } from '../support/engine-parts.js';
import { tempFolder } from '../support/temp-folder.js';

const ENDLESS = 'sleep infinity';

async function* endlessSample() {
  const environment = JSON.stringify({ ...environmentHere('sh'), prepare: [ENDLESS] });
  const files = {
    'sample.yaml': `sample_id: endless\ndataset: try\ndescription: Is never ready.\nenvironment: ${environment}\n`,
    'task.md': 'Wait.\n',
    'codebase/f': 'x\n',
    'verification/run': '#!/bin/sh\n',
  };
  yield { part: { $case: 'header', value: {} } } as const;
  const tar = packFiles(
    Object.entries(files).map(([path, content]) => ({ path, content, executable: path.endsWith('/run') })),
  );
  for await (const value of tar as AsyncIterable<Buffer>) yield { part: { $case: 'data', value } } as const;
}

type Watched = AsyncIterable<{
  event?: { $case: 'stage'; value: StageEvent } | { $case: string; value: unknown } | undefined;
}>;

/** Reads until the endless command runs. */
async function begun(watched: Watched): Promise<void> {
  for await (const { event } of watched) {
    if (event?.$case === 'stage' && (event.value as StageEvent).message === `$ ${ENDLESS}`) return;
  }
  throw new Error('It ended before the command began.');
}

async function left({ dataDir }: TestService): Promise<Record<string, readonly string[]>> {
  return { sandboxes: await keptSandboxes(dataDir), execs: await readdir(join(dataDir, 'execs')) };
}

const NOTHING = { sandboxes: [], execs: [] };

const watchSample = (admin: TestClient): Watched =>
  admin.samples.watchSample({ sample: { sampleId: 'endless' } });

test('a service that is stopped gives up a preparation, and takes it up at its next start', async () => {
  await using folder = await tempFolder();
  const before = await startService({}, folder);
  await before.admin.samples.registerSample(endlessSample());
  await begun(watchSample(before.admin));
  await before[Symbol.asyncDispose]();
  expect(await left(before)).toEqual(NOTHING);
  await using _ = { [Symbol.asyncDispose]: () => forget(before.dataDir) };
  await using service = await startService({}, folder);
  await begun(watchSample(service.admin));
  const { sample } = await service.admin.samples.getSample({ sample: { sampleId: 'endless' } });
  expect(sample?.state).toBe(SampleState.PREPARING);
  await service.admin.samples.deleteSample({ sample: { sampleId: 'endless' } });
  expect(await refusal(watchSample(service.admin))).toMatchObject({ code: Status.NOT_FOUND });
  expect(await left(service)).toEqual(NOTHING);
});

test('a set-up ends with the session that waits for it', async () => {
  await using service = await startService();
  const { sessions } = service.admin;
  const { session } = await sessions.createSession({
    source: { $case: 'environment', value: { ...environmentHere('sh'), setup: [ENDLESS] } },
    returnImmediately: true,
  });
  const sessionId = session?.sessionId ?? '';
  await begun(sessions.watchSession({ sessionId }));
  await sessions.closeSession({ sessionId });
  await expect.poll(() => left(service)).toEqual(NOTHING);
});
