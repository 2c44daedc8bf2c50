import { text, type Ground } from './ground.js';

/**
 * Node's own runner, which runs each file of tests in a process of its own: the canary's has to load the code under
 * test to see what becomes of it there.
 */
export const NODE: Ground = {
  kind: 'node',
  touched: ['add.js'],
  honest: "sed -i 's/a - b/a + b/' add.js",
  programs: ['node', 'git'],
  image: 'node:22-slim',
  manifest: `  grading: all_listed
  report: {format: junit, paths: [report.xml]}
  protected_paths: [test/]
  canary:
    path: "canary_{{nonce}}.test.mjs"
    content: |
      import assert from 'node:assert/strict';
      import test from 'node:test';
      await import('./add.js');
      test('canary {{nonce}}', () => assert.equal(1 + 1, 3));
    tests: ["canary {{nonce}}"]
  fail_to_pass: [adds, adds what is below nothing]
  pass_to_pass: [nothing and nothing]
`,
  files: [
    text('codebase/package.json', '{"name": "add", "version": "1.0.0", "type": "module"}\n'),
    text('codebase/add.js', 'export function add(a, b) {\n  return a - b;\n}\n'),
    text('codebase/test/visible.test.js', "import '../add.js';\n"),
    text(
      'verification/run',
      `#!/bin/sh
set -eu
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
cp "$CODESET_VERIFICATION_DIR/hidden.test.mjs" "$stage/"
chmod -R u=rwX,go=rX "$stage"
export SUBJECT_WORKSPACE="$PWD"
as-subject sh -c 'exec node --test --test-reporter=spec --test-reporter-destination=stdout --test-reporter=junit --test-reporter-destination="$CODESET_REPORT_DIR/report.xml" "$@"' sh "$stage/hidden.test.mjs" "$CODESET_CANARY" || exit 1
`,
      true,
    ),
    text(
      'verification/hidden.test.mjs',
      `import assert from 'node:assert/strict';
import test from 'node:test';
import { pathToFileURL } from 'node:url';

const { add } = await import(pathToFileURL(\`\${process.env.SUBJECT_WORKSPACE}/add.js\`).href);

test('adds', () => assert.equal(add(1, 2), 3));
test('adds what is below nothing', () => assert.equal(add(-4, 9), 5));
test('nothing and nothing', () => assert.equal(add(0, 0), 0));
`,
    ),
  ],
};
