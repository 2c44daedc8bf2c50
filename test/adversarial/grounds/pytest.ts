import { pytestCommand, verificationScript } from '../../../src/samples/import/verification-script.js';
import { text, type Ground } from './ground.js';

const HIDDEN_PATH = 'tests/test_hidden.py';
const HIDDEN = `import m


def test_adds():
    assert m.add(1, 2) == 3


def test_negative():
    assert m.add(-4, 9) == 5


def test_nothing():
    assert m.add(0, 0) == 0
`;

/** What the SWE-bench importer makes, with its script and its canary; the whole workspace is judged. */
export const PYTEST: Ground = {
  kind: 'pytest',
  touched: ['m.py'],
  honest: "sed -i 's/a - b/a + b/' m.py",
  programs: ['python3', 'git'],
  manifest: `  grading: swe_bench
  scope: workspace
  report: {format: junit, paths: ["**/*.xml"]}
  canary: {runner: pytest, folder: tests}
  protected_paths: [${HIDDEN_PATH}]
  fail_to_pass: ["${HIDDEN_PATH}::test_adds", "${HIDDEN_PATH}::test_negative"]
  pass_to_pass: ["${HIDDEN_PATH}::test_nothing"]
`,
  files: [
    text('codebase/m.py', 'def add(a, b):\n    return a - b\n'),
    text('codebase/tests/test_visible.py', 'import m\n\n\ndef test_there():\n    assert m.add\n'),
    text(
      'verification/run',
      verificationScript({
        changed: [{ path: HIDDEN_PATH, content: Buffer.from(HIDDEN), executable: false }],
        removed: [],
        paths: new Set([HIDDEN_PATH]),
      }),
      true,
    ),
    text('verification/test.sh', pytestCommand([HIDDEN_PATH])),
    text(`verification/files/${HIDDEN_PATH}`, HIDDEN),
  ],
};
