import { text, type Ground } from './ground.js';

/** `go test -json` in the workspace; what it prints is the report, in a file of root's. */
export const GO: Ground = {
  kind: 'go',
  touched: ['add.go'],
  honest: "sed -i 's/a - b/a + b/' add.go",
  programs: ['go', 'git'],
  image: 'golang:1.24',
  resources: '{cpus: 2, memory: 1GiB, processes: 256, disk: 1GiB}',
  // Compiled once: the standard library takes longer than everything else here.
  environment: `  prepare: ["go test -vet=off -count=1 . && chmod -R a+rwX /opt/go-cache"]
`,
  manifest: `  grading: all_listed
  report: {format: go-json, paths: [report.json]}
  canary: {runner: go, package: add}
  remove: ["**/*_test.go", go.work]
  protected_paths: [go.mod]
  fail_to_pass: [TestAdds, TestNegative]
  pass_to_pass: [TestNothing]
`,
  files: [
    text('codebase/go.mod', 'module example.com/add\n\ngo 1.20\n'),
    text('codebase/add.go', 'package add\n\nfunc Add(a, b int) int {\n\treturn a - b\n}\n'),
    text(
      'codebase/visible_test.go',
      'package add\n\nimport "testing"\n\nfunc TestThere(t *testing.T) { _ = Add(0, 0) }\n',
    ),
    text(
      'verification/run',
      `#!/bin/sh
set -u
rm -rf ./hidden_test.go
install -m 644 "$CODESET_VERIFICATION_DIR/hidden_test.go" ./hidden_test.go || exit 2
as-subject go test -json -vet=off -count=1 . > "$CODESET_REPORT_DIR/report.json"
status=$?
cat "$CODESET_REPORT_DIR/report.json"
exit "$status"
`,
      true,
    ),
    text(
      'verification/hidden_test.go',
      `package add

import "testing"

func expect(t *testing.T, got, want int) {
	t.Helper()
	if got != want {
		t.Fatalf("got %d, want %d", got, want)
	}
}

func TestAdds(t *testing.T)     { expect(t, Add(1, 2), 3) }
func TestNegative(t *testing.T) { expect(t, Add(-4, 9), 5) }
func TestNothing(t *testing.T)  { expect(t, Add(0, 0), 0) }
`,
    ),
  ],
};

/** Where the compiled standard library is kept, and no program of another version is fetched. */
export const GO_ENV: Readonly<Record<string, string>> = {
  GOCACHE: '/opt/go-cache',
  GOFLAGS: '-buildvcs=false',
  GOTOOLCHAIN: 'local',
  CGO_ENABLED: '0',
};
