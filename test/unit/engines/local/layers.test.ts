import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Copier } from '../../../../src/engines/shared/copier.js';
import { RootIds } from '../../../../src/engines/local/ids.js';
import { runProgram } from '../../../../src/engines/local/run-program.js';
import { Layers } from '../../../../src/engines/local/layers.js';
import { Paths } from '../../../../src/engines/local/paths.js';
import { tempFolder } from '../../../support/temp-folder.js';

const copier = new Copier(
  new URL('../../../../init/build/codeset-init', import.meta.url).pathname,
  runProgram,
);
const hold = {
  during: <T>(work: (pids: readonly number[]) => Promise<T>): Promise<T> => work([]),
  signal: new AbortController().signal,
};
const unpack = () => Promise.reject(new Error('not here'));

test('a layer gets its name once it is on the disk; one that need not last is spared that', async () => {
  await using folder = await tempFolder();
  const upper = join(folder.path, 'upper');
  await mkdir(upper);
  await writeFile(join(upper, 'f'), 'content');
  const paths = new Paths(folder.path, join(folder.path, 'run'));
  const settled: { names: string[]; content: string }[] = [];
  const layers = new Layers({
    paths,
    ids: new RootIds(0),
    unpack,
    copier,
    settle: async (made) => {
      const content = await readFile(join(made, 'tree/f'), 'utf8');
      settled.push({ names: await readdir(paths.layers), content });
    },
  });
  await layers.open();

  await layers.copy([{ layerId: 'lasting', upper }], { lasting: true, bytes: 0, hold });
  expect(settled).toEqual([{ names: [expect.stringMatching(/^\.new-lasting-/)], content: 'content' }]);
  await layers.copy([{ layerId: 'passing', upper }], { lasting: false, bytes: 0, hold });
  expect(settled).toHaveLength(1);
  expect((await layers.list()).map(({ layerId }) => layerId).sort()).toEqual(['lasting', 'passing']);
});

test('a layer that could not be brought to the disk leaves nothing', async () => {
  await using folder = await tempFolder();
  const paths = new Paths(folder.path, join(folder.path, 'run'));
  const layers = new Layers({
    paths,
    ids: new RootIds(0),
    unpack,
    copier,
    settle: () => Promise.reject(new Error('an I/O error')),
  });
  await layers.open();
  const upper = join(folder.path, 'upper');
  await mkdir(upper);
  await expect(layers.copy([{ layerId: 'a', upper }], { lasting: true, bytes: 0, hold })).rejects.toThrow(
    'an I/O error',
  );
  expect(await readdir(paths.layers)).toEqual([]);
});
