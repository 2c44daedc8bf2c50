import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { CodesetClient } from '../../src/client/index.js';
import { packFolder } from '../../src/samples/pack.js';
import { engineHere, programHere } from '../support/engine-here.js';
import { startService, type TestService } from '../support/service.js';
import { standInFor } from '../support/stand-in.js';

const ROOT = resolve(import.meta.dirname, '../..');
const run = promisify(execFile);

let service: TestService;
/** In the project, so that packages are found. */
let folder: string;
let compiled: string;

interface Program {
  readonly name: string;
  readonly text: string;
  /** What the page says that it prints. */
  readonly prints: string | undefined;
}

const programs: Program[] = [];

/** The programs of a page with what they print, in order. */
async function programsOf(page: string): Promise<Program[]> {
  const text = await readFile(join(ROOT, page), 'utf8');
  const blocks = [...text.matchAll(/^```ts\n(.*?)^```\n(?:\n```text\n(.*?)^```\n)?/gms)];
  return blocks.map(([, program = '', prints], i) => ({
    name: `${page} ${i + 1}`,
    text: programHere(program),
    prints,
  }));
}

const fileOf = ({ name }: Program): string => name.replaceAll(/[^a-z0-9]+/gi, '-').toLowerCase();

beforeAll(async () => {
  if (engineHere() === 'docker') await standInFor('python:3.13-slim');
  service = await startService();
  await using admin = await CodesetClient.connect({ address: service.address, apiKey: service.adminKey });
  await admin.samples.register(packFolder(join(ROOT, 'samples/examples/median-of-even-lists')));
  programs.push(...(await programsOf('docs/client.md')), ...(await programsOf('README.md')));

  await mkdir(join(ROOT, 'dist'), { recursive: true });
  folder = await mkdtemp(join(ROOT, 'dist', 'documents-'));
  compiled = join(folder, 'out');
  for (const program of programs) await writeFile(join(folder, `${fileOf(program)}.ts`), program.text);
  const config = {
    extends: join(ROOT, 'tsconfig.json'),
    compilerOptions: {
      outDir: compiled,
      rootDir: ROOT,
      incremental: false,
      declaration: false,
      tsBuildInfoFile: null,
      // What the page imports is the source as it is now, and not what was built some time ago.
      paths: { codeset: [join(ROOT, 'src/client/index.ts')] },
    },
    include: [],
    files: programs.map((program) => join(folder, `${fileOf(program)}.ts`)),
  };
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(config));
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
  await run(process.execPath, [tsc, '-p', folder]).catch((error: { stdout?: string }) => {
    throw new Error(`The programs of the documents do not compile:\n${error.stdout ?? ''}`);
  });
  const exports = { '.': './src/client/index.js' };
  await writeFile(
    join(compiled, 'package.json'),
    JSON.stringify({ name: 'codeset', type: 'module', exports }),
  );
}, 120_000);

afterAll(async () => {
  await service?.[Symbol.asyncDispose]();
  if (folder !== undefined) await rm(folder, { recursive: true, force: true });
});

test(
  'every program of docs/client.md and of the README runs as it stands and prints what the page says',
  {
    timeout: 300_000,
  },
  async () => {
    expect(programs.length).toBeGreaterThan(8);
    for (const program of programs) {
      const env = { ...process.env, CODESET_ADDRESS: service.address, CODESET_API_KEY: service.adminKey };
      const file = join(compiled, relative(ROOT, folder), `${fileOf(program)}.js`);
      const { stdout } = await run(process.execPath, [file], { env, timeout: 60_000 });
      if (program.prints !== undefined)
        expect({ program: program.name, prints: stdout }).toEqual({
          program: program.name,
          prints: program.prints,
        });
    }
  },
);

test('every program of docs/client.md says what it prints', () => {
  const silent = programs.filter(
    ({ name, prints }) => name.startsWith('docs/client.md') && prints === undefined,
  );
  expect(silent.map(({ name }) => name)).toEqual([]);
});

test("the package's exports are built from files of src", async () => {
  const { exports } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as {
    exports: Record<string, { types: string; default: string }>;
  };
  const entry = exports['.'];
  expect(entry?.default.replace(/\.js$/, '')).toBe(entry?.types.replace(/\.d\.ts$/, ''));
  const source = entry?.default.replace(/^\.\/dist\//, '').replace(/\.js$/, '.ts') ?? '';
  expect(existsSync(join(ROOT, source)), source).toBe(true);
});
