import { execFile } from 'node:child_process';
import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { tempFolder } from '../support/temp-folder.js';

const ROOT = resolve(import.meta.dirname, '../..');

const NEEDED = [
  'CHANGELOG.md',
  'LICENSE',
  'README.md',
  'dist/gen/codeset/v1/exec.js',
  'dist/src/cli/main.js',
  'dist/src/client/index.d.ts',
  'dist/src/client/index.js',
  'docs/client.md',
  'gen/codeset.binpb',
  'init/PROTOCOL.md',
  'init/build.sh',
  'init/build/codeset-init',
  'init/build/codeset-init-amd64',
  'init/build/codeset-init-arm64',
  'init/init.c',
  'init/init.h',
  'proto/codeset/v1/exec.proto',
  'samples/examples/a/sample.yaml',
];
const OF_THE_WORKSHOP = [
  '.setup/stamp',
  'bench/main.ts',
  'dist/bench/main.js',
  'dist/documents-x/a.ts',
  'gen/codeset/v1/exec.ts',
  'init/build/test_init',
  'init/test/test_init.c',
  'proto/baseline.binpb',
  'scripts/test.mjs',
  'src/app.ts',
  'test/a.test.ts',
  'x.log',
];

test('the package holds what a client and a server need, built and ignored by git or not, and nothing of the workshop', async () => {
  await using folder = await tempFolder();
  for (const file of [...NEEDED, ...OF_THE_WORKSHOP]) {
    await mkdir(dirname(join(folder.path, file)), { recursive: true });
    await writeFile(join(folder.path, file), '');
  }
  for (const file of ['package.json', '.gitignore'])
    await copyFile(join(ROOT, file), join(folder.path, file));
  const pack = ['pack', '--dry-run', '--json', '--ignore-scripts'];
  const { stdout } = await promisify(execFile)('npm', pack, { cwd: folder.path });
  // A list, or an object by the package's name: npm's versions differ.
  const [packed] = Object.values(JSON.parse(stdout) as Record<string, { files: { path: string }[] }>);
  expect((packed?.files ?? []).map(({ path }) => path).toSorted()).toEqual(
    [...NEEDED, 'package.json'].toSorted(),
  );
});
