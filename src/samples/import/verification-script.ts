import type { PatchedTree } from './hidden-files.js';

/** One word of a POSIX shell. */
export function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** What pytest imports late, when the workspace may be first on the path. Optional ones may be missing. */
const LATE_MODULES = [
  ...[
    'ast',
    'bdb',
    'copy',
    'difflib',
    'doctest',
    'faulthandler',
    'getpass',
    'inspect',
    'json',
    'logging',
    'pdb',
  ],
  ...['platform', 'pprint', 'random', 'readline', 'site', 'tempfile', 'timeit', 'tracemalloc', 'unittest'],
  ...['unittest.mock', 'xml.etree.ElementTree', 'xml.sax.saxutils', '_pytest.junitxml', '_pytest.doctest'],
];

/**
 * Runs pytest with a JUnit report in the subject's own report folder, and the canary last. pytest, and what it
 * imports late, are found before the workspace takes part in the search, so that a planted `pytest.py` is not run in
 * its place, and then the workspace comes behind the standard library.
 */
export function pytestCommand(files: readonly string[]): string {
  const program = `import importlib, os, sys
sys.path[:] = [entry for entry in sys.path if entry not in ("", os.getcwd())]
import pytest
for name in ${JSON.stringify(LATE_MODULES.join(' '))}.split():
    try:
        importlib.import_module(name)
    except ImportError:
        pass
packages = [place for place, entry in enumerate(sys.path) if entry.endswith("-packages")]
sys.path.insert(packages[0] if packages else len(sys.path), os.getcwd())
sys.exit(pytest.main(sys.argv[1:]))
`;
  return `exec python3 -c ${quote(program)} -p no:cacheprovider -rA --junitxml="$CODESET_REPORT_DIR/report.xml" -- ${files.map(quote).join(' ')} \${CODESET_CANARY:+"$CODESET_CANARY"}\n`;
}

/**
 * A shell line that runs the tests, after which reports that it left in the workspace are handed in.
 * @param reports globs in the workspace; what is there before belongs to no run of ours, and goes
 */
export function collectingCommand(command: string, reports: readonly string[]): string {
  if (reports.length === 0) return `${command}\n`;
  const globs = reports.join(' ');
  return `rm -f ${globs}
status=0
(
${command}
) || status=$?
for report in ${globs}; do
  if [ -f "$report" ]; then cp "$report" "$CODESET_REPORT_DIR/$(printf %s "$report" | tr / _)"; fi
done
exit "$status"
`;
}

/** The script that puts hidden test files in place as root, then starts `verification/test.sh` as the subject. */
export function verificationScript(tests: PatchedTree): string {
  const lines = [
    ...tests.removed.map((file) => `drop ${quote(file)}`),
    ...tests.changed.map(({ path, executable }) => `put ${quote(path)} ${executable ? '755' : '644'}`),
  ];
  return `${PREAMBLE}\n${lines.join('\n')}\n\n${RUN}`;
}

/** A function of shell that makes the way to a path in the working directory one of folders. */
export const CLEAR_WAY = `# Where a folder on the way to the file is a link, or no folder, it makes place: nothing that the subject left
# may lead a write of root's elsewhere.
clear_way() {
  way=.
  rest=$1
  while :; do
    case $rest in
      */*) ;;
      *) break ;;
    esac
    way=$way/\${rest%%/*}
    rest=\${rest#*/}
    if [ -L "$way" ] || { [ -e "$way" ] && [ ! -d "$way" ]; }; then rm -f "$way"; fi
    [ -d "$way" ] || mkdir "$way"
  done
}
`;

const PREAMBLE = `#!/bin/sh
# Puts the test files that belong to this sample in place, then runs the tests as the subject's user. The
# report says which of them passed.
set -eu

${CLEAR_WAY}
put() {
  clear_way "$1"
  rm -rf "./$1"
  cp "$CODESET_VERIFICATION_DIR/files/$1" "./$1"
  chmod "$2" "./$1"
}

drop() {
  clear_way "$1"
  rm -rf "./$1"
}
`;

// The subject's own exit status must not pass for the script's: 126 and 127 would mean that this script is broken.
const RUN = `as-subject sh -c "$(cat "$CODESET_VERIFICATION_DIR/test.sh")" || exit 1
`;
