import { describe, expect, test } from 'vitest';
import { parseJunit } from '../../../src/grading/junit.js';
import { DEFAULT_REPORT_LIMITS, ReportError } from '../../../src/grading/report.js';

function refusal(report: string | Uint8Array, limits = DEFAULT_REPORT_LIMITS): ReportError {
  try {
    parseJunit(report, limits);
  } catch (error) {
    expect(error).toBeInstanceOf(ReportError);
    return error as ReportError;
  }
  throw new Error('the report was accepted');
}

describe('a JUnit report', () => {
  test('as pytest writes it gives each test its status, time and message', () => {
    const cases = parseJunit(`<?xml version="1.0" encoding="utf-8"?>
<testsuites name="pytest tests"><testsuite name="pytest" errors="1" failures="1" skipped="2" tests="5">
<testcase classname="tests.test_a.TestA" name="test_ok[1-&lt;b&gt;]" time="0.012" />
<testcase classname="tests.test_a" name="test_bad" time="1.5"><failure message="assert 1 == 2">def test_bad():
&gt;       assert 1 == 2</failure></testcase>
<testcase classname="tests.test_a" name="test_skip" time="0"><skipped type="pytest.skip" message="no net">x.py:3: no net</skipped></testcase>
<testcase classname="tests.test_a" name="test_known" time="0"><skipped type="pytest.xfail" message="bug 7" /></testcase>
<testcase classname="tests.test_a" name="test_setup" time="0"><error message="failed on setup"><![CDATA[a < b]]></error><system-out>noise</system-out></testcase>
</testsuite></testsuites>`);
    expect(cases.map(({ name, status }) => [name, status])).toEqual([
      ['test_ok[1-<b>]', 'passed'],
      ['test_bad', 'failed'],
      ['test_skip', 'skipped'],
      ['test_known', 'xfailed'],
      ['test_setup', 'error'],
    ]);
    expect(cases[0]).toMatchObject({ classname: 'tests.test_a.TestA', durationMs: 12, suites: ['pytest'] });
    expect(cases[1]?.durationMs).toBe(1500);
    expect(cases[1]?.message).toBe('assert 1 == 2\ndef test_bad():\n>       assert 1 == 2');
    expect(cases[4]?.message).toBe('failed on setup\na < b');
  });

  test('with nested suites, as node and jest write them, keeps the path of suites', () => {
    const cases = parseJunit(
      `<testsuites><testsuite name="queue"><testsuite name="when empty"><testcase name="waits" classname="test"/></testsuite>` +
        `<testcase name="closes"/></testsuite><testsuite name="other"><testcase name="x" file="a.js" time="soon"/></testsuite></testsuites>`,
    );
    expect(cases.map(({ suites, name }) => [...suites, name])).toEqual([
      ['queue', 'when empty', 'waits'],
      ['queue', 'closes'],
      ['other', 'x'],
    ]);
    expect(cases[2]?.file).toBe('a.js');
    expect(cases[2]).not.toHaveProperty('durationMs');
  });

  test('with cases outside of any suite, as node writes them, is read', () => {
    const cases = parseJunit(
      '<testsuites><testcase name="t" classname="test" failure="no"><failure message="no"/></testcase></testsuites>',
    );
    expect(cases).toMatchObject([{ name: 't', suites: [], status: 'failed' }]);
  });

  test('that says passed and failed of one test says failed', () => {
    const [one] = parseJunit(
      `<testsuite><testcase name="t"><skipped/><failure message="f"/><error message="e"/></testcase></testsuite>`,
    );
    expect(one).toMatchObject({ status: 'error', message: 'f\ne' });
  });

  test('takes no status from what lies deeper than the test itself', () => {
    const [one] = parseJunit(
      `<testsuite><testcase name="t"><properties><failure/></properties></testcase></testsuite>`,
    );
    expect(one?.status).toBe('passed');
  });

  test('takes no test for passed of which an attribute says that it did not run, or failed', () => {
    const cases = parseJunit(
      `<testsuite><testcase name="a" status="run" result="completed"/><testcase name="b" status="disabled"/>` +
        `<testcase name="c" status="notrun" result="suppressed"/><testcase name="d" status="fail"/>` +
        `<testcase name="e" status="Passed"/><testcase name="f" status="perhaps"/><testcase name="g" status="run"><failure/></testcase></testsuite>`,
    );
    expect(cases.map(({ name, status }) => `${name} ${status}`)).toEqual([
      'a passed',
      'b skipped',
      'c skipped',
      'd failed',
      'e passed',
      'f skipped',
      'g failed',
    ]);
  });

  test('cuts a long message and goes on', () => {
    const cases = parseJunit(
      `<testsuite><testcase name="t"><failure message="${'m'.repeat(100_000)}">${'x'.repeat(100_000)}</failure></testcase><testcase name="u"/></testsuite>`,
    );
    expect(cases[0]?.message.length).toBe(DEFAULT_REPORT_LIMITS.maxMessageLength);
    expect(cases).toHaveLength(2);
  });

  test('that is not well-formed is refused with its line', () => {
    expect(refusal('<testsuite>\n<testcase name="t">\n</testsuite>').line).toBe(3);
    expect(refusal('<testsuite>\n<testcase name="t"/>').message).toMatch(/unclosed tag/);
    expect(refusal('').message).toMatch(/root element/);
    expect(refusal('PASSED').message).toMatch(/text data outside of root/);
    expect(refusal('<testsuite><testcase name=t/></testsuite>').message).toMatch(/unquoted attribute/);
    expect(refusal('<testsuite/><testsuite/>')).toBeInstanceOf(ReportError);
    expect(refusal(Uint8Array.of(0x3c, 0xff, 0xfe)).message).toMatch(/not UTF-8/);
  });

  test('of another kind of XML is refused', () => {
    expect(refusal('<html><body/></html>').message).toMatch(/expected <testsuites> or <testsuite>/);
    expect(refusal('<testsuite><testcase/></testsuite>').message).toMatch(/without a name/);
    expect(
      refusal('<testsuite><testcase name="a"><testcase name="b"/></testcase></testsuite>').message,
    ).toMatch(/inside of a <testcase>/);
  });

  test('with a document type is refused before any entity counts: billion laughs', () => {
    const entities = Array.from({ length: 9 }, (_, i) => `<!ENTITY l${i + 1} "${`&l${i};`.repeat(10)}">`);
    const bomb = `<?xml version="1.0"?>\n<!DOCTYPE t [<!ENTITY l0 "lol">${entities.join('')}]>\n<testsuite><testcase name="&l9;"/></testsuite>`;
    expect(refusal(bomb).message).toMatch(/document type is not allowed/);
  });

  test('with an outside or unknown entity is refused', () => {
    expect(refusal('<!DOCTYPE t SYSTEM "file:///etc/passwd"><testsuite/>').message).toMatch(/document type/);
    expect(refusal('<testsuite><testcase name="&xxe;"/></testsuite>').message).toMatch(/undefined entity/);
  });

  test('nested ten thousand deep is refused where it gets too deep', () => {
    const deep = '<testsuite>\n'.repeat(10_000) + '</testsuite>'.repeat(10_000);
    expect(refusal(deep)).toMatchObject({ line: DEFAULT_REPORT_LIMITS.maxDepth + 1 });
  });

  test('beyond a limit is refused: size, cases, names', () => {
    const limits = { ...DEFAULT_REPORT_LIMITS, maxBytes: 200, maxCases: 2, maxNameLength: 10 };
    expect(refusal(`<testsuite>${' '.repeat(300)}</testsuite>`, limits).message).toMatch(/more than the 200/);
    const three = '<testsuite>' + '<testcase name="t"/>'.repeat(3) + '</testsuite>';
    expect(refusal(three, limits).message).toMatch(/more than 2 test cases/);
    expect(refusal('<testsuite><testcase name="12345678901"/></testsuite>', limits).message).toMatch(
      /more than 10 characters/,
    );
  });
});
