import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { startApp } from '../support/running-app.js';
import { tempFolder } from '../support/temp-folder.js';
import { cli } from './run-cli.js';

test('a task of an id that another has, and a folder without settings, are told', async () => {
  await using app = await startApp();
  await using folder = await tempFolder();
  const task = (name: string, settings: string): Record<string, string> => ({
    [`${name}/task.toml`]: settings,
    [`${name}/instruction.md`]: 'Do it.\n',
    [`${name}/environment/Dockerfile`]: 'FROM debian:12\n',
    [`${name}/tests/test.sh`]: '#!/bin/sh\n',
  });
  const files = {
    ...task('a', '[task]\nname = "one/same"\n'),
    ...task('b', '[task]\nname = "two/same"\n'),
    'c/instruction.md': 'Do it.\n',
    'notes/README.md': 'None of these.\n',
  };
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder.path, name)), { recursive: true });
    await writeFile(join(folder.path, name), text);
  }
  const { status, stdout, stderr } = await cli([
    ...['--address', app.app.address, '--api-key', app.adminKey],
    ...['sample', 'import', 'harbor', folder.path, '--dataset', 'd', '--no-wait'],
  ]);
  expect(stderr).toContain(`b: It has the same id, same, as ${join(folder.path, 'a')}.`);
  expect(stderr).toContain('c: has neither task.toml (Harbor) nor task.yaml (Terminal-Bench)');
  expect(stdout).toMatch(/^same@1 {2}\w+\n1 imported, 2 failed\n$/);
  expect(status).toBe(1);
});
