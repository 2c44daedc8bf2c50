import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { expect, test } from 'vitest';
import { DOCKER_ONLY, LOCAL_ONLY, OWN_DOCKER } from '../support/engine-choice.js';
import { PARTS_MISSING } from '../support/parts-missing.js';
import { MEMORY_LIMITED, ROOT_ONLY } from '../support/root-only.js';

const root = join(import.meta.dirname, '..', '..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const files = (folder: string): readonly string[] =>
  existsSync(join(root, folder))
    ? readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map(
        (name) => `${folder}/${name}`,
      )
    : [];
const manifest = JSON.parse(read('package.json')) as {
  scripts: Record<string, string>;
  bin: Record<string, string>;
};

test('the commands that people are told to type exist', () => {
  expect(Object.keys(manifest.scripts)).toEqual(
    expect.arrayContaining(['demo', 'test', 'build', 'gen', 'check', 'bench', 'codeset']),
  );
  for (const command of Object.values(manifest.scripts)) {
    const script = /^node (\S+)/.exec(command)?.[1];
    if (script !== undefined) expect(existsSync(join(root, script)), script).toBe(true);
  }
});

test('the README names the two commands, and every npm script it names exists', () => {
  const readme = read('README.md');
  expect(readme).toContain('npm run demo');
  expect(readme).toContain('npm test');
  const named = [...readme.matchAll(/npm run (?:-s )?([a-z]+)/g)].map((match) => match[1]);
  for (const name of named) expect(Object.keys(manifest.scripts)).toContain(name);
});

test("the package's program is built from a file of src", () => {
  for (const program of Object.values(manifest.bin)) {
    expect(existsSync(join(root, program.replace(/^dist\//, '').replace(/\.js$/, '.ts'))), program).toBe(
      true,
    );
  }
});

test('files are named in kebab case', () => {
  const names = [...files('src'), ...files('test'), ...files('bench'), ...files('scripts')]
    .filter((path) => /\.(ts|mjs)$/.test(path) && !path.includes('/fixtures/'))
    .map((path) => basename(path));
  expect(names.filter((name) => !/^[a-z0-9]+(-[a-z0-9]+)*(\.test)?\.(ts|mjs)$/.test(name))).toEqual([]);
});

test('no file of src is longer than 500 lines', () => {
  const long = files('src')
    .filter((path) => path.endsWith('.ts'))
    .map((path) => ({ path, lines: read(path).split('\n').length - 1 }))
    .filter(({ lines }) => lines > 400);
  for (const { path, lines } of long)
    if (lines <= 500) console.warn(`${path} has ${lines} lines; split it soon`);
  expect(long.filter(({ lines }) => lines > 500)).toEqual([]);
});

test('the lock file names no registry', () => {
  expect(read('package-lock.json')).not.toContain('"resolved"');
});

test('the set-up scripts import nothing that has to be installed', () => {
  const specifiers = files('scripts')
    .filter((path) => path.endsWith('.mjs'))
    .flatMap((path) =>
      [...read(path).matchAll(/^import .*?from '([^']+)'/gm)].map((match) => match[1] ?? ''),
    );
  expect(specifiers.length).toBeGreaterThan(5);
  expect(specifiers.filter((name) => !name.startsWith('node:') && !name.startsWith('.'))).toEqual([]);
});

const tests = files('test').filter((path) => path.endsWith('.test.ts'));
const saying = (what: RegExp): readonly string[] => tests.filter((path) => what.test(read(path))).sort();

test('tests that skip themselves for want of root are named at the start and end of a run', () => {
  expect(saying(/\b(skipIf|runIf)\([^)]*(isRoot|getuid)/)).toEqual(Object.keys(ROOT_ONLY).sort());
  expect(saying(/\bneedsMemoryLimit\(/)).toEqual(Object.keys(MEMORY_LIMITED).sort());
});

test('tests that skip themselves for want of anything else are named there, too', () => {
  const named = [...Object.keys(ROOT_ONLY), ...Object.keys(MEMORY_LIMITED), ...Object.keys(PARTS_MISSING)];
  // Where there is no Docker the run says so for all of them.
  const guarded = saying(/\bskipIf\([^)]*!dockerHere\(\)/);
  const skipping = saying(/\.(skipIf|runIf)\(|(?<!\.)\bskip\(|console\.warn\(\s*['"`]skipped/i);
  expect(skipping.filter((path) => !named.includes(path) && !guarded.includes(path))).toEqual([]);
  expect(Object.keys(PARTS_MISSING).filter((path) => !skipping.includes(path))).toEqual([]);
});

test('tests that take a Docker are left out, and named, where there is none that will do', () => {
  const own = saying(/\bstartDockerd\(/);
  expect(own).toEqual(Object.keys(OWN_DOCKER).sort());
  const guarded = saying(/\bskipIf\([^)]*!dockerHere\(\)/);
  const shared = saying(/\b(sharedDocker\(|engineFlags\('docker'\))/);
  const alone = shared.filter((path) => !own.includes(path) && !guarded.includes(path));
  expect(alone).toEqual(Object.keys(DOCKER_ONLY).sort());
  expect(Object.keys(LOCAL_ONLY).filter((path) => !tests.includes(path))).toEqual([]);
});
