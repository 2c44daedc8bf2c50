import { describe, expect, test } from 'vitest';
import { DEFAULT_REPORT_LIMITS, ReportError } from '../../../src/grading/report.js';
import { parseTap } from '../../../src/grading/tap.js';

function refusal(report: string | Uint8Array, limits = DEFAULT_REPORT_LIMITS): ReportError {
  try {
    parseTap(report, limits);
  } catch (error) {
    expect(error).toBeInstanceOf(ReportError);
    return error as ReportError;
  }
  throw new Error('the report was accepted');
}

function told(report: string): [string, string][] {
  return parseTap(report).map(({ suites, name, status }) => [[...suites, name].join(' > '), status]);
}

describe('a TAP report', () => {
  test('gives each test its name and status, directives in any case', () => {
    const cases = parseTap(`TAP version 14
1..8
ok 1 - adds
not ok 2 - fails
ok 3 skips # SKIP no net
ok 4 skips, too # skipped: no disk
not ok 5 - known # todo bug 7
ok 6 - not there yet # TODO
not ok 7 - fails all the same # SKIP
ok
`);
    expect(cases.map(({ name, status, message }) => [name, status, message])).toEqual([
      ['adds', 'passed', ''],
      ['fails', 'failed', ''],
      ['skips', 'skipped', 'no net'],
      ['skips, too', 'skipped', 'no disk'],
      ['known', 'xfailed', 'bug 7'],
      ['not there yet', 'skipped', ''],
      ['fails all the same', 'failed', ''],
      ['8', 'passed', ''],
    ]);
  });

  test('takes a # for text unless a directive follows it, and what TAP 14 escapes for what it means', () => {
    expect(
      told('ok 1 - issue # 42\nok 2 - C# TODO\nok 3 - a \\# TODO \\\\ b\nok 4 - x \\# y # SKIP\n1..4\n'),
    ).toEqual([
      ['issue # 42', 'passed'],
      ['C# TODO', 'passed'],
      ['a # TODO \\ b', 'passed'],
      ['x # y', 'skipped'],
    ]);
  });

  test('reads what a failure says, in YAML or beneath it, and times', () => {
    const cases = parseTap(`TAP version 13
not ok 1 - a
  ---
  duration_ms: 12.6
  error: 'no'

  stack: |-
    ok 7 - in a text
  ...
not ok 2 - b
  1 == 2
      at b.js:3
ok 3 - c # time=1.5s
1..3
`);
    expect(cases).toMatchObject([
      { durationMs: 13, message: "error: 'no'\nstack: |-\n  ok 7 - in a text" },
      { message: '  1 == 2\n      at b.js:3' },
      { name: 'c', durationMs: 1500, status: 'passed', message: '' },
    ]);
  });

  test('with subtests before their test or in braces after it names what encloses each', () => {
    const before = `# Subtest: outer
    # Subtest: inner
        ok 1 - x
        1..1
    ok 1 - inner
    ok 2 - y
    1..2
ok 1 - outer
1..1
`;
    const after = `1..1
ok 1 - outer # time=3ms {
    1..2
    ok 1 - inner {
        1..1
        ok 1 - x
    }
    ok 2 - y
}
`;
    const expected = [
      ['outer', 'passed'],
      ['outer > inner', 'passed'],
      ['outer > inner > x', 'passed'],
      ['outer > y', 'passed'],
    ];
    expect(told(before)).toEqual(expect.arrayContaining(expected));
    expect(told(after)).toEqual(expect.arrayContaining(expected));
    expect([told(before).length, told(after).length]).toEqual([4, 4]);
    expect(told('ok 1 - parses {\nok 2 - }\n1..2\n')).toEqual([
      ['parses {', 'passed'],
      ['}', 'passed'],
    ]);
  });

  test('that broke off is refused: no plan, too few tests, within a block', () => {
    expect(refusal('').message).toMatch(/has no plan, so the run broke off/);
    expect(refusal('TAP version 13\nok 1 - a\n').message).toMatch(/has no plan/);
    expect(refusal('1..3\nok 1 - a\n').message).toMatch(/the plan says 3 tests, but there are 1/);
    expect(refusal('1..1\nok 1 - a\n  ---\n  error: x\n').message).toMatch(/ends within a YAML block/);
    expect(refusal('1..1\nok 1 - a {\n    1..1\n    ok 1 - b\n').message).toMatch(/ends within subtests/);
    expect(refusal('1..1\n    ok 1 - b\n    1..1\n').message).toMatch(/ends within subtests/);
    expect(refusal('    ok 1 - b\nok 1 - a\n1..1\n').message).toMatch(/a list of subtests has no plan/);
    expect(refusal('1..3\nok 1 - a\nBail out!  no disk\n')).toMatchObject({
      line: 3,
      message: 'line 3: the run bailed out: no disk',
    });
  });

  test('into which something else was written is refused', () => {
    expect(refusal('1..2\nok 1 - a\nok 1 - a\n').message).toMatch(/has the number 1; expected 2/);
    expect(refusal('1..2\nok 1 - a\nok 2 - b\nok 3 - c\n').message).toMatch(
      /plan says 2 tests, but there are 3/,
    );
    expect(refusal('1..1\n1..1\nok 1 - a\n').message).toMatch(/a second plan/);
    expect(refusal('ok 1 - a\n1..1\nok 2 - b\n').message).toMatch(/a test after the plan/);
    expect(refusal('        ok 1 - a\n        1..1\n    1..0\nok 1 - b\n1..1\n').message).toMatch(
      /belong to no test/,
    );
    expect(refusal('        ok 1 - a\n        1..1\nok 1 - b\n1..1\n').message).toMatch(/belong to no test/);
    expect(refusal('    1..1\n    ok 1 - a\n1..1\nok 1 - b\n').message).toMatch(/belong to no test/);
    expect(refusal('TAP version 15\n1..0\n').message).toMatch(/TAP version 15 is not known/);
    // A test that prints "---" would hide those that fail after it.
    expect(refusal('ok 1 - a\n  ---\nnot ok 2 - b\n  ...\n1..1\n').message).toMatch(/not ended by/);
    expect(refusal(Uint8Array.of(0x31, 0xff)).message).toMatch(/not UTF-8/);
  });

  test('passes over text that is no TAP, as a program under test prints it', () => {
    expect(told('hello\n1..1\nokay then\n  ok 5 indented by two\n# ok 2 - a comment\n}\nok 1 - a\n')).toEqual(
      [['a', 'passed']],
    );
    expect(told('1..0 # SKIP nothing here\n')).toEqual([]);
    expect(told('TAP version 13\r\n1..1\r\nok 1 - a\r\n')).toEqual([['a', 'passed']]);
  });

  test('beyond a limit is refused: depth, tests, lines, names, size', () => {
    const limits = {
      ...DEFAULT_REPORT_LIMITS,
      maxDepth: 2,
      maxCases: 2,
      maxLineLength: 40,
      maxNameLength: 10,
    };
    expect(refusal('        ok 1 - a\n', { ...limits, maxDepth: 1 }).message).toMatch(/more than 1 deep/);
    expect(refusal('ok 1\nok 2\nok 3\n1..3\n', limits).message).toMatch(/more than 2 tests/);
    expect(refusal(`# ${'x'.repeat(40)}\n1..0\n`, limits).message).toMatch(/more than 40 characters/);
    expect(refusal('ok 1 - 12345678901\n1..1\n', limits).message).toMatch(/name has more than 10/);
    expect(refusal('1..0\n', { ...limits, maxBytes: 3 }).message).toMatch(/more than the 3 allowed/);
    const deep = Array.from({ length: 100 }, (_, i) => `${' '.repeat(4 * i)}ok 1 - a {`).join('\n');
    expect(refusal(deep)).toMatchObject({ line: DEFAULT_REPORT_LIMITS.maxDepth + 1 });
  });

  test('cuts a long message and goes on', () => {
    const [one] = parseTap(`not ok 1 - a\n${'  m m m m\n'.repeat(10_000)}1..1\n`);
    expect(one?.message).toHaveLength(DEFAULT_REPORT_LIMITS.maxMessageLength);
  });

  test('of spaces and signs without end is read in no time', () => {
    const lines = [
      `ok 1 -${' '.repeat(500_000)}x`,
      `ok 2 - ${'# '.repeat(250_000)}`,
      `1..2${' '.repeat(500_000)}x`,
    ];
    const before = performance.now();
    expect(refusal(`${lines.join('\n')}\n`).message).toMatch(/name has more than/);
    expect(refusal(`${lines.slice(1).join('\n')}\n`).message).toMatch(/number 2|name has more than/);
    expect(performance.now() - before).toBeLessThan(5_000);
  });
});
