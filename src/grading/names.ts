import type { ReportedCase } from './report.js';

/** From the name as a list spells it to the cases that it means; one map per form. */
type Forms = readonly ReadonlyMap<string, ReportedCase[]>[];

/**
 * Finds the reported cases that an expected test name means.
 *
 * The forms are tried in this order, and the first that finds anything decides:
 * 1. `path/test_x.py::Class::test[param]`, as pytest turns a node id into classname and name;
 * 2. `test_x (package.module.Class)`, as unittest prints a test;
 * 3. `classname::name`, `classname.name`, `classname#name` (Maven), `classname name` (cargo-nextest, Mocha),
 *    `file::name`;
 * 4. `suite::name`, `outer suite > inner suite > name` (suites from any level inwards);
 * 5. the bare name (Go, node, ctest, jest);
 * 6. a pytest id whose parameters were cut at the first space, as SWE-bench lists hold them.
 *
 * What none of them finds is looked for once more with every run of white space as one space, and none at the
 * ends: in XML a line end in a name becomes a space, and jest-junit sets one before a test without a suite.
 *
 * A form may find several cases: a name reported twice, or one that several classes share. The caller then
 * counts the worst of them, so that an ambiguous name can hide no failure.
 */
export class CaseIndex {
  readonly #cases: readonly ReportedCase[];
  readonly #exact: Forms;
  /** Made when it is first asked for. */
  #squeezed: Forms | undefined;

  constructor(cases: Iterable<ReportedCase>) {
    this.#cases = [...cases];
    this.#exact = formsOf(this.#cases, (text) => text);
  }

  /** The cases that `expected` means; empty when the report has none. */
  find(expected: string): readonly ReportedCase[] {
    const exact = findIn(this.#exact, expected);
    if (exact !== undefined) return exact;
    this.#squeezed ??= formsOf(this.#cases, squeezed);
    return findIn(this.#squeezed, squeezed(expected)) ?? [];
  }
}

function formsOf(cases: readonly ReportedCase[], spelled: (text: string) => string): Forms {
  const pytest = new Map<string, ReportedCase[]>();
  const unittest = new Map<string, ReportedCase[]>();
  const classAndName = new Map<string, ReportedCase[]>();
  const suiteAndName = new Map<string, ReportedCase[]>();
  const bare = new Map<string, ReportedCase[]>();
  const cut = new Map<string, ReportedCase[]>();
  for (const reported of cases) {
    const classname = spelled(reported.classname);
    const name = spelled(reported.name);
    const suites = reported.suites.map(spelled);
    add(pytest, pair(classname, name), reported);
    if (classname !== '') {
      add(unittest, `${name} (${classname})`, reported);
      add(unittest, `${name} (${classname}.${name})`, reported);
      for (const joint of ['::', '.', '#', ' ']) add(classAndName, `${classname}${joint}${name}`, reported);
    }
    if (reported.file !== '') add(classAndName, `${reported.file}::${name}`, reported);
    for (let from = 0; from < suites.length; from += 1) {
      const path = suites.slice(from);
      add(suiteAndName, [...path, name].join('::'), reported);
      add(suiteAndName, [...path, name].join(' > '), reported);
    }
    add(bare, name, reported);
    const space = name.search(/\s/);
    if (space > 0 && name.includes('[')) add(cut, pair(classname, name.slice(0, space)), reported);
  }
  return [pytest, unittest, classAndName, suiteAndName, bare, cut];
}

function findIn(forms: Forms, expected: string): readonly ReportedCase[] | undefined {
  const asPytest = pytestKey(expected);
  const keys = [asPytest, expected, expected, expected, expected, isCut(expected) ? asPytest : undefined];
  for (const [form, key] of keys.entries()) {
    const found = key === undefined ? undefined : forms[form]?.get(key);
    if (found !== undefined) return found;
  }
  return undefined;
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

function isCut(expected: string): boolean {
  return expected.includes('[') && !expected.endsWith(']');
}

/**
 * What pytest's JUnit writer makes of a node id: the file's path dotted and without `.py`, joined with the
 * classes into `classname`; the function with its parameters is `name`. Undefined for what is no node id.
 */
function pytestKey(nodeId: string): string | undefined {
  const bracket = nodeId.indexOf('[');
  const address = bracket < 0 ? nodeId : nodeId.slice(0, bracket);
  const parameters = bracket < 0 ? '' : nodeId.slice(bracket);
  const [path, ...inner] = address.split('::');
  const test = inner.pop();
  if (path === undefined || test === undefined) return undefined;
  const module = path.replaceAll('/', '.').replace(/\.py$/, '');
  return pair([module, ...inner].join('.'), escapeForXml(test + parameters));
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
