import { afterAll, beforeAll, expect, test } from 'vitest';
import { startApp, type RunningApp } from '../support/running-app.js';
import {
  DOCKER_START_MS,
  ownerOf,
  removeBelongings,
  removePulled,
  sharedDocker,
  type SharedDocker,
} from '../support/docker.js';
import { engineFlags } from '../support/engine-here.js';
import { TestRegistry } from '../support/registry.js';
import { addSample, register } from '../support/service.js';
import { cli, type CliRun } from './run-cli.js';

// Images of a registry of the tests' own, which the daemon pulls as it does others.

const LARGE = 80 * 1024 ** 2;
const names = ['one', 'two', 'large'];

let docker: SharedDocker;
let registry: TestRegistry;
let app: RunningApp;
let owner: string;

beforeAll(async () => {
  docker = await sharedDocker();
  registry = await TestRegistry.start();
  await registry.put('one', '1', { layers: [{ one: '1' }] });
  await registry.put('two', '1', { layers: [{ two: '2' }] });
  await registry.put('large', '1', { layers: [{ large: { text: Buffer.alloc(LARGE) } }] });
  // Less than the large one alone.
  app = await startApp({ flags: { ...(await engineFlags('docker')), imageDisk: '64MiB' } });
  owner = ownerOf(app.dataDir);
  const client = app.client();
  for (const name of names)
    await register(client, addSample([], '', `{image: "${registry.host}/${name}:1"}`, name));
}, DOCKER_START_MS);

afterAll(async () => {
  await app?.[Symbol.asyncDispose]();
  if (owner !== undefined) {
    await gone(...names);
    await removeBelongings(docker.api, owner);
  }
  await registry?.[Symbol.asyncDispose]();
});

/** As when somebody cleans up on the daemon's machine. */
async function gone(...images: readonly string[]): Promise<void> {
  for (const image of images) await removePulled(docker.api, `${registry.host}/${image}`);
}

function prefetch(...args: readonly string[]): Promise<CliRun> {
  return cli(['--address', app.app.address, '--data-dir', app.dataDir, 'sample', 'prefetch', ...args]);
}

interface Line {
  readonly stage?: { readonly stage: string; readonly message: string };
  readonly result?: { readonly outcome: string; readonly message: string };
}

const sorted = (text: string): readonly string[] => text.trim().split('\n').sort();

test('what is there is said to be there, with no pull and whatever the room', async () => {
  const asked = registry.asked.length;
  const run = await prefetch(...names);
  expect(run).toMatchObject({ status: 0, stderr: '3 there, 0 need none, 0 skipped, 0 failed\n' });
  expect(sorted(run.stdout)).toEqual(
    ['large', 'one', 'two'].map((name) =>
      expect.stringMatching(new RegExp(`^${name}@1  READY  ${registry.host}/${name}:1@sha256:[0-9a-f]{64}$`)),
    ),
  );
  expect(registry.asked.length).toBe(asked);
});

test('what is gone comes again, several at once; progress is only for who watches', async () => {
  await gone('one', 'two');
  const run = await prefetch('one', 'two@1', '--max-bytes', '1GiB');
  // The large one takes more than the setting allows, whatever the flag says.
  expect(run).toMatchObject({ status: 1, stderr: '0 there, 0 need none, 2 skipped, 0 failed\n' });
  expect(run.stdout).toMatch(/^one@1  SKIPPED  Images take \d+ of the 67108864 bytes .* raise image_disk/m);
  await gone('large');
  expect(await prefetch('one', 'two')).toMatchObject({
    status: 0,
    stderr: '2 there, 0 need none, 0 skipped, 0 failed\n',
  });
  await gone('two');
  const json = await prefetch('one', 'two', '--json');
  expect(json).toMatchObject({ status: 0, stderr: '' });
  const lines = sorted(json.stdout).map((line) => JSON.parse(line) as Line);
  const stages = lines.filter(({ stage }) => stage !== undefined);
  expect(stages.map(({ stage }) => stage?.message)).toContainEqual(
    expect.stringContaining(`Pulled the image ${registry.host}/two@sha256:`),
  );
  expect(new Set(stages.map(({ stage }) => stage?.stage))).toEqual(new Set(['STAGE_IMAGE']));
  expect(lines.filter(({ result }) => result !== undefined)).toEqual(
    ['one', 'two'].map((sampleId) => ({
      sample: { sampleId, version: 1 },
      result: {
        outcome: 'PREFETCH_OUTCOME_READY',
        message: expect.stringContaining(`/${sampleId}:1@sha256:`),
      },
    })),
  );
});

test('what can not be had is told with what to do, and the others come nevertheless', async () => {
  await gone('one', 'two');
  const { host } = registry;
  registry.login = 'me:secret';
  const run = await prefetch('one', 'two');
  expect(run).toMatchObject({ status: 1, stderr: '0 there, 0 need none, 0 skipped, 2 failed\n' });
  expect(run.stdout).toMatch(/^one@1  FAILED  .* may not be pulled.*`docker login 127\.0\.0\.1:\d+`/m);
  registry.login = undefined;
  // Not one that is missing: Docker may know the manifest of a digest still, though it was told to forget the image.
  registry.denied.add('one');
  const mixed = await prefetch('one', 'two');
  expect(mixed).toMatchObject({ status: 1, stderr: '1 there, 0 need none, 0 skipped, 1 failed\n' });
  expect(mixed.stdout).toMatch(
    new RegExp(`^one@1  FAILED  The image ${host}/one@sha256:\\w+ may not be pulled`, 'm'),
  );
  const unknown = await prefetch('one', 'nothing');
  expect(unknown).toMatchObject({ status: 1, stdout: '' });
  expect(unknown.stderr).toContain('nothing');
  expect(await prefetch('--dataset', 'try', 'one')).toMatchObject({ status: 2, stdout: '' });
});
