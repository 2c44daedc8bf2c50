import { expect, test } from 'vitest';
import { PlantedFiles } from '../../../src/core/planted-files.js';

const NONE = new PlantedFiles([], []);

test('what a runner picks up is the sample’s, wherever it lies, planted or changed', () => {
  for (const path of [
    'conftest.py',
    'a/b/conftest.py',
    'sitecustomize.py',
    'a/usercustomize/__init__.py',
    'tests/pytest.ini',
    '.venv/lib/python3.12/site-packages/hook.pth',
    '.npmrc',
    'packages/a/jest.config.mjs',
    '.mocharc.cjs',
    'go.work',
    '.cargo/config.toml',
    '.mvn/jvm.config',
    'src/test/resources/META-INF/services/org.junit.platform.launcher.TestExecutionListener',
    'GNUmakefile',
    '.yarnrc.yml',
    'app/.nycrc.json',
    'gradlew',
    'gradle/wrapper/gradle-wrapper.jar',
    '.bundle/config',
    '.coveragerc',
  ])
    expect([path, NONE.isPickedUp(path, true), NONE.isPickedUp(path, false)]).toEqual([path, true, true]);
});

test('what agents write for good reasons is theirs', () => {
  for (const path of [
    'src/m.py',
    'tests/test_mine.py',
    'tests/__init__.py',
    'queue.py',
    'src/random.py',
    'model.pth',
    'Makefile',
    'build.rs',
    'vite.config.ts',
    'my_conftest.py',
    'conftest.py.md',
    'node_modules/left-pad/index.js',
    'docs/jest.config.js/README',
    'gradle.properties',
    'bin/tool',
    'config',
  ])
    expect([path, NONE.isPickedUp(path, true)]).toEqual([path, false]);
});

test('a module that a runner loads late is removed when it is planted, and stays where the sample has it', () => {
  for (const path of ['pytest.py', '_pytest/__init__.py', 'src/unittest/__init__.py', 'tests/pdb.py'])
    expect([path, NONE.isPickedUp(path, true), NONE.isPickedUp(path, false)]).toEqual([path, true, false]);
});

test('a runner that lies in the workspace is put back, and one that an agent installs stays', () => {
  for (const path of [
    'node_modules/mocha/lib/runner.js',
    'a/node_modules/@jest/core/index.js',
    'node_modules/.bin/jest',
    '.venv/bin/python3',
    'venv/pyvenv.cfg',
    '.venv/lib/python3.12/site-packages/_pytest/runner.py',
  ])
    expect([path, NONE.isPickedUp(path, false), NONE.isPickedUp(path, true)]).toEqual([path, true, false]);
});

test('packages are the sample’s on the way to its tests, below a folder of tests', () => {
  const files = new PlantedFiles([], ['tests/unit/test_a.py', 'src/pkg/tests/', 'src/other/check.py']);
  for (const path of ['tests/__init__.py', 'tests/unit/__init__.py', 'src/pkg/tests/__init__.py'])
    expect([path, files.isPickedUp(path, true)]).toEqual([path, true]);
  for (const path of [
    'src/pkg/__init__.py',
    'src/other/__init__.py',
    'tests/other/__init__.py',
    '__init__.py',
  ])
    expect([path, files.isPickedUp(path, true)]).toEqual([path, false]);
});

test('what Python would load in the place of the sample’s tests is removed, and what only looks like it stays', () => {
  const files = new PlantedFiles([], ['tests/unit/test_a.py', 'check.py', 'src/pkg/tests/']);
  for (const path of [
    'tests/unit/test_a/__init__.py',
    'tests/unit/test_a/__init__.cpython-312-x86_64-linux-gnu.so',
    'tests/unit/test_a.so',
    'tests/unit/test_a.cpython-312-x86_64-linux-gnu.so',
    'tests/unit/test_a.pyc',
    'check/__init__.py',
    'check.abi3.so',
    'tests.py',
    'tests.abi3.so',
    'tests/unit.py',
    'src/pkg/tests.py',
  ])
    expect([path, files.isPickedUp(path, true), files.isPickedUp(path, false)]).toEqual([path, true, false]);
  for (const path of [
    'tests/unit/test_a/data.json',
    'tests/unit/test_a.json',
    'tests/unit/test_ab.py',
    'tests/test_a/__init__.py',
    'test_a.so',
    'check/one.py',
    'pkg.py',
    'src/pkg.py',
    'my/tests.py',
    '.py',
  ])
    expect([path, files.isPickedUp(path, true)]).toEqual([path, false]);
  expect(new PlantedFiles(['tests.py'], ['tests/test_a.py']).isPickedUp('tests.py', true)).toBe(false);
});

test('a link is what the folder that it may lead to would be', () => {
  const files = new PlantedFiles([], ['tests/unit/test_a.py']);
  for (const path of [
    'sitecustomize',
    '.cargo',
    'a/.cargo',
    'META-INF',
    'META-INF/services',
    '.venv/lib/python3.12/site-packages',
    'unittest',
    'src/pytest',
    'tests',
    'tests/unit',
    'tests/unit/test_a',
    '.mvn',
    'gradle/wrapper',
    'gradle',
    '.bundle',
    'own.dist-info',
    'a/own.EGG-info',
    'EGG-INFO',
  ])
    expect([path, files.isPickedUp(path, true, true)]).toEqual([path, true]);
  for (const path of ['src', 'a/unittest', 'vendor', 'tests/unit/test_b', 'node_modules/left-pad'])
    expect([path, files.isPickedUp(path, true, true)]).toEqual([path, false]);
});

test('the sample may keep what its agents are meant to change', () => {
  const files = new PlantedFiles(['conftest.py', '**/jest.config.*'], []);
  expect(files.isPickedUp('conftest.py', false)).toBe(false);
  expect(files.isPickedUp('a/conftest.py', false)).toBe(true);
  expect(files.isPickedUp('a/jest.config.js', true)).toBe(false);
  expect(files.kept('a/jest.config.js')).toBe(true);
});

test('two hundred thousand paths are looked at in a moment', () => {
  const began = performance.now();
  let found = 0;
  for (let n = 0; n < 200_000; n += 1)
    if (NONE.isPickedUp(`node_modules/package-${n}/lib/deep/er/file.js`, true)) found += 1;
  expect(found).toBe(0);
  expect(performance.now() - began).toBeLessThan(5000);
});
