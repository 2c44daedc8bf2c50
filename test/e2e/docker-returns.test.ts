import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { refusal } from '../rpc/client.js';
import { startApp, type RunningApp } from '../support/running-app.js';
import {
  belongings,
  DOCKER_START_MS,
  ownerOf,
  startDockerd,
  TEST_IMAGE,
  type Dockerd,
} from '../support/docker.js';
import { tempFolder, type TempFolder } from '../support/temp-folder.js';
import { addSample, register, session, sh } from '../support/service.js';

// The whole service on a daemon that goes away and comes back, and that knows a runtime by a name of its own.

const SLOW_MS = 240_000;
const ON_IMAGE = `{image: "${TEST_IMAGE}", setup: ["echo set up > /etc/set-up"], prepare: ["echo x > prepared"]}`;

let daemon: Dockerd;
let app: RunningApp | undefined;
let folder: TempFolder | undefined;

beforeAll(async () => {
  daemon = await startDockerd({ runtimes: { other: 'runc' } });
}, DOCKER_START_MS);

afterEach(async () => {
  await app?.[Symbol.asyncDispose]();
  app = undefined;
  // The daemon, which ends with all that it has, is the tests' own.
  await folder?.[Symbol.asyncDispose]();
  folder = undefined;
}, SLOW_MS);

afterAll(async () => {
  await daemon?.[Symbol.asyncDispose]();
}, SLOW_MS);

async function start(flags: Readonly<Record<string, string>> = {}): Promise<RunningApp> {
  folder = await tempFolder();
  app = await startApp({
    folder,
    flags: { engine: 'docker', dockerHost: daemon.host, dockerConfig: 'none', ...flags },
  });
  return app;
}

test(
  'what is deleted while Docker is away goes from it when it is back',
  async () => {
    const running = await start();
    const client = running.client();
    const owner = ownerOf(running.dataDir);
    const store = join(daemon.dataRoot, 'volumes', `codeset-${owner}-store`, '_data/l');
    /** As it lies on the daemon's disk, with what is half removed. */
    const layers = async (): Promise<readonly string[]> => {
      const names = await readdir(store);
      const texts = names.map((name) => readFile(join(store, name, 'layer.json'), 'utf8').catch(() => name));
      return (await Promise.all(texts))
        .map((text) => /(codebase-|setup-|prepare-|baseline-|hidden-|snap-)/.exec(text)?.[1] ?? text)
        .sort();
    };
    const layerImages = async (): Promise<number> =>
      (await belongings(daemon.api, owner)).images.filter((name) => name.includes(':layer-')).length;
    await register(client, addSample([], '', ON_IMAGE));
    const { id } = await session(client);
    await sh(client, id, 'echo mine > own');
    const { snapshot } = await client.sessions.createSnapshot({ sessionId: id });
    const kept = await session(client);
    await sh(client, kept.id, 'echo kept > own');
    const { snapshot: second } = await client.sessions.createSnapshot({ sessionId: kept.id });
    const before = await layers();
    expect(before.filter((name) => name === 'snap-').length).toBeGreaterThanOrEqual(2);
    const snapshotImages = await layerImages();

    await daemon.stop();
    await expect
      .poll(async () => (await refusal(sh(client, id, 'true'))).reason)
      .toMatch(/ENGINE_UNAVAILABLE|SESSION_LOST/);
    await client.sessions.closeSession({ sessionId: id });
    await client.sessions.deleteSnapshot({ snapshotId: snapshot?.snapshotId ?? '' });
    await client.sessions.closeSession({ sessionId: kept.id });
    await daemon.start();

    const left = async (): Promise<object> => ({
      containers: (await belongings(daemon.api, owner)).containers.filter(
        (name) => !/-(keeper|carrier)$/.test(name),
      ),
      volumes: (await belongings(daemon.api, owner)).volumes,
      snapshots: (await layers()).filter((name) => name === 'snap-').length,
    });
    const ofEach = before.filter((name) => name === 'snap-').length / 2;
    const own = { containers: [], volumes: [`codeset-${owner}-store`] };
    await expect.poll(left, { timeout: 90_000 }).toEqual({ ...own, snapshots: ofEach });

    // And the rest, with the sample itself; the set-up stays its week.
    await daemon.stop();
    await client.sessions.deleteSnapshot({ snapshotId: second?.snapshotId ?? '' });
    await client.samples.deleteSample({ sample: { sampleId: 'add' } });
    await daemon.start();
    await expect.poll(layers, { timeout: 90_000 }).toEqual(['setup-']);
    expect(await layerImages()).toBe(1);
    expect(snapshotImages).toBeGreaterThan(1);
    expect(await left()).toEqual({ ...own, snapshots: 0 });
  },
  SLOW_MS,
);

describe('docker_runtime', () => {
  test.each(['runc', 'other'])(
    '%s is what sandboxes run by',
    async (dockerRuntime) => {
      const running = await start({ dockerRuntime });
      const client = running.client();
      const { session: made } = await client.sessions.createSession({
        source: { $case: 'environment', value: { image: TEST_IMAGE } },
      });
      const sessionId = made?.sessionId ?? '';
      expect(await sh(client, sessionId, 'id -un; echo err >&2; exit 3')).toEqual({
        code: 3,
        stdout: 'agent\n',
        stderr: 'err\n',
      });
      const filters = { label: [`codeset.owner=${ownerOf(running.dataDir)}`, `codeset.sandbox`] };
      const [container] = await daemon.api.listContainers({ filters });
      const { HostConfig } = await daemon.api.getContainer(container?.Id ?? '').inspect();
      expect(HostConfig.Runtime).toBe(dockerRuntime);
    },
    SLOW_MS,
  );

  test(
    'that Docker does not know is told with what to do',
    async () => {
      const client = (await start({ dockerRuntime: 'nothing' })).client();
      const refused = await refusal(
        client.sessions.createSession({ source: { $case: 'environment', value: { image: TEST_IMAGE } } }),
      );
      expect(refused.text).toMatch(
        /no runtime "nothing", only .*other.*: set docker_runtime to one of these/,
      );
    },
    SLOW_MS,
  );
});
