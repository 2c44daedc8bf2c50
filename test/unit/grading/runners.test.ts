import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseGoJson } from '../../../src/grading/go-json.js';
import { parseJunit } from '../../../src/grading/junit.js';
import { CaseIndex } from '../../../src/grading/names.js';
import type { ReportedStatus } from '../../../src/grading/report.js';
import { parseTap } from '../../../src/grading/tap.js';

const FIXTURES = path.join(import.meta.dirname, 'fixtures');
const ODD = 'holds <odd> & "quoted" \'names\' :: é 日本 😀 [x]';

interface Runner {
  readonly report: string;
  /** How many tests the report tells of, what encloses them included where it does. */
  readonly cases: number;
  /** A name as people list it → the statuses of all cases that it finds. */
  readonly names: Readonly<Record<string, readonly ReportedStatus[]>>;
}

const RUNNERS: readonly Runner[] = [
  {
    report: 'pytest.xml',
    cases: 20,
    names: {
      'tests/deep/test_sums.py::test_adds': ['passed'],
      'tests/deep/test_sums.py::test_fails_on_purpose': ['failed'],
      'tests/deep/test_sums.py::test_is_skipped': ['skipped'],
      'tests/deep/test_sums.py::test_fails_as_announced': ['xfailed'],
      'tests/deep/test_sums.py::test_passes_unannounced': ['passed'],
      'tests/deep/test_sums.py::test_passes_unannounced_strictly': ['failed'],
      'tests/deep/test_sums.py::test_less[1-2]': ['passed'],
      'tests/deep/test_sums.py::test_odd[with space]': ['passed'],
      // As SWE-bench lists hold it.
      'tests/deep/test_sums.py::test_odd[with': ['passed'],
      'tests/deep/test_sums.py::test_odd[a::b/c.py-[x]]': ['passed'],
      'tests/deep/test_sums.py::test_odd[<odd> & "quoted" \'names\']': ['passed'],
      'tests/deep/test_sums.py::test_odd[\\x07bell]': ['passed'],
      'tests/deep/test_sums.py::test_odd[line\\nof two]': ['passed'],
      'tests/deep/test_sums.py::test_odd[\\xe9 \\u65e5\\u672c \\U0001f600]': ['passed'],
      'tests/deep/test_sums.py::test_odd[]': ['passed'],
      'tests/deep/test_sums.py::test_setup': ['error'],
      'tests/deep/test_sums.py::TestGroup::TestInner::test_nested': ['passed'],
      'tests/deep/test_sums.py::OldStyle::test_old': ['passed'],
      'test_old (tests.deep.test_sums.OldStyle)': ['passed'],
      'tests/deep/test_sums.py::OldStyle::test_sub': ['failed'],
      'tests/deep/test_sums.py::test_odd': [],
    },
  },
  {
    report: 'surefire.xml',
    cases: 13,
    names: {
      'com.example.SumsTest.adds': ['passed'],
      'com.example.SumsTest#failsOnPurpose': ['failed'],
      'com.example.SumsTest::throwsAnError': ['error'],
      'com.example.SumsTest#isSkipped': ['skipped'],
      'com.example.SumsTest#odd': ['passed'],
      'com.example.SumsTest#less(int, int)[2]': ['passed'],
      'com.example.SumsTest#text(String)[3]': ['passed'],
      'com.example.SumsTest#again()[1]': ['passed'],
      'com.example.SumsTest$WhenNested#same': ['passed'],
      'com.example.SumsTest#same': [],
    },
  },
  {
    report: 'jest-junit.xml',
    cases: 11,
    names: {
      'sums adds numbers': ['passed'],
      'sums fails on purpose': ['failed'],
      'sums is skipped': ['skipped'],
      'sums when > nested 1 is less than 2': ['passed'],
      [`sums when > nested ${ODD}`]: ['passed'],
      'sums when > nested names a line\nof two': ['passed'],
      'sums twin same': ['passed'],
      same: ['passed'],
      'stands alone': ['passed'],
    },
  },
  {
    report: 'vitest.xml',
    cases: 11,
    names: {
      'tests/vitest/deep/sums.test.js > sums > adds numbers': ['passed'],
      'tests/vitest/deep/sums.test.js::sums > fails on purpose': ['failed'],
      'sums > is skipped': ['skipped'],
      'sums > is still to do': ['skipped'],
      'sums > when > nested > 3 is less than 5': ['passed'],
      [`sums > when > nested > ${ODD}`]: ['passed'],
      'sums > when > nested > names a line\nof two': ['passed'],
      'sums > twin > same': ['passed'],
      same: ['passed'],
    },
  },
  {
    report: 'vitest.tap',
    cases: 15,
    names: {
      'tests/vitest/deep/sums.test.js > sums > adds numbers': ['passed'],
      'tests/vitest/deep/sums.test.js': ['failed'],
      'sums > fails on purpose': ['failed'],
      'sums > is skipped': ['skipped'],
      'sums > is still to do': ['skipped'],
      'sums > when > nested > 3 is less than 5': ['passed'],
      [`sums > when > nested > ${ODD}`]: ['passed'],
      'sums > when > nested > names a line\nof two': ['passed'],
      'sums > twin > same': ['passed'],
      'tests/vitest/deep/sums.test.js > same': ['passed'],
      same: ['passed', 'passed'],
    },
  },
  {
    report: 'vitest-flat.tap',
    cases: 11,
    names: {
      'tests/vitest/deep/sums.test.js > sums > adds numbers': ['passed'],
      'tests/vitest/deep/sums.test.js > sums > fails on purpose': ['failed'],
      'tests/vitest/deep/sums.test.js > sums > is still to do': ['skipped'],
      [`tests/vitest/deep/sums.test.js > sums > when > nested > ${ODD}`]: ['passed'],
    },
  },
  {
    report: 'mocha-xunit.xml',
    cases: 11,
    names: {
      'sums adds numbers': ['passed'],
      'sums.fails on purpose': ['failed'],
      'sums is skipped': ['skipped'],
      'sums is still to do': ['skipped'],
      'sums when > nested 1 is less than 2': ['passed'],
      [`sums when > nested ${ODD} # 3`]: ['passed'],
      'sums when > nested names a line\nof two': ['passed'],
      'sums twin same': ['passed'],
      same: ['passed', 'passed'],
      'stands alone': ['passed'],
    },
  },
  {
    report: 'mocha-junit.xml',
    cases: 9,
    names: {
      'sums adds numbers': ['passed'],
      'sums fails on purpose': ['failed'],
      'sums when > nested 1 is less than 2': ['passed'],
      [`sums when > nested ${ODD} # 3`]: ['passed'],
      'sums when > nested names a line\nof two': ['passed'],
      same: ['passed'],
      'sums is skipped': [],
    },
  },
  ...['mocha-12.tap', 'mocha-13.tap'].map((report) => ({
    report,
    cases: 11,
    names: {
      'sums adds numbers': ['passed'],
      'sums fails on purpose': ['failed'],
      'sums is skipped': ['skipped'],
      'sums is still to do': ['skipped'],
      'sums when > nested 3 is less than 5': ['passed'],
      [`sums when > nested ${ODD}  3`]: ['passed'],
      'sums when > nested names a line': ['passed'],
      same: ['passed'],
    } as const,
  })),
  {
    report: 'node.tap',
    cases: 20,
    names: {
      'sums > adds numbers': ['passed'],
      'sums > fails on purpose': ['failed'],
      'sums > is skipped': ['skipped'],
      'sums > is skipped for a reason': ['skipped'],
      'sums > is still to do': ['skipped'],
      'sums > fails as announced': ['xfailed'],
      'sums > when > nested > 1 is less than 2': ['passed'],
      [`sums > when > nested > ${ODD} # 3 \\ back`]: ['passed'],
      'sums > when > nested > names a line\\nof two': ['passed'],
      'sums > when > nested > fails with\\nok 9 - forged\\n  ---\\n# TODO': ['failed'],
      'sums > when > nested': ['failed'],
      sums: ['failed'],
      'sums > twin > same': ['passed'],
      'stands alone': ['passed'],
      'parent > child': ['passed'],
      'parent > bad child': ['failed'],
      'printed by the test': [],
      forged: [],
    },
  },
  {
    report: 'node.xml',
    cases: 16,
    names: {
      'sums > adds numbers': ['passed'],
      'sums > fails on purpose': ['failed'],
      'sums > is skipped for a reason': ['skipped'],
      'sums > is still to do': ['skipped'],
      // It is written as skipped and as failed; in doubt it failed.
      'sums > fails as announced': ['failed'],
      'sums > when > nested > 3 is less than 5': ['passed'],
      'sums > when > nested > names a lineof two': ['passed'],
      'sums > twin > same': ['passed'],
      'parent > bad child': ['failed'],
      'stands alone': ['passed'],
    },
  },
  {
    report: 'go.jsonl',
    cases: 19,
    names: {
      'example.com/sums.TestFailsOnPurpose': ['failed'],
      'example.com/sums::TestIsSkipped': ['skipped'],
      'TestLess/1_is_less_than_2': ['passed'],
      'TestLess/same': ['passed'],
      'TestLess/same#01': ['passed'],
      'TestLess/holds_<odd>_&_"quoted"_\'names\'_::_é_日本_😀_[x]/deeper_\\a': ['failed'],
      'TestLess/holds_<odd>_&_"quoted"_\'names\'_::_é_日本_😀_[x]/deeper_\\a/bad': ['failed'],
      TestPrints: ['passed'],
      TestParallel: ['passed'],
      'FuzzNothing/seed#0': ['passed'],
      ExampleSum: ['passed'],
      TestAdds: ['passed', 'passed', 'passed'],
      'example.com/sums/odd.TestAdds': ['passed'],
      TestPanics: ['failed'],
      TestNeverRuns: [],
      TestForged: [],
      // It failed, and no test of it did.
      'example.com/sums/exits': ['error'],
      'example.com/sums': [],
    },
  },
  {
    report: 'go-broken.jsonl',
    cases: 1,
    names: { 'example.com/sums/broken': ['error'], TestAdds: [] },
  },
  {
    report: 'nextest.xml',
    cases: 6,
    names: {
      'sums tests::adds': ['passed'],
      'sums::tests::fails_on_purpose': ['failed'],
      'sums::tests::nested::panics_as_announced': ['passed'],
      'sums::outer same': ['passed'],
      'sums::outer::größe_日本': ['passed'],
      'sums tests::nested::same': ['passed'],
      // Ignored tests are in no report.
      'sums tests::is_skipped': [],
    },
  },
  {
    report: 'ctest.xml',
    cases: 18,
    names: {
      adds: ['passed'],
      fails_on_purpose: ['failed'],
      'holds <odd> & "quoted" \'names\' :: é 日本 [x]': ['passed'],
      is_skipped: ['skipped'],
      is_disabled: ['skipped'],
      will_fail: ['passed'],
      not_found: ['skipped'],
      too_slow: ['failed'],
      'Sums.Adds': ['passed'],
      'Sums.FailsOnPurpose': ['failed'],
      'Sums.IsSkipped': ['skipped'],
      'Sums.Later': ['skipped'],
      'Typed.Same<int>': ['passed'],
      'Pairs/Less.Holds/(1, 2)': ['passed'],
    },
  },
  {
    report: 'gtest.xml',
    cases: 10,
    names: {
      'Sums.Adds': ['passed'],
      'Sums.FailsOnPurpose': ['failed'],
      'Sums.IsSkipped': ['skipped'],
      'Sums.DISABLED_Later': ['skipped'],
      'Typed/0.Same': ['passed'],
      'Pairs/Less.Holds/0': ['passed'],
      'Names/Named.Holds/second': ['passed'],
    },
  },
  {
    report: 'perl.tap',
    cases: 11,
    names: {
      adds: ['passed'],
      'fails on purpose': ['failed'],
      '3': ['skipped'],
      'fails as announced': ['xfailed'],
      // It passed, but its author says that it is still to be done.
      'passes unannounced': ['skipped'],
      'when > nested > less 2': ['passed'],
      'holds # a hash, a \\ and "quotes"': ['passed'],
      '9': ['passed'],
    },
  },
];

function parse(report: string, content: Uint8Array) {
  if (report.endsWith('.xml')) return parseJunit(content);
  return report.endsWith('.tap') ? parseTap(content) : parseGoJson(content);
}

describe.each(RUNNERS)('$report', ({ report, cases, names }) => {
  test('is read whole, and its tests are found as they are listed', async () => {
    const reported = parse(report, await readFile(path.join(FIXTURES, report)));
    const index = new CaseIndex(reported);
    const found = Object.keys(names).map((name) => [name, index.find(name).map(({ status }) => status)]);
    expect(Object.fromEntries(found)).toEqual(names);
    expect(reported).toHaveLength(cases);
  });
});

test('of what failed every report says why, where its runner does', async () => {
  // CTest writes no message, and Vitest none for what encloses a failed test.
  const silent = new Set(['ctest.xml', 'vitest.tap']);
  const mute: string[] = [];
  for (const { report } of RUNNERS) {
    if (silent.has(report)) continue;
    for (const { name, status, message } of parse(report, await readFile(path.join(FIXTURES, report))))
      if (status === 'failed' && message === '') mute.push(`${report}: ${name}`);
  }
  // Perl's goes to stderr.
  expect(mute).toEqual(['perl.tap: fails on purpose']);
});
