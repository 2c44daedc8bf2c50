import { NONCE_MARK } from '../core/canary.js';
import type { CanarySpec } from '../core/sample.js';
import type { TextRule, YamlSection } from './yaml-section.js';

export const CANARY_RUNNERS = ['pytest', 'node', 'vitest', 'jest', 'mocha', 'go'] as const;
type CanaryRunner = (typeof CANARY_RUNNERS)[number];

const WHY = 'Has to fail: a run that says that it passed, or says nothing of it, was tampered with.';

/** Each fails by each way that tests of its runner usually fail by. */
const MADE: Readonly<Record<CanaryRunner, (goPackage: string) => CanarySpec>> = {
  pytest: () => ({
    path: `test_codeset_${NONCE_MARK}.py`,
    content: `# ${WHY}
import unittest


def test_${NONCE_MARK}_assert():
    assert 1 + 1 == 3


def test_${NONCE_MARK}_raise():
    raise RuntimeError("a canary")


class Test_${NONCE_MARK}(unittest.TestCase):
    def test_${NONCE_MARK}_unittest(self):
        self.assertEqual(1 + 1, 3)
`,
    tests: ['assert', 'raise', 'unittest'].map((way) => `test_${NONCE_MARK}_${way}`),
  }),
  node: () =>
    scripted(
      'test.mjs',
      "import assert from 'node:assert/strict';\nimport test from 'node:test';\n\n",
      'test',
      'assert.equal(1 + 1, 3)',
    ),
  vitest: () =>
    scripted('test.mjs', "import { expect, test } from 'vitest';\n\n", 'test', 'expect(1 + 1).toBe(3)'),
  jest: () => scripted('test.js', '', 'test', 'expect(1 + 1).toBe(3)'),
  mocha: () =>
    scripted('test.cjs', "const assert = require('node:assert/strict');\n\n", 'it', 'assert.equal(1 + 1, 3)'),
  go: (goPackage) => ({
    path: `codeset_${NONCE_MARK}_test.go`,
    content: `package ${goPackage}

import "testing"

// ${WHY}
func TestCodeset_${NONCE_MARK}_error(t *testing.T) {
	if 1+1 != 3 {
		t.Error("a canary")
	}
}

func TestCodeset_${NONCE_MARK}_fatal(t *testing.T) { t.Fatal("a canary") }
`,
    tests: ['error', 'fatal'].map((way) => `TestCodeset_${NONCE_MARK}_${way}`),
  }),
};

function scripted(ending: string, head: string, word: string, assertion: string): CanarySpec {
  return {
    path: `codeset_${NONCE_MARK}.${ending}`,
    content: `// ${WHY}
${head}${word}('${NONCE_MARK} assert', () => {
  ${assertion};
});
${word}('${NONCE_MARK} throw', () => {
  throw new Error('a canary');
});
`,
    tests: ['assert', 'throw'].map((way) => `${NONCE_MARK} ${way}`),
  };
}

/**
 * A sample's `canary`: made for a runner, or the sample's own.
 * @param path what paths in the workspace look like.
 */
export function canaryOf(verification: YamlSection, path: TextRule): CanarySpec | undefined {
  const section = verification.section('canary');
  if (section === undefined) return undefined;
  const canary = section.has('runner') ? madeFor(section, path) : ownOf(section, path);
  section.finish();
  return canary;
}

function madeFor(section: YamlSection, path: TextRule): CanarySpec {
  const runner = section.choice('runner', CANARY_RUNNERS, 'pytest');
  const folder = section.text('folder', path, '').replace(/\/+$/, '');
  const goPackage = section.text(
    'package',
    { maxLength: 256, pattern: /^[\p{L}_][\p{L}\p{N}_]*$/u, expected: 'the name of a Go package' },
    '',
  );
  if (runner === 'go' && goPackage === '')
    section.problem('package', 'is missing; expected the Go package that the canary belongs to');
  if (runner !== 'go' && goPackage !== '') section.problem('package', 'is of runner: go alone; leave it out');
  const made = MADE[runner](goPackage);
  return folder === '' ? made : { ...made, path: `${folder}/${made.path}` };
}

function ownOf(section: YamlSection, path: TextRule): CanarySpec {
  const expected = `a file of tests that have to fail, with ${NONCE_MARK} in their names`;
  const canary: CanarySpec = {
    path: section.requiredText('path', path),
    content: section.requiredText('content', { maxLength: 64 * 1024, pattern: /\S/, expected }),
    tests: section.texts(
      'tests',
      { maxItems: 100, maxLength: 4096, pattern: /\S/, expected: 'the name of a test' },
      [],
    ),
  };
  if (canary.content !== '' && !canary.content.includes(NONCE_MARK))
    section.problem('content', `expected ${expected}`);
  for (const name of canary.tests)
    if (!name.includes(NONCE_MARK)) section.problem('tests', `expected ${NONCE_MARK} in each name`);
  return canary;
}
