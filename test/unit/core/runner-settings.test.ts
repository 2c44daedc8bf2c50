import { describe, expect, test } from 'vitest';
import { holdsSettings, settle } from '../../../src/core/runner-settings.js';

/** What the file becomes: its text, or the kind where there is none. */
function settled(path: string, own: string | undefined, theirs: string | undefined): string {
  const result = settle(path, own, theirs);
  return result.kind === 'text' ? result.text : result.kind;
}

const OWN_TOML = `[project]
name = "sum"

[tool.pytest.ini_options]
addopts = "-q"

[tool.other]
a = 1
`;

describe('pyproject.toml', () => {
  test('of which only other parts changed stays as it is', () => {
    const theirs = OWN_TOML.replace('a = 1', 'a = [\n  "[tool.pytest]", # no header\n]');
    expect(settled('pyproject.toml', OWN_TOML, theirs)).toBe('same');
    expect(settled('pyproject.toml', undefined, '[project]\nname = "mine"')).toBe('same');
    const words = 'text = """\n[tool.pytest.ini_options]\naddopts = "-p x"\n"""\n';
    expect(settled('pyproject.toml', undefined, words)).toBe('same');
  });

  test('gets the settings of the sample back, and keeps the rest', () => {
    const theirs = OWN_TOML.replace('"-q"', '"-p helper"').replace(
      'name = "sum"',
      'name = "sum"\nversion = "2"',
    );
    expect(settled('pyproject.toml', OWN_TOML, theirs)).toBe(
      '[project]\nname = "sum"\nversion = "2"\n\n\n[tool.other]\na = 1\n\n[tool.pytest.ini_options]\naddopts = "-q"\n',
    );
  });

  test.each([
    ['a table', '[tool.pytest.ini_options]\naddopts = "-p helper"\n'],
    ['a table of pytest 9', '[tool.pytest]\naddopts = ["-p", "helper"]\n'],
    ['blanks in a header', '[ tool . "pytest".ini_options ]\naddopts = "-p helper"\n'],
    ['a name in escapes', '["tool"."\\u0070ytest"."ini_options"]\naddopts = "-p helper"\n'],
    ['a literal name', "['tool'.'pytest'.ini_options]\naddopts = '-p helper'\n"],
    ['a dotted key', 'tool.pytest.ini_options.addopts = "-p helper"\n'],
    ['a value in braces', '[tool]\npytest = {ini_options = {addopts = "-p helper"}}\n'],
    ['all in braces', 'tool = {pytest = {ini_options = {addopts = "-p helper"}}}\n'],
    ['an array of tables', '[[tool.pytest.ini_options]]\naddopts = "-p helper"\n'],
  ])('loses settings that were planted as %s', (_, planted) => {
    const left = settled('pyproject.toml', undefined, `a = 1\n${planted}`);
    expect(left).not.toContain('helper');
    expect(left).toContain('a = 1');
  });

  test('that can not be read, or does not take the settings in, is put back whole', () => {
    for (const theirs of ['a = "', 'a', '= 1', '[a\n', 'a = [1\n', '["\\q"]\n', 'é = 1\n', 'a = 1\rb = 2\n'])
      expect(settled('pyproject.toml', OWN_TOML, theirs)).toBe('whole');
    const dotted = '[tool]\npytest.ini_options.addopts = "-q"\n';
    expect(settled('pyproject.toml', dotted, '[tool]\n')).toBe('whole');
    // The same line, in another table's.
    expect(settled('pyproject.toml', dotted, `[tool]\na = 1\n[tool.tool]\n${dotted.slice(7)}`)).toBe('whole');
    expect(settled('pyproject.toml', dotted, `${dotted}a = 1\n`)).toBe('same');
  });

  test('that was deleted is missed where it held settings', () => {
    expect(settled('pyproject.toml', OWN_TOML, undefined)).toBe('whole');
    expect(settled('pyproject.toml', '[project]\nname = "sum"\n', undefined)).toBe('same');
  });

  test('of a mebibyte in one string is read', () => {
    const long = `a = """${'x'.repeat(1 << 20)}"""\nb = "${'y'.repeat(1 << 18)}"\n`;
    expect(settled('pyproject.toml', '', long)).toBe('same');
    expect(settled('pyproject.toml', '', `${long}[tool.pytest]\nx = 1\n`)).toBe(long);
  });
});

describe('files with sections', () => {
  test('get those of pytest back, and keep the others', () => {
    const own = '[metadata]\nname = sum\n\n[tool:pytest]\naddopts = -q\n';
    const theirs = '[tool:pytest]\naddopts = -p helper\n[metadata]\nname = total\n';
    expect(settled('setup.cfg', own, theirs)).toBe(
      '[metadata]\nname = total\n\n[tool:pytest]\naddopts = -q\n',
    );
    expect(settled('setup.cfg', own, own.replace('sum', 'total'))).toBe('same');
    expect(settled('a/tox.ini', undefined, '[testenv]\ncommands = true\n')).toBe('same');
    expect(settled('tox.ini', undefined, '[pytest]\naddopts = -p helper\n')).toBe('');
  });

  test('are read in the lines that Python sees', () => {
    for (const end of ['\r', '\f', '\u2028', '\x1c'])
      expect(settled('tox.ini', undefined, `[a]${end}[pytest]\naddopts = -p helper\n`)).toBe(`[a]${end}`);
  });

  test('entry points of metadata count, and keep their commands', () => {
    const theirs = '[console_scripts]\nsum = m:main\n\n[pytest11]\nhelper = helper\n';
    expect(settled('x.dist-info/entry_points.txt', undefined, theirs)).toBe(
      '[console_scripts]\nsum = m:main\n\n',
    );
  });
});

test('package.json keeps its dependencies and loses what runs and sets up tests', () => {
  const own = '{"name": "sum", "scripts": {"test": "node --test", "build": "tsc"}, "jest": {"bail": 1}}';
  const theirs =
    '{"name": "sum", "type": "module", "dependencies": {"a": "1"}, "scripts": {"test": "exit 0", "pretest": "x", "build": "tsc -b"}, "jest": {"bail": 0}, "mocha": {"require": "./hook"}}';
  expect(JSON.parse(settled('package.json', own, theirs))).toEqual({
    name: 'sum',
    type: 'module',
    dependencies: { a: '1' },
    jest: { bail: 1 },
    scripts: { build: 'tsc -b', test: 'node --test' },
  });
  expect(settled('package.json', own, own.replace('"sum"', '"total"').replace('tsc', 'tsc -b'))).toBe('same');
  expect(settled('package.json', own, '{"name"')).toBe('whole');
  expect(settled('package.json', undefined, '{"name": "mine", "dependencies": {}}')).toBe('same');
});

test('go.mod keeps what it requires, and its replacements are the sample’s', () => {
  const own = 'module m\n\ngo 1.20\n\nreplace a => ./a\n';
  const theirs = `module m\n\ngo 1.21\n\nrequire b v1.0.0\n\nreplace (\n\tb => ./fake // mine\n)\n`;
  expect(settled('go.mod', own, theirs)).toBe(
    'module m\n\ngo 1.21\n\nrequire b v1.0.0\n\nreplace a => ./a\n',
  );
  expect(settled('go.mod', own, own.replace('1.20', '1.21'))).toBe('same');
});

test('Cargo.toml keeps its dependencies, and what replaces them and runs as a test is the sample’s', () => {
  const own = '[package]\nname = "sum"\n\n[dependencies]\n';
  const theirs = `${own}b = "1"\n\n[patch.crates-io]\nb = {path = "fake"}\n\n[[test]]\nname = "hidden"\nharness = false\n`;
  expect(settled('Cargo.toml', own, theirs)).toBe(`${own}b = "1"\n\n\n`);
});

test('only files that runners take settings from are looked into', () => {
  for (const path of [
    'pyproject.toml',
    'a/b/setup.cfg',
    'a/package.json',
    'a.egg-info/entry_points.txt',
    'a.Dist-INFO/entry_points.txt',
  ])
    expect(holdsSettings(path)).toBe(true);
  for (const path of ['a.toml', 'node_modules/a/package.json', 'entry_points.txt', 'src/entry_points.txt'])
    expect(holdsSettings(path)).toBe(false);
});
