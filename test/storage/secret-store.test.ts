import { readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openSecretStore } from '../../src/storage/secret-store.js';
import { tempFolder } from '../support/temp-folder.js';

test('secret environments outlive a restart, private, until they are deleted', async () => {
  await using folder = await tempFolder();
  const dir = join(folder.path, 'secrets');
  const before = await openSecretStore(dir);
  await before.put('ses_a', { TOKEN: 'a\nb', EMPTY: '' });
  await before.put('ses_b', { TOKEN: 'old' });
  await before.put('ses_b', { TOKEN: 'new' });
  expect((await stat(dir)).mode & 0o777).toBe(0o700);
  expect((await stat(join(dir, 'ses_a.json'))).mode & 0o777).toBe(0o600);

  const after = await openSecretStore(dir);
  expect(await after.get('ses_a')).toEqual({ TOKEN: 'a\nb', EMPTY: '' });
  expect(await after.get('ses_b')).toEqual({ TOKEN: 'new' });
  expect([...(await after.list())].sort()).toEqual(['ses_a', 'ses_b']);
  await after.delete('ses_a');
  await after.delete('ses_a');
  expect(await after.get('ses_a')).toEqual({});
  expect(await readdir(dir)).toEqual(['ses_b.json']);
});

test('an empty secret environment leaves no file', async () => {
  await using folder = await tempFolder();
  const secrets = await openSecretStore(folder.path);
  await secrets.put('ses_a', { TOKEN: 'x' });
  await secrets.put('ses_a', {});
  expect(await secrets.list()).toEqual([]);
  expect(await secrets.get('ses_never')).toEqual({});
});

test('a name that is no session’s id reaches no file', async () => {
  await using folder = await tempFolder();
  const secrets = await openSecretStore(join(folder.path, 'secrets'));
  for (const name of ['../admin', 'a/b', '', '.', 'x'.repeat(200)]) {
    await expect(secrets.put(name, { A: 'b' })).rejects.toThrow('Not the id of a session.');
    await expect(secrets.get(name)).rejects.toThrow('Not the id of a session.');
    await expect(secrets.delete(name)).rejects.toThrow('Not the id of a session.');
  }
  expect(await readdir(folder.path)).toEqual(['secrets']);
});

test('a damaged file is told without its content, and half-written ones are removed at the start', async () => {
  await using folder = await tempFolder();
  await writeFile(join(folder.path, 'ses_a.json'), '{"TOKEN": "hunter2');
  await writeFile(join(folder.path, '.0123.tmp'), '{"TOK');
  const secrets = await openSecretStore(folder.path);
  expect(await readdir(folder.path)).toEqual(['ses_a.json']);
  const error: unknown = await secrets.get('ses_a').catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(Error);
  expect(String(error)).toContain('is damaged');
  expect(String(error) + String((error as Error).cause)).not.toContain('hunter2');
});
