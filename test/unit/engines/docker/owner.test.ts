import { mkdtemp, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openOwner } from '../../../../src/engines/docker/owner.js';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cs-owner-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

test('an owner is made once, for its user alone, and goes with the data folder', async () => {
  const data = join(folder, 'data');
  const owner = await openOwner(data);
  expect(owner).toMatch(/^[0-9a-f]{12}$/);
  expect((await stat(join(data, 'docker/owner'))).mode & 0o777).toBe(0o600);
  expect(await openOwner(data)).toBe(owner);
  await rename(data, join(folder, 'moved'));
  expect(await openOwner(join(folder, 'moved'))).toBe(owner);
  expect(await openOwner(data)).not.toBe(owner);
});

test('of many that begin at once each gets the same, and nothing else stays', async () => {
  const owners = await Promise.all(Array.from({ length: 20 }, () => openOwner(folder)));
  expect(new Set(owners).size).toBe(1);
  expect(await readdir(join(folder, 'docker'))).toEqual(['owner']);
});

test('a damaged one is not replaced, since what is on the daemon would be nobody’s', async () => {
  await openOwner(folder);
  await writeFile(join(folder, 'docker/owner'), '');
  await expect(openOwner(folder)).rejects.toThrow(/docker\/owner should hold twelve hexadecimal digits/);
});
