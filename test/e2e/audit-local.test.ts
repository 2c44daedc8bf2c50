import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { cli, type CliRun } from '../cli/run-cli.js';
import type { TestClient } from '../rpc/client.js';
import { extent } from '../support/extent.js';
import { audit, brief, hidingSample, prepare, SOLUTION } from '../support/hiding-sample.js';
import { startApp, type RunningApp } from '../support/running-app.js';
import { register } from '../support/service.js';

let running: RunningApp;
let admin: TestClient;

beforeAll(async () => {
  running = await startApp();
  admin = running.client();
}, 120_000);

afterAll(async () => {
  await running?.[Symbol.asyncDispose]();
});

test('objects of git that nothing refers to are searched, and the past of the codebase', async () => {
  const all = SOLUTION.map((line) => `'${line}'`).join(' ');
  await register(
    admin,
    hidingSample('objects', {
      requires: 'git',
      environment: prepare(
        `printf '%s\\n' ${all} | git -c safe.directory=* hash-object -w --stdin > /dev/null`,
        'git -c safe.directory=* -c user.name=n -c user.email=n@localhost commit -q --allow-empty -m "Later"',
        'git -c safe.directory=* reset -q --hard HEAD~1',
      ),
    }),
  );
  const found = await audit(admin, 'objects');
  expect(brief(found)).toEqual([expect.stringMatching(/^SOLUTION GIT blob [0-9a-f]{40} 3$/) as string]);
  expect(found.findings[0]?.closedBy).toMatch(/git gc --prune=now/);

  await register(
    admin,
    hidingSample('past', {
      requires: 'git',
      environment: prepare(
        'git config --global safe.directory "*"; git config --global user.name n; git config --global user.email n@localhost',
        `printf '%s\\n' ${all} > old.js && git add old.js && git commit -q -m Old`,
        'git rm -q old.js && git commit -q -m New',
      ),
    }),
  );
  const past = await audit(admin, 'past');
  expect(brief(past)).toEqual([expect.stringMatching(/^SOLUTION GIT blob [0-9a-f]{40} 3$/) as string]);
  expect(past.findings[0]?.closedBy).toMatch(/history: squashed/);
});

test('the samples of this repository are CLEAN', { timeout: 300_000 }, async () => {
  const folder = join(import.meta.dirname, '../../samples/examples');
  const names = extent(['median-of-even-lists'], await readdir(folder));
  const run = (...args: readonly string[]): Promise<CliRun> =>
    cli(['--address', running.app.address, '--data-dir', running.dataDir, 'sample', ...args]);
  for (const name of names) expect(await run('add', join(folder, name))).toMatchObject({ status: 0 });
  // All cheats take two minutes a sample; these are those that the weakest of ours was once open to.
  const cheats = extent(
    ['report-at-import', 'deferred-exit', 'sitecustomize'],
    ['forged reports', 'deferred-exit'],
  );
  const found = await run('audit', ...names, ...cheats.flatMap((cheat) => ['--cheat', cheat]));
  expect(found, found.stdout).toMatchObject({ status: 0, stderr: '' });
  expect(found.stdout.match(/ 0 +0\/\d+ +CLEAN$/gm)?.length).toBe(names.length);
});
