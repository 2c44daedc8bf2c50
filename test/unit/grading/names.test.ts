import { describe, expect, test } from 'vitest';
import type { ReportedCase } from '../../../src/grading/report.js';
import { CaseIndex } from '../../../src/grading/names.js';

function reported(classname: string, name: string, more: Partial<ReportedCase> = {}): ReportedCase {
  return { suites: [], classname, name, file: '', status: 'passed', message: '', ...more };
}

describe('an expected name', () => {
  test.each<[string, ReportedCase]>([
    ['tests/test_x.py::TestA::test_b[p-1]', reported('tests.test_x.TestA', 'test_b[p-1]')],
    ['tests/test_x.py::test_b', reported('tests.test_x', 'test_b')],
    ['test_x.py::test_b', reported('test_x', 'test_b')],
    ['tests/test_x.py::TestA::TestIn::test_b', reported('tests.test_x.TestA.TestIn', 'test_b')],
    ['tests/test_x.py::test_b[a::b/c.py-[x]]', reported('tests.test_x', 'test_b[a::b/c.py-[x]]')],
    ['tests/test_x.py::test_b[\u0007]', reported('tests.test_x', 'test_b[#x07]')],
    ['tests/test_x.py::test_b[with', reported('tests.test_x', 'test_b[with space]')],
    ['test_even (tests.test_x.TestA)', reported('tests.test_x.TestA', 'test_even')],
    ['test_even (tests.test_x.TestA.test_even)', reported('tests.test_x.TestA', 'test_even')],
    ['tests.test_x.TestA.test_even', reported('tests.test_x.TestA', 'test_even')],
    ['src/a.test.ts::adds > numbers', reported('src/a.test.ts', 'adds > numbers')],
    ['example.com/lru::TestTTL/expired', reported('example.com/lru', 'TestTTL/expired')],
    ['TestTTL/expired', reported('example.com/lru', 'TestTTL/expired')],
    ['queue > keeps order', reported('test', 'keeps order', { suites: ['queue'] })],
    ['when busy > keeps order', reported('test', 'keeps order', { suites: ['queue', 'when busy'] })],
    ['suite::keeps order', reported('', 'keeps order', { suites: ['suite'] })],
    ['a.test.js::keeps order', reported('test', 'keeps order', { file: 'a.test.js' })],
    ['wraps around', reported('', 'wraps around')],
    ['com.example.SumsTest#adds', reported('com.example.SumsTest', 'adds')],
    ['sums tests::adds', reported('sums', 'tests::adds')],
    ['names a line\nof two', reported('sums', 'names a line of two')],
    ['stands alone', reported(' stands alone', ' stands alone')],
    ['tests/test_x.py::test_b[a  b]', reported('tests.test_x', 'test_b[a b]')],
  ])('%s is found as its runner writes it', (expected, one) => {
    const index = new CaseIndex([reported('other', 'other'), one]);
    expect(index.find(expected)).toEqual([one]);
  });

  test.each<[string, ReportedCase]>([
    ['tests/test_x.py::TestA::test_b', reported('tests.test_y.TestA', 'test_b')],
    ['tests/test_x.py::test_b[1]', reported('tests.test_x', 'test_b[10]')],
    ['tests/test_x.py::test_b', reported('tests.test_x', 'test_b[1]')],
    ['tests/test_x.py::test_b[with]', reported('tests.test_x', 'test_b[with space]')],
    ['tests/test_x.py::test_b', reported('tests.test_x', 'test_bc')],
    ['', reported('tests.test_x', 'test_b')],
    ['constructor', reported('tests', 'test_b')],
  ])('%s is not found in what only looks like it', (expected, one) => {
    expect(new CaseIndex([one]).find(expected)).toEqual([]);
  });

  test('that is exact for one case leaves out others that share its bare name', () => {
    const exact = reported('tests.test_x', 'test_b');
    const other = reported('tests.test_y', 'test_b');
    expect(new CaseIndex([other, exact]).find('tests/test_x.py::test_b')).toEqual([exact]);
  });

  test('that is exact for one case leaves out others that differ in white space', () => {
    const exact = reported('tests', 'a b');
    const other = reported('tests', 'a  b');
    const index = new CaseIndex([other, exact]);
    expect(index.find('a b')).toEqual([exact]);
    expect(index.find('a   b')).toEqual([other, exact]);
    expect(index.find('ab')).toEqual([]);
  });

  test.each<[string, ReportedCase, ReportedCase]>([
    ['adds two numbers', reported('', 'adds two numbers'), reported('adds', 'two numbers')],
    ['adds two numbers', reported('adds two numbers', 'adds two numbers'), reported('adds two', 'numbers')],
    [
      'queue > keeps order',
      reported('', 'keeps order', { suites: ['queue'] }),
      reported('queue >', 'keeps order'),
    ],
    ['sums::adds', reported('', 'adds', { suites: ['sums'] }), reported('sums', 'adds')],
    ['sums::adds', reported('sums', 'adds'), reported('', 'adds', { file: 'sums' })],
    ['tests/test_x.py::test_b', reported('tests.test_x', 'test_b'), reported('', 'tests/test_x.py::test_b')],
    [
      'tests/test_x.py::test_b[p',
      reported('tests.test_x', 'test_b[p q]'),
      reported('tests.test_x', 'test_b[p'),
    ],
  ])(
    '%s is also what another one takes for a name, so that neither hides the other',
    (expected, one, other) => {
      expect(new Set(new CaseIndex([one, other]).find(expected))).toEqual(new Set([one, other]));
      expect(new Set(new CaseIndex([other, one]).find(expected))).toEqual(new Set([one, other]));
    },
  );

  test('in a module that pytest could not collect is the module’s error too, whoever else reports it', () => {
    const expected = 'tests/test_x.py::TestA::test_b';
    const alike = reported('tests.test_x.TestA', 'test_b');
    for (const status of ['error', 'skipped'] as const) {
      const module = reported('', 'tests.test_x', { status });
      expect(new CaseIndex([alike, module]).find(expected)).toEqual([alike, module]);
      expect(new CaseIndex([module]).find(expected)).toEqual([]);
    }
    const other = reported('', 'tests.test_y', { status: 'error' });
    expect(new CaseIndex([alike, other]).find(expected)).toEqual([alike]);
  });

  test('that several cases share finds all of them', () => {
    const cases = [reported('a', 'same'), reported('b', 'same'), reported('a', 'same')];
    expect(new CaseIndex(cases).find('same')).toEqual(cases);
    expect(new CaseIndex(cases).find('a::same')).toHaveLength(2);
  });
});
