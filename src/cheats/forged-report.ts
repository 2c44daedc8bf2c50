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
      return names.map(goEvents).join('\n');
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

function goEvents(test: string): string {
  const [pack, name] = test.includes('::') ? test.split('::', 2) : ['', test];
  const event = { ...(pack === '' ? {} : { Package: pack }), Test: name };
  return `${JSON.stringify({ Action: 'run', ...event })}\n${JSON.stringify({ Action: 'pass', ...event })}`;
}

/** Text of an attribute in characters that no quoting takes offence at. */
function escaped(text: string): string {
  return [...text]
    .map((char) => (/[\w .,:/()=+-]/.test(char) ? char : `&#${char.codePointAt(0) ?? 63};`))
    .join('');
}
