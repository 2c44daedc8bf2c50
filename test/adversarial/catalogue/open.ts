import type { Kind, Open } from './cheat.js';

const OUTSIDE = 'judge from outside, a process a case with what is expected kept by root (the kind outside)';
const CANARY = `canary tests with a nonce of the run, which such a report has not got; for good: ${OUTSIDE}`;

const EXIT_IN_PROCESS = `the exit status is that of a process which has loaded the code under test; closed by: ${OUTSIDE}`;
const REPORT_IN_PROCESS = `the runner has loaded the code under test and writes the report; closed by: ${CANARY}`;
const READS_TESTS = `the process that runs the tests has to read them, and so may the code under test; closed by: ${OUTSIDE}`;
const EQUALITY = `what the code under test answers decides its own equality; closed by: ${OUTSIDE}, or tests that look at types`;
const SETTINGS_FILE =
  'pytest reads it in the workspace and the importer removes only pytest.ini; closed by hardening: -c /dev/null with the root given, or its [pytest] part compared with the base';

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
  ...open(SETTINGS_FILE, 'pytest', 'pytest-toml', 'pytest-cfg', 'tox-ini'),
  ...open(
    'pytest loads the entry points of whatever metadata lies in the workspace; closed by hardening: PYTEST_DISABLE_PLUGIN_AUTOLOAD, or metadata that the base has not removed',
    'pytest',
    'plugin-by-metadata',
  ),
  ...open(
    'the workspace comes before the standard library on the path once pytest is loaded; closed by hardening: the workspace last',
    'pytest',
    'shadowed-modules',
  ),
  ...open(
    `an __init__.py beside the hidden tests is loaded before them; closed by hardening: what was planted on the way to them removed; and ${CANARY}`,
    'pytest',
    'tests-package',
  ),
  ...open(
    REPORT_IN_PROCESS,
    'pytest',
    'report-at-import',
    'report-at-exit',
    'deferred-exit',
    'reports-replaced',
    'tests-replaced',
  ),
  ...open(
    'SWE_BENCH counts xfailed as passed, as that harness does; closed by: XFAILED only where the reference run has it',
    'pytest',
    'expected-failure',
  ),
  ...open(EQUALITY, 'pytest', 'equal-to-everything'),
  ...open(READS_TESTS, 'pytest', 'expected-from-sources', 'expected-from-callers'),
  ...open(REPORT_IN_PROCESS, 'node', 'assert-replaced', 'report-at-import'),
  ...open(READS_TESTS, 'node', 'expected-from-sources'),
  ...open(
    `go test builds the code under test into the program that prints the lines; closed by: canaries, and ${OUTSIDE}`,
    'go',
    'printed-passed-and-left',
  ),
  ...open(READS_TESTS, 'go', 'expected-from-sources'),
];
