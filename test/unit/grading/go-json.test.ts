import { describe, expect, test } from 'vitest';
import { parseGoJson } from '../../../src/grading/go-json.js';
import { DEFAULT_REPORT_LIMITS, ReportError } from '../../../src/grading/report.js';

type Event = Readonly<Record<string, unknown>>;

function report(...events: readonly Event[]): string {
  return events.map((event) => `${JSON.stringify({ Package: 'p', ...event })}\n`).join('');
}

function refusal(text: string, limits = DEFAULT_REPORT_LIMITS): ReportError {
  try {
    parseGoJson(text, limits);
  } catch (error) {
    expect(error).toBeInstanceOf(ReportError);
    return error as ReportError;
  }
  throw new Error('the report was accepted');
}

const START = { Action: 'start' };
const END = { Action: 'pass', Elapsed: 0.1 };
const FAIL = { Action: 'fail', Elapsed: 0.1 };

describe('a report of go test -json', () => {
  test('gives each test its package, status, time and what it printed when it did not pass', () => {
    const cases = parseGoJson(
      report(
        START,
        { Action: 'run', Test: 'TestA' },
        { Action: 'output', Test: 'TestA', Output: 'fine\n' },
        { Action: 'pass', Test: 'TestA', Elapsed: 0.012 },
        { Action: 'run', Test: 'TestB' },
        { Action: 'run', Test: 'TestB/x_1' },
        { Action: 'output', Test: 'TestB/x_1', Output: '    b_test.go:3: no\n' },
        { Action: 'fail', Test: 'TestB/x_1', Elapsed: 0 },
        { Action: 'fail', Test: 'TestB', Elapsed: 0 },
        { Action: 'run', Test: 'TestC' },
        { Action: 'skip', Test: 'TestC', Elapsed: 0 },
        FAIL,
      ),
    );
    expect(cases).toMatchObject([
      { classname: 'p', name: 'TestA', status: 'passed', durationMs: 12, message: '' },
      { name: 'TestB/x_1', status: 'failed', message: 'b_test.go:3: no' },
      { name: 'TestB', status: 'failed' },
      { name: 'TestC', status: 'skipped' },
    ]);
  });

  test('has an error for a test without an outcome, and for each run of one that ran again', () => {
    const cases = parseGoJson(
      report(
        { Action: 'run', Test: 'TestA' },
        { Action: 'run', Test: 'TestA' },
        { Action: 'pass', Test: 'TestA' },
        { Action: 'run', Test: 'TestB' },
        END,
      ),
    );
    expect(cases.map(({ name, status }) => [name, status])).toEqual([
      ['TestA', 'error'],
      ['TestA', 'passed'],
      ['TestB', 'error'],
    ]);
  });

  test('has an error for a package that failed without a test that did', () => {
    const cases = parseGoJson(
      `${JSON.stringify({ ImportPath: 'q [q.test]', Action: 'build-output', Output: 'q.go:1: no\n' })}\n` +
        report(
          { Package: 'q', Action: 'fail', FailedBuild: 'q [q.test]' },
          { Action: 'run', Test: 'TestA' },
          { Action: 'pass', Test: 'TestA' },
          { Action: 'output', Output: 'exit status 3\n' },
          FAIL,
        ),
    );
    expect(cases).toMatchObject([
      { classname: '', name: 'q', status: 'error', message: 'q.go:1: no' },
      { classname: 'p', name: 'TestA', status: 'passed' },
      { classname: '', name: 'p', status: 'error', message: 'exit status 3' },
    ]);
  });

  test('that broke off, or into which something else was written, is refused', () => {
    expect(refusal('').message).toMatch(/is empty/);
    expect(refusal(report(START)).message).toMatch(/ends before the package p does/);
    expect(refusal(`${report(START, END)}{"Action":"pa`)).toMatchObject({ line: 3 });
    expect(refusal('FAIL\n').message).toBe('line 1: the line is no JSON');
    expect(refusal('[]\n').message).toMatch(/no JSON object/);
    expect(refusal('{}\n').message).toMatch(/expected a text as Action/);
    expect(refusal('{"Action":"pass","Test":"TestA"}\n').message).toMatch(/expected a text as Package/);
    expect(refusal(report(START, END, { Action: 'pass', Test: 'TestA' })).message).toMatch(
      /goes on after its end/,
    );
    expect(refusal(report({ Action: 'succeed', Test: 'TestA' })).message).toMatch(/"succeed" is not known/);
    expect(refusal(report({ Action: 'run', Test: '' })).message).toMatch(/without a name/);
    expect(refusal(report({ Action: 'run' })).message).toMatch(/a run of no test/);
    expect(refusal(report({ Action: 'output', Output: 1 })).message).toMatch(/expected a text as Output/);
  });

  test('beyond a limit is refused: tests, lines, names', () => {
    const limits = { ...DEFAULT_REPORT_LIMITS, maxCases: 2, maxLineLength: 80, maxNameLength: 10 };
    const passes = ['A', 'B', 'C'].map((name) => ({ Action: 'pass', Test: name }));
    expect(refusal(report(...passes, END), limits).message).toMatch(/more than 2 tests or packages/);
    expect(refusal(report({ Action: 'output', Output: 'x'.repeat(80) }), limits).message).toMatch(
      /80 characters/,
    );
    expect(refusal(report({ Action: 'run', Test: 'T'.repeat(11) }), limits).message).toMatch(
      /Test has more than 10 characters/,
    );
    expect(refusal(`${'['.repeat(500_000)}\n`)).toBeInstanceOf(ReportError);
  });
});
