import { chmod, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Credentials } from '../../../../../src/engines/docker/images/credentials.js';
import { type TempFolder, tempFolder } from '../../../../support/temp-folder.js';

const PATH = process.env['PATH'] ?? '';
let folder: TempFolder;
let warnings: string[] = [];
const log = {
  debug() {},
  info() {},
  warn: (message: string) => void warnings.push(message),
  error: (message: string) => void warnings.push(message),
};

beforeEach(async () => {
  warnings = [];
  folder = await tempFolder();
  process.env['PATH'] = `${folder.path}${delimiter}${PATH}`;
});

afterEach(async () => {
  process.env['PATH'] = PATH;
  await folder[Symbol.asyncDispose]();
});

async function configured(config: unknown): Promise<Credentials> {
  const text = typeof config === 'string' ? config : JSON.stringify(config);
  await writeFile(join(folder.path, 'config.json'), text);
  return new Credentials(folder.path, log);
}

async function helper(name: string, script: string): Promise<void> {
  const path = join(folder.path, `docker-credential-${name}`);
  await writeFile(path, `#!/bin/sh\n${script}\n`);
  await chmod(path, 0o755);
}

const login = (text: string): { auth: string } => ({ auth: Buffer.from(text).toString('base64') });

describe('what docker login left is found', () => {
  test("under a registry's host, with or without an address around it", async () => {
    const credentials = await configured({
      auths: { 'ghcr.io': login('me:se:cret'), 'https://r.example/v2/': login('you:x') },
    });
    expect(await credentials.for('ghcr.io')).toEqual({
      username: 'me',
      password: 'se:cret',
      serveraddress: 'ghcr.io',
    });
    expect(await credentials.for('r.example')).toMatchObject({ username: 'you', password: 'x' });
    expect(await credentials.for('other.example')).toBeUndefined();
  });

  test('for Docker Hub under the name that Docker has for it', async () => {
    const credentials = await configured({ auths: { 'https://index.docker.io/v1/': login('me:x') } });
    expect(await credentials.for('docker.io')).toEqual({
      username: 'me',
      password: 'x',
      serveraddress: 'https://index.docker.io/v1/',
    });
  });

  test('as a token', async () => {
    const credentials = await configured({ auths: { 'ghcr.io': { identitytoken: 't' } } });
    expect(await credentials.for('ghcr.io')).toEqual({ identitytoken: 't', serveraddress: 'ghcr.io' });
  });

  test('anew at each look', async () => {
    const credentials = await configured({});
    expect(await credentials.for('ghcr.io')).toBeUndefined();
    await configured({ auths: { 'ghcr.io': login('me:x') } });
    expect(await credentials.for('ghcr.io')).toMatchObject({ username: 'me' });
  });
});

describe('a credential helper is asked', () => {
  test('before what is stored, with the server on its stdin', async () => {
    await helper('own', 'read server; echo "{\\"Username\\":\\"$1\\",\\"Secret\\":\\"$server\\"}"');
    const credentials = await configured({ auths: { 'ghcr.io': login('me:x') }, credsStore: 'own' });
    expect(await credentials.for('ghcr.io')).toEqual({
      username: 'get',
      password: 'ghcr.io',
      serveraddress: 'ghcr.io',
    });
  });

  test('for its own registries, before the store of all', async () => {
    await helper('one', 'echo \'{"Username":"<token>","Secret":"t"}\'');
    await helper('all', 'echo \'{"Username":"all","Secret":"s"}\'');
    const credentials = await configured({ credHelpers: { 'ghcr.io': 'one' }, credsStore: 'all' });
    expect(await credentials.for('ghcr.io')).toEqual({ identitytoken: 't', serveraddress: 'ghcr.io' });
    expect(await credentials.for('docker.io')).toMatchObject({ username: 'all' });
  });

  test('and what is stored is taken where it knows nothing', async () => {
    await helper('own', 'echo "credentials not found in native keychain"; exit 1');
    const credentials = await configured({ auths: { 'ghcr.io': login('me:x') }, credsStore: 'own' });
    expect(await credentials.for('ghcr.io')).toMatchObject({ username: 'me' });
    expect(warnings).toEqual([]);
  });

  test('and given up where it hangs, is missing, or talks nonsense', async () => {
    await helper('slow', 'exec sleep 1000');
    await helper('odd', 'echo nonsense');
    const config = { credHelpers: { 'a.example': 'slow', 'b.example': 'missing', 'c.example': 'odd' } };
    await configured(config);
    const credentials = new Credentials(folder.path, log, 300);
    expect(await credentials.for('a.example')).toBeUndefined();
    expect(await credentials.for('b.example')).toBeUndefined();
    const patient = new Credentials(folder.path, log);
    expect(await patient.for('c.example')).toBeUndefined();
    expect(warnings).toHaveLength(3);
  });
});

test('without a configuration, or with a broken one, there are no credentials', async () => {
  expect(await new Credentials(undefined, log).for('ghcr.io')).toBeUndefined();
  expect(await new Credentials(folder.path, log).for('ghcr.io')).toBeUndefined();
  expect(warnings).toEqual([]);
  const broken = await configured('{');
  expect(await broken.for('ghcr.io')).toBeUndefined();
  expect(warnings).toHaveLength(1);
});
