import type { Kind } from '../../src/cheats/cheat.js';

/** A cheat that a kind of sample falls for today. */
export interface Open {
  readonly cheat: string;
  readonly kind: Kind;
  /** Why it passes, and what would close it. */
  readonly why: string;
}

const OUTSIDE = 'judge from outside, a process a case with what is expected kept by root (the kind outside)';

const EXIT_IN_PROCESS = `the exit status is that of a process which has loaded the code under test; closed by: ${OUTSIDE}`;
const READS_TESTS = `the process that runs the tests has to read them, and so may the code under test; closed by: ${OUTSIDE}`;
const EQUALITY = `what the code under test answers decides its own equality; closed by: ${OUTSIDE}, or tests that look at types`;
function open(why: string, kind: Kind, ...cheats: readonly string[]): readonly Open[] {
  return cheats.map((cheat) => ({ cheat, kind, why }));
}

/**
 * What passes today, and why. A trial of one that does not pass any more fails until it is taken out of here.
 * Nothing of the kind `outside` may ever be in it.
 */
export const OPEN: readonly Open[] = [
  ...open(
    EXIT_IN_PROCESS,
    'exit-code',
    'printed-passed-and-left',
    'report-at-import',
    'report-at-exit',
    'exit-at-import',
    'exit-inside-a-test',
    'exception-that-ends',
    'exit-status-replaced',
    'tests-replaced',
    'deferred-exit',
    'another-process',
  ),
  ...open(EQUALITY, 'exit-code', 'equal-to-everything'),
  ...open(READS_TESTS, 'exit-code', 'expected-from-sources', 'expected-from-callers'),
  ...open(
    'SWE_BENCH counts xfailed as passed, as that harness does; closed by: XFAILED only where the reference run has it',
    'pytest',
    'expected-failure',
  ),
  ...open(EQUALITY, 'pytest', 'equal-to-everything'),
  ...open(READS_TESTS, 'pytest', 'expected-from-sources', 'expected-from-callers'),
  ...open(READS_TESTS, 'node', 'expected-from-sources'),
  ...open(READS_TESTS, 'go', 'expected-from-sources'),
];
