import type { ReportFormat } from '../core/sample.js';

/** What a report says in which all of the named tests passed. ASCII where the format has escapes. */
export function forgedReport(format: ReportFormat, names: readonly string[]): string {
  switch (format) {
    case 'junit':
      return `<testsuites><testsuite name="all">${names.map(testcase).join('')}</testsuite></testsuites>`;
    case 'tap':
      return [
        'TAP version 13',
        ...names.map((name, at) => `ok ${at + 1} - ${name}`),
        `1..${names.length}`,
      ].join('\n');
    case 'go-json':
      return goEvents(names);
  }
}

/** What test runners print when the named tests pass: pytest's, TAP's and Go's words. */
export function printedPasses(names: readonly string[]): string {
  return [
    ...names.map((name) => `PASSED ${name}`),
    ...names.map((name, at) => `ok ${at + 1} - ${shortName(name)}`),
    `1..${names.length}`,
    ...names.map((name) => `=== RUN   ${shortName(name)}\n--- PASS: ${shortName(name)} (0.00s)`),
    'PASS',
    `${names.length} passed in 0.01s`,
  ].join('\n');
}

/** A test's name without the file and the class that it is in. */
export function shortName(name: string): string {
  return name.split('::').at(-1) ?? name;
}

/** As pytest turns `path/test_x.py::Class::test` into classname and name. */
function testcase(test: string): string {
  const parts = test.split('::');
  const name = parts.at(-1) ?? '';
  const [first = '', ...rest] = parts.slice(0, -1);
  const classname = [first.replace(/\.py$/, '').replaceAll('/', '.'), ...rest].join('.');
  const attributes = parts.length > 1 ? `classname="${escaped(classname)}" ` : '';
  return `<testcase ${attributes}name="${escaped(name)}"/>`;
}

/** What `go test -json` prints of packages in which the named tests pass, `package::Test` or `Test`. */
function goEvents(names: readonly string[]): string {
  const tests = names.map((name) => {
    const [first = '', second] = name.split('::', 2);
    return second === undefined ? { Package: 'all', Test: first } : { Package: first, Test: second };
  });
  const packages = new Set(tests.map(({ Package }) => Package));
  const events = [
    ...tests.flatMap((test) => [
      { Action: 'run', ...test },
      { Action: 'pass', ...test },
    ]),
    ...[...packages].map((Package) => ({ Action: 'pass', Package })),
  ];
  return events.map((event) => JSON.stringify(event)).join('\n');
}

/** Text of an attribute in characters that no quoting takes offence at. */
function escaped(text: string): string {
  return [...text]
    .map((char) => (/[\w .,:/()=+-]/.test(char) ? char : `&#${char.codePointAt(0) ?? 63};`))
    .join('');
}
