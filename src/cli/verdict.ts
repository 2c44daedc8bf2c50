import type { Verification } from '../client/types.js';
import { didAsAsked, type TestVerdict } from '../client/verdict.js';
import { fault, feedback, testList, testStatus, verificationState } from '../client/words.js';
import { printable, type Output } from './output.js';

/** Rewards with names that a line shows. */
const MAX_SCORES = 8;

/** A verification's end for people: its tests, then the verdict. */
export function showVerdict(out: Output, verification: Verification): void {
  const { result } = verification;
  const tests = result?.tests ?? [];
  for (const test of tests) {
    const status = testStatus(test.status) as TestVerdict['status'];
    const list = testList(test.list) as TestVerdict['list'];
    const passed = didAsAsked({ status, list });
    const mark = out.paint(passed ? 'green' : status === 'SKIPPED' ? 'yellow' : 'red', status.padEnd(7));
    out.line(
      `  ${mark}  ${printable(test.name)}${list === 'UNLISTED' ? '' : out.paint('dim', `  (${list.toLowerCase()})`)}`,
    );
    const reason = passed ? '' : gist(test.message);
    if (reason !== '') out.line(`           ${printable(reason).slice(0, 200)}`);
  }
  if (result?.testsTruncated === true) out.line('  …');
  const state = verificationState(verification.state);
  const counts = [
    ['fail_to_pass', result?.failToPass] as const,
    ['pass_to_pass', result?.passToPass] as const,
    ['fail_to_fail', result?.failToFail] as const,
  ].flatMap(([list, count]) =>
    count === undefined || count.total === 0 ? [] : [`${list} ${count.passed}/${count.total}`],
  );
  const scores = Object.entries(result?.scores ?? {});
  const rewards = scores.slice(0, MAX_SCORES).map(([name, score]) => `${printable(name)} ${score}`);
  if (scores.length > rewards.length) rewards.push('…');
  if (feedback(verification.feedback) === 'VERDICT' && result !== undefined)
    rewards.push(`score ${result.score}`);
  const colour = state === 'PASSED' ? 'green' : state === 'FAILED' ? 'red' : 'yellow';
  out.line(
    [
      out.paint(colour, state),
      verification.verificationId,
      ...counts,
      ...rewards,
      printable(verification.message),
    ]
      .filter((part) => part !== '')
      .join('  '),
  );
  if (state === 'ENDED') out.line('It has ended; how, this key is not shown.');
  const whose = fault(verification.fault);
  if (whose === 'SAMPLE' || whose === 'SERVICE')
    out.line(
      `The fault is the ${whose.toLowerCase()}'s${verification.retryable ? '; it may be tried again' : ''}.`,
    );
}

/** The line that says most: the first, but of a Python traceback the one that names the exception. */
export function gist(message: string): string {
  const lines = message.split('\n').filter((line) => line.trim() !== '');
  const first = lines[0]?.trim() ?? '';
  if (!first.startsWith('Traceback')) return first;
  // Frames are indented; what the exception says may go on over many lines, a difference for instance.
  const named = lines.findLast(
    (line) => /^[A-Za-z_][\w.]*(?:: |$)/.test(line) && !line.startsWith('Traceback'),
  );
  return (named ?? lines.at(-1) ?? '').trim();
}
