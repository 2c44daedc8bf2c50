import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { DockerClient } from '../../../../src/engines/docker/docker-client.js';
import { AttachLink } from '../../../../src/engines/docker/link/attach-mode.js';
import { tempFolder } from '../../../support/temp-folder.js';

// Nothing is asked of it here.
const CLIENT = {} as DockerClient;

test('the key of links is made once, for its user alone', async () => {
  await using folder = await tempFolder();
  const path = join(folder.path, 'link-key');
  const first = await AttachLink.open(CLIENT, folder.path);
  const key = await readFile(path);
  expect(key).toHaveLength(32);
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  const second = await AttachLink.open(CLIENT, folder.path);
  expect(await second.prepare('box')).toEqual(await first.prepare('box'));
  expect(await readFile(path)).toEqual(key);
});

test('a damaged key of links is not replaced, since no sandbox would be reached with another', async () => {
  await using folder = await tempFolder();
  const path = join(folder.path, 'link-key');
  await writeFile(path, 'short');
  await expect(AttachLink.open(CLIENT, folder.path)).rejects.toThrow(/link-key should hold 32 bytes/);
  expect(await readFile(path, 'utf8')).toBe('short');
});
