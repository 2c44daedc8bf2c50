import type { ReportedCase } from './report.js';

/** From a name as a list may spell it to the cases that it means. */
type Spellings = ReadonlyMap<string, ReportedCase[]>;

/**
 * Finds the reported cases that an expected test name means. Each of these is such a name:
 * - `path/test_x.py::Class::test[param]`, as pytest turns a node id into classname and name;
 * - `test_x (package.module.Class)`, as unittest prints a test;
 * - `classname::name`, `classname.name`, `classname#name` (Maven), `classname name` (cargo-nextest, Mocha),
 *   `file::name`;
 * - `suite::name`, `outer suite > inner suite > name` (suites from any level inwards);
 * - the bare name (Go, node, ctest, jest);
 * - a pytest id whose parameters were cut at the first space, as SWE-bench lists hold them.
 *
 * What none of them finds is looked for once more with every run of white space as one space, and none at the
 * ends: in XML a line end in a name becomes a space, and jest-junit sets one before a test without a suite.
 *
 * A name may find several cases: one reported twice, one that several classes share, or two that only together with
 * what encloses them are spelled alike. The caller then counts the worst of them, so that no test can hide another's
 * failure by the name that it takes.
 */
export class CaseIndex {
  readonly #cases: readonly ReportedCase[];
  readonly #exact: Spellings;
  /** What pytest could not collect, by module: then none of its tests ran, whoever else reports them. */
  readonly #uncollected: Spellings;
  /** Made when it is first asked for. */
  #squeezed: Spellings | undefined;

  constructor(cases: Iterable<ReportedCase>) {
    this.#cases = [...cases];
    this.#exact = spellingsOf(this.#cases, (text) => text);
    this.#uncollected = uncollectedModules(this.#cases);
  }

  /** The cases that `expected` means; empty when the report has none. */
  find(expected: string): readonly ReportedCase[] {
    const exact = findIn(this.#exact, expected);
    if (exact.length > 0) return [...exact, ...(this.#uncollected.get(pytestModule(expected) ?? '') ?? [])];
    this.#squeezed ??= spellingsOf(this.#cases, squeezed);
    return findIn(this.#squeezed, squeezed(expected));
  }
}

function spellingsOf(cases: readonly ReportedCase[], spelled: (text: string) => string): Spellings {
  const spellings = new Map<string, ReportedCase[]>();
  for (const reported of cases) {
    const classname = spelled(reported.classname);
    const name = spelled(reported.name);
    const suites = reported.suites.map(spelled);
    const spell = (key: string): void => add(spellings, key, reported);
    spell(pair(classname, name));
    if (classname !== '') {
      spell(`${name} (${classname})`);
      spell(`${name} (${classname}.${name})`);
      for (const joint of ['::', '.', '#', ' ']) spell(`${classname}${joint}${name}`);
    }
    if (reported.file !== '') spell(`${reported.file}::${name}`);
    for (let from = 0; from < suites.length; from += 1) {
      const path = suites.slice(from);
      spell([...path, name].join('::'));
      spell([...path, name].join(' > '));
    }
    spell(name);
    const space = name.search(/\s/);
    if (space > 0 && name.includes('[')) spell(cutPair(classname, name.slice(0, space)));
  }
  return spellings;
}

function findIn(spellings: Spellings, expected: string): readonly ReportedCase[] {
  const asPytest = pytestKey(expected);
  const keys = [
    expected,
    ...(asPytest === undefined ? [] : [pair(...asPytest)]),
    ...(asPytest !== undefined && isCut(expected) ? [cutPair(...asPytest)] : []),
  ];
  return [...new Set(keys.flatMap((key) => spellings.get(key) ?? []))];
}

/** pytest reports a module that it could not load, or that skips itself, as a case with the module's dotted name. */
function uncollectedModules(cases: readonly ReportedCase[]): Spellings {
  const modules = new Map<string, ReportedCase[]>();
  for (const reported of cases) {
    const { classname, name, status } = reported;
    if (classname === '' && (status === 'error' || status === 'skipped')) add(modules, name, reported);
  }
  return modules;
}

function squeezed(text: string): string {
  return text.replace(/\s+/g, ' ').trim();
}

function add(map: Map<string, ReportedCase[]>, key: string, reported: ReportedCase): void {
  const known = map.get(key);
  if (known === undefined) map.set(key, [reported]);
  else if (known.at(-1) !== reported) known.push(reported);
}

/** NUL can be part of neither: XML has no way to hold it. */
function pair(classname: string, name: string): string {
  return `${classname}\0${name}`;
}

function cutPair(classname: string, name: string): string {
  return `${classname}\0${name}\0`;
}

function isCut(expected: string): boolean {
  return expected.includes('[') && !expected.endsWith(']');
}

/**
 * What pytest's JUnit writer makes of a node id: the file's path dotted and without `.py`, joined with the
 * classes into `classname`; the function with its parameters is `name`. Undefined for what is no node id.
 */
function pytestKey(nodeId: string): readonly [classname: string, name: string] | undefined {
  const bracket = nodeId.indexOf('[');
  const address = bracket < 0 ? nodeId : nodeId.slice(0, bracket);
  const parameters = bracket < 0 ? '' : nodeId.slice(bracket);
  const [path, ...inner] = address.split('::');
  const test = inner.pop();
  if (path === undefined || test === undefined) return undefined;
  return [[dotted(path), ...inner].join('.'), escapeForXml(test + parameters)];
}

/** The dotted name of the module that a node id of pytest is in; undefined for what is none. */
function pytestModule(nodeId: string): string | undefined {
  const [path = ''] = nodeId.split('::');
  return path !== nodeId && path.endsWith('.py') ? dotted(path) : undefined;
}

function dotted(path: string): string {
  return path.replaceAll('/', '.').replace(/\.py$/, '');
}

/** Characters that XML can't hold, and DEL, as pytest spells them: BEL becomes `#x07`. */
function escapeForXml(text: string): string {
  return text.replace(/[^\t\n\r\x20-\x7e\x80-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return `#x${code
      .toString(16)
      .toUpperCase()
      .padStart(code <= 0xff ? 2 : 4, '0')}`;
  });
}
