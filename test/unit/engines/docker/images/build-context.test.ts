import { Readable } from 'node:stream';
import { expect, test } from 'vitest';
import { extract, type Header } from 'tar-stream';
import {
  type BuildContext,
  readBuildContext,
} from '../../../../../src/engines/docker/images/build-context.js';
import { type ImageFile, layerTar } from '../../../../support/registry.js';

const MANY = 1024 * 1024;

async function contextOf(files: Readonly<Record<string, ImageFile>>): Promise<BuildContext> {
  return readBuildContext(Readable.from([await layerTar(files)]), 'Dockerfile', MANY);
}

async function entriesOf(source: Readable): Promise<readonly Header[]> {
  const archive = extract();
  source.pipe(archive);
  const headers: Header[] = [];
  for await (const entry of archive) {
    headers.push(entry.header);
    entry.resume();
  }
  return headers;
}

test('the same files are the same context, whatever their order, times and owners', async () => {
  const one = await contextOf({ Dockerfile: 'FROM x', a: '1', b: { text: '2', uid: 5, mtime: new Date(5) } });
  const same = await contextOf({ b: '2', a: '1', Dockerfile: 'FROM x' });
  expect(same.digest).toBe(one.digest);
  for (const other of [
    { Dockerfile: 'FROM x', a: '1', b: '3' },
    { Dockerfile: 'FROM x', a: '1', c: '2' },
    { Dockerfile: 'FROM x', a: '1', b: { text: '2', mode: 0o755 } },
  ]) {
    expect((await contextOf(other)).digest).not.toBe(one.digest);
  }
});

test('what is hidden from agents is no part of it, and changes nothing', async () => {
  const files = { Dockerfile: 'FROM x', 'verification.md': 'seen' };
  const plain = await contextOf(files);
  const hidden = await contextOf({
    ...files,
    'verification/run': 'a',
    './solution/solution.patch': 'b',
    '../outside': 'c',
  });
  expect(hidden.digest).toBe(plain.digest);
  const names = (await entriesOf(hidden.tar('FROM y'))).map(({ name }) => name);
  expect(names).toEqual([hidden.dockerfilePath, 'Dockerfile', 'verification.md']);
});

test('what .dockerignore leaves out is no part of it, the Dockerfile itself perhaps', async () => {
  const files = { Dockerfile: 'FROM x', '.dockerignore': '*\n!kept', 'kept/a': '1' };
  const plain = await contextOf(files);
  const more = await contextOf({ ...files, big: 'data', 'node_modules/x': 'y' });
  expect(more.digest).toBe(plain.digest);
  expect(more.dockerfile).toBe('FROM x');
  const names = (await entriesOf(more.tar('FROM y'))).map(({ name }) => name);
  expect(names).toEqual([more.dockerfilePath, 'kept/a']);
  expect((await contextOf({ ...files, Dockerfile: 'FROM z' })).digest).not.toBe(plain.digest);
});

test('a folder of its own is all that a build sees, with its .dockerignore', async () => {
  const files = {
    'env/Dockerfile': 'FROM x',
    'env/a': '1',
    'env/solution/b': '2',
    'env/.dockerignore': 'left',
  };
  const tar = await layerTar({ ...files, 'env/left': 'x', 'environment/c': '3', 'task.md': 'outside' });
  const context = await readBuildContext(Readable.from([tar]), 'env/Dockerfile', MANY, 'env');
  expect(context.dockerfile).toBe('FROM x');
  const names = (await entriesOf(context.tar('FROM y'))).map(({ name }) => name);
  expect(names).toEqual([context.dockerfilePath, '.dockerignore', 'Dockerfile', 'a', 'solution/b']);
});

test('the Dockerfile that is built takes no name that a file has', async () => {
  const { dockerfilePath } = await contextOf({ Dockerfile: 'FROM x', '.codeset-dockerfile': 'mine' });
  expect(dockerfilePath).toBe('.codeset-dockerfile-');
});

test('a Dockerfile in a hidden folder is refused with the reason', async () => {
  const files = Readable.from([await layerTar({ 'verification/Dockerfile': 'FROM x' })]);
  await expect(readBuildContext(files, 'verification/Dockerfile', MANY)).rejects.toMatchObject({
    reason: 'ENVIRONMENT_UNMET',
    message: expect.stringContaining('are hidden'),
  });
});

test('what is no archive fails', async () => {
  const files = Readable.from([Buffer.alloc(2048, 'x')]);
  await expect(readBuildContext(files, 'Dockerfile', MANY)).rejects.toThrow();
});
