import { afterAll, beforeAll, expect, test } from 'vitest';
import { VerificationScope } from '../../gen/codeset/v1/sample.js';
import { Fault, VerificationState, type Verification } from '../../gen/codeset/v1/verification.js';
import { packFiles } from '../../src/samples/pack.js';
import type { TestClient } from '../rpc/client.js';
import { DOCKER_START_MS } from '../support/docker.js';
import { judge } from '../support/judging.js';
import { register, session, sh, startService, type TestService } from '../support/service.js';
import { TEST_IMAGE } from '../support/test-image.js';

// Names decide what Python loads: an agent may put its own tests where the hidden ones are looked for, and touch
// neither them nor the runner. Seen by this project's own reviewers.

const { PATCH, WORKSPACE } = VerificationScope;

/** Judged by unittest, which loads the hidden tests by their module's name. */
function sums(): AsyncIterable<Buffer> {
  const text = (path: string, content: string, executable = false) => ({ path, content, executable });
  return packFiles([
    text(
      'sample.yaml',
      `sample_id: sums
dataset: try
description: A sum that subtracts.
environment: {host: {requires: [python3]}, image: ${TEST_IMAGE}}
verification:
  command: [verification/run]
  timeout: 1m
  grading: exit_code
  protected_paths: [tests/test_hidden.py]
`,
    ),
    text('task.md', 'The sum of 1 and 2 should be 3.\n'),
    text('codebase/m.py', 'def add(a, b):\n    return a - b\n'),
    text('codebase/tests/test_visible.py', 'import m\n'),
    text(
      'verification/run',
      `#!/bin/sh
set -e
install -m 644 "$CODESET_VERIFICATION_DIR/test_hidden.py" tests/test_hidden.py
find . -newer tests/test_hidden.py ! -path './tests*'
as-subject python3 -m unittest tests.test_hidden
`,
      true,
    ),
    text(
      'verification/test_hidden.py',
      `import unittest
import m

class Sums(unittest.TestCase):
    def test_adds(self):
        self.assertEqual(m.add(1, 2), 3)
`,
    ),
  ]) as AsyncIterable<Buffer>;
}

const TESTS = 'import unittest\nclass Sums(unittest.TestCase):\n    def test_adds(self): pass\n';
const compiled = (text: string, to: string): string => `python3 - <<'END'
import os, py_compile, sys
with open("/tmp/x.py", "w") as file: file.write(${JSON.stringify(text)})
name = ${JSON.stringify(to)}.replace("TAG", sys.implementation.cache_tag)
os.makedirs(os.path.dirname(name) or ".", exist_ok=True)
py_compile.compile("/tmp/x.py", cfile=name, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
END`;
const written = (path: string, text: string): string => `cat > ${path} <<'END'\n${text}END`;

const CHEATS: Readonly<Record<string, string>> = {
  'a package named as the hidden tests': `mkdir tests/test_hidden; ${written('tests/test_hidden/__init__.py', TESTS)}`,
  'a link to a package, named as they are': `mkdir own; ${written('own/__init__.py', TESTS)}
ln -s ../own tests/test_hidden`,
  'a module named as their folder, which leads to others': `mkdir own; ${written('own/test_hidden.py', TESTS)}
${written('tests.py', 'import os\n__path__ = [os.getcwd() + "/own"]\n')}`,
  'a link named as the runner': `mkdir own; touch own/__init__.py own/__main__.py; ln -s own unittest`,
  'bytecode of others beside them': compiled(TESTS, 'tests/__pycache__/test_hidden.TAG.pyc'),
  'bytecode of another program beside its own': compiled(
    'def add(a, b): return 3\n',
    '__pycache__/m.TAG.pyc',
  ),
};
const FIX = "sed -i 's/a - b/a + b/' m.py";

let service: TestService;
let admin: TestClient;

beforeAll(async () => {
  service = await startService();
  admin = service.admin;
  await register(admin, sums());
}, DOCKER_START_MS);

afterAll(async () => {
  await service?.[Symbol.asyncDispose]();
});

/** What is judged of it in both scopes. */
async function judged(line: string): Promise<readonly (Verification | undefined)[]> {
  const { id } = await session(admin, 'sums');
  expect(await sh(admin, id, line)).toMatchObject({ code: 0, stderr: '' });
  const { verifications } = admin;
  const ended = [PATCH, WORKSPACE].map(async (scope) => {
    const { verification } = await verifications.startVerification({
      subject: { $case: 'sessionId', value: id },
      scope,
    });
    const { verificationId = '' } = verification ?? {};
    for await (const _ of verifications.watchVerification({ verificationId }));
    return (await verifications.getVerification({ verificationId })).verification;
  });
  const both = await Promise.all(ended);
  await admin.sessions.closeSession({ sessionId: id });
  return both;
}

test.each(Object.entries(CHEATS))('%s is not loaded in their place', async (_, line) => {
  const failed = { state: VerificationState.FAILED, fault: Fault.SUBJECT };
  expect(await judged(line)).toMatchObject([failed, failed]);
});

test('an honest agent that has left the like is judged by what it did', async () => {
  const passed = { state: VerificationState.PASSED };
  expect(
    await judged([FIX, ...Object.values(CHEATS).slice(3)].join('\n').replaceAll('mkdir own', 'mkdir -p own')),
  ).toMatchObject([passed, passed]);
});

test('what is dated ahead is older than the hidden tests, so that no build tool takes it for made from them', async () => {
  const { id } = await session(admin, 'sums');
  await sh(
    admin,
    id,
    `${FIX}; echo > test_hidden.o; touch -d '+3 seconds' m.py; touch -d 2199-01-01 test_hidden.o .`,
  );
  const { verification, log } = await judge(admin, { sessionId: id });
  expect(verification.state).toBe(VerificationState.PASSED);
  expect(log).not.toMatch(/^\.\//m);
  await admin.sessions.closeSession({ sessionId: id });
});
