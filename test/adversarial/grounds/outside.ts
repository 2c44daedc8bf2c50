import { text, type Ground } from './ground.js';

/** The closed way: one process a case, what is expected is in the script alone, which is root's. */
export const OUTSIDE: Ground = {
  kind: 'outside',
  touched: ['add.py'],
  honest: "sed -i 's/a - b/a + b/' add.py",
  programs: ['python3', 'git'],
  manifest: `  grading: all_listed
  scope: patch
  report: {format: junit, paths: [report.xml]}
  protected_paths: [tests/]
  fail_to_pass: ["add::adds", "add::negative"]
  pass_to_pass: ["add::nothing"]
`,
  files: [
    text(
      'codebase/add.py',
      `import sys


def add(a, b):
    return a - b


if __name__ == "__main__":
    print(add(int(sys.argv[1]), int(sys.argv[2])))
`,
    ),
    text('codebase/tests/cases', '0 0\n'),
    text(
      'verification/run',
      `#!/bin/sh
set -u
report=$CODESET_REPORT_DIR/report.xml
failures=0

# one NAME A B EXPECTED
one() {
  got=$(as-subject timeout 5 python3 ./add.py "$2" "$3" 2>&1)
  status=$?
  if [ "$status" -eq 0 ] && [ "$got" = "$4" ]; then
    echo "<testcase classname=\\"add\\" name=\\"$1\\"/>" >> "$report"
  else
    echo "FAILED $1 (exit status $status): $got"
    failures=$((failures + 1))
    echo "<testcase classname=\\"add\\" name=\\"$1\\"><failure message=\\"exit status $status, or another sum\\"/></testcase>" >> "$report"
  fi
}

echo '<testsuite name="add">' > "$report"
one adds 1 2 3
one negative -4 9 5
one nothing 0 0 0
echo '</testsuite>' >> "$report"
[ "$failures" -eq 0 ]
`,
      true,
    ),
  ],
};
