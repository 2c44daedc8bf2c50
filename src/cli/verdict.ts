import type { Verification } from '../client/types.js';
import { fault, testList, testStatus, verificationState } from '../client/words.js';
import { printable, type Output } from './output.js';

const PASSED = new Set(['PASSED', 'XFAILED']);

/** A verification's end for people: its tests, then the verdict. */
export function showVerdict(out: Output, verification: Verification): void {
  const { result } = verification;
  const tests = result?.tests ?? [];
  for (const test of tests) {
    const status = testStatus(test.status);
    const passed = PASSED.has(status);
    const mark = out.paint(passed ? 'green' : status === 'SKIPPED' ? 'yellow' : 'red', status.padEnd(7));
    const list = testList(test.list);
    out.line(
      `  ${mark}  ${printable(test.name)}${list === 'UNLISTED' ? '' : out.paint('dim', `  (${list.toLowerCase()})`)}`,
    );
    const reason = passed ? '' : gist(test.message);
    if (reason !== '') out.line(`           ${printable(reason).slice(0, 200)}`);
  }
  if (result?.testsTruncated === true) out.line('  …');
  const state = verificationState(verification.state);
  const counts = [
    ...(result?.failToPass === undefined || result.failToPass.total === 0
      ? []
      : [`fail_to_pass ${result.failToPass.passed}/${result.failToPass.total}`]),
    ...(result?.passToPass === undefined || result.passToPass.total === 0
      ? []
      : [`pass_to_pass ${result.passToPass.passed}/${result.passToPass.total}`]),
  ];
  const colour = state === 'PASSED' ? 'green' : state === 'FAILED' ? 'red' : 'yellow';
  out.line(
    [out.paint(colour, state), verification.verificationId, ...counts, printable(verification.message)]
      .filter((part) => part !== '')
      .join('  '),
  );
  const whose = fault(verification.fault);
  if (whose === 'SAMPLE' || whose === 'SERVICE')
    out.line(
      `The fault is the ${whose.toLowerCase()}'s${verification.retryable ? '; it may be tried again' : ''}.`,
    );
}

/** The line that says most: the first, but of a Python traceback the last. */
function gist(message: string): string {
  const lines = message
    .trim()
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  return (lines[0]?.startsWith('Traceback') === true ? lines.at(-1) : lines[0]) ?? '';
}
