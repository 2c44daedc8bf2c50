import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import type Docker from 'dockerode';
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { removeBelongings } from '../../src/engines/docker/belongings.js';
import { DockerClient } from '../../src/engines/docker/docker-client.js';
import { daemonEvents } from '../../src/engines/docker/images/json-lines.js';
import { Names } from '../../src/engines/docker/names.js';
import { DOCKER_START_MS, sharedDocker, TEST_IMAGE } from '../support/docker.js';
import { layerTar } from '../support/registry.js';

let client: DockerClient;
let api: Docker;
let names: Names;
let containers: string[];
let images: string[];

beforeAll(async () => {
  client = await DockerClient.open((await sharedDocker()).host);
  api = client.api;
}, DOCKER_START_MS);

beforeEach(() => {
  names = new Names(`t${randomUUID().slice(0, 8)}`, '/run/nowhere');
  containers = [];
  images = [];
});

afterEach(async () => {
  for (const id of containers)
    await api
      .getContainer(id)
      .remove({ force: true })
      .catch(() => undefined);
  for (const id of images)
    await api
      .getImage(id)
      .remove({ force: true })
      .catch(() => undefined);
});

/** @returns the id of an image with the owner's label, and another role than others that a test makes */
async function image(role: string, tag?: string): Promise<string> {
  const answer = await api.importImage(Readable.from([await layerTar({ [role]: 'x' })]), {
    ...(tag === undefined ? {} : { repo: names.images, tag }),
    changes: `LABEL codeset.owner=${names.owner}\nLABEL codeset.role=${role}`,
  });
  let id = '';
  for await (const event of daemonEvents(answer as unknown as Readable)) id = event.status ?? id;
  images.push(id);
  return id;
}

async function container(
  Image: string,
  name?: string,
  Labels: Readonly<Record<string, string>> = {},
): Promise<string> {
  const { id } = await api.createContainer({
    ...(name === undefined ? {} : { name }),
    Image,
    Cmd: ['/x'],
    Labels: { ...Labels },
    NetworkDisabled: true,
  });
  containers.push(id);
  return id;
}

async function isThere(thing: { inspect(): Promise<unknown> }): Promise<boolean> {
  return thing.inspect().then(
    () => true,
    () => false,
  );
}

test('what a service has in Docker goes, and what others made of its images stays with them', async () => {
  const owner = { 'codeset.owner': names.owner };
  const used = await image('layer', 'layer-used');
  const unused = await image('layer2', 'layer-unused');
  const nameless = await image('layer3');
  const below = await image('layer4');
  const theirs = [await container(used), await container(below)];
  const ours = [
    await container(TEST_IMAGE, names.container('a'), owner),
    await container(unused, undefined, { 'codeset.purpose': 'image' }),
    await container(unused, undefined, { 'codeset.role': 'passing' }),
  ];

  await removeBelongings(client, names);

  const kept = await Promise.all(theirs.map((id) => isThere(api.getContainer(id))));
  expect(kept).toEqual([true, true]);
  expect(await Promise.all(ours.map((id) => isThere(api.getContainer(id))))).toEqual([false, false, false]);
  const left = await Promise.all([used, unused, nameless, below].map((id) => isThere(api.getImage(id))));
  expect(left).toEqual([true, false, false, true]);
});
