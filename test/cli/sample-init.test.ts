import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { engineHere } from '../support/engine-here.js';
import { DOCKER_START_MS } from '../support/docker.js';
import { startApp, type RunningApp } from '../support/running-app.js';
import { standInFor } from '../support/stand-in.js';
import { tempFolder, type TempFolder } from '../support/temp-folder.js';
import { cli } from './run-cli.js';

let app: RunningApp;
let folder: TempFolder;

beforeAll(async () => {
  app = await startApp();
  folder = await tempFolder();
  if (engineHere() === 'docker') await standInFor('python:3.13-slim');
}, DOCKER_START_MS);

afterAll(async () => {
  await app?.[Symbol.asyncDispose]();
  await folder?.[Symbol.asyncDispose]();
});

test('what init writes lints clean and validates VALID as it is', { timeout: 120_000 }, async () => {
  const place = join(folder.path, 'Count-Words');
  const made = await cli(['sample', 'init', place]);
  expect(made.status).toBe(0);
  expect(made.stdout).toContain(`${place}/verification/run\n`);
  expect(made.stderr).toContain(`codeset sample lint ${place}`);
  expect(await cli(['sample', 'lint', place])).toMatchObject({ status: 0, stdout: '' });

  const common = ['--address', app.app.address, '--api-key', app.adminKey];
  expect(await cli([...common, 'sample', 'add', place])).toMatchObject({
    status: 0,
    stdout: 'own/count-words@1  READY\n',
  });
  const validated = await cli([...common, 'sample', 'validate', 'count-words', '--runs', '1']);
  expect(validated.status, `${validated.stdout}${validated.stderr}`).toBe(0);
});

test('a folder with something in it is left alone', async () => {
  const run = await cli(['sample', 'init', folder.path]);
  expect(run).toMatchObject({ status: 1, stdout: '' });
  expect(run.stderr).toContain('is not empty');
  expect((await cli(['sample', 'init', join(folder.path, 'no id')])).status).toBe(2);
});

test('lint tells each finding with its place, as lines or as JSON, and ends with 1 for an error', async () => {
  const place = join(folder.path, 'wrong');
  expect((await cli(['sample', 'init', place, '--language', 'shell', '--json'])).status).toBe(0);
  await writeFile(join(place, 'task.md'), '');
  const run = await cli(['sample', 'lint', place]);
  expect(run).toMatchObject({
    status: 1,
    stdout: `${place}/task.md:1: error: is empty; say what is to be done\n`,
    stderr: '1 sample: 1 errors, 0 warnings\n',
  });
  const told = await cli(['sample', 'lint', place, '--json']);
  expect(told.status).toBe(1);
  expect(JSON.parse(told.stdout)).toMatchObject({
    samples: [{ folder: place, findings: [{ file: 'task.md', line: 1, level: 'error' }] }],
    errors: 1,
    warnings: 0,
  });
});
