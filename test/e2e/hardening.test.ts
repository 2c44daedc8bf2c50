import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  Fault,
  VerdictReason,
  VerificationState,
  type Verification,
} from '../../gen/codeset/v1/verification.js';
import { packFiles, type MemoryFile } from '../../src/samples/pack.js';
import type { TestClient } from '../rpc/client.js';
import { TEST_IMAGE } from '../support/docker.js';
import { judge } from '../support/judging.js';
import { register, session, sh, startService, type TestService } from '../support/service.js';

let service: TestService;
let admin: TestClient;

function sample(
  sampleId: string,
  verification: string,
  run: string,
  codebase: Readonly<Record<string, string>>,
): AsyncIterable<Buffer> {
  const files: MemoryFile[] = Object.entries(codebase).map(([path, content]) => ({
    path: `codebase/${path}`,
    content,
  }));
  const manifest = `sample_id: ${sampleId}
dataset: hardening
environment: {host: {requires: []}, image: ${TEST_IMAGE}}
verification:
  timeout: 20s
${verification}
`;
  return packFiles([
    { path: 'sample.yaml', content: manifest },
    { path: 'task.md', content: 'Make it pass.\n' },
    ...files,
    { path: 'verification/run', content: `#!/bin/sh\n${run}`, executable: true },
  ]) as AsyncIterable<Buffer>;
}

const CANARY = `  fail_to_pass: [answers]
  report: {format: tap, paths: ["*.tap"]}
  canary:
    path: "tests/{{nonce}}.txt"
    content: "canary {{nonce}}"`;
// The "runner" is the subject's: it is told of one file of tests, and of the canary.
const RUN_CANARY = `as-subject sh ./runner.sh "$CODESET_CANARY" > "$CODESET_REPORT_DIR/report.tap"
stat -c 'canary of %u, mode %a' "$CODESET_CANARY"
exit 1
`;

beforeAll(async () => {
  service = await startService({ diskReserve: '64MiB' });
  admin = service.admin;
  const telling =
    'find . -name .git -prune -o -type f -print0 | sort -z | xargs -0 -n 1 sh -c \'echo "== $1"; cat "$1"\' sh\n';
  await register(
    admin,
    sample(
      'telling',
      '  grading: exit_code\n  protected_paths: [tests/test_a.py]\n  hardening: {keep: [kept/conftest.py]}',
      telling,
      {
        'conftest.py': 'the sample’s\n',
        'pytest.ini': 'the sample’s\n',
        'kept/conftest.py': 'the sample’s\n',
        'pyproject.toml': '[project]\nname = "sum"\n\n[tool.pytest]\nx = 1\n',
        'tests/test_a.py': 'the sample’s\n',
      },
    ),
  );
  await register(admin, sample('canaried', CANARY, RUN_CANARY, { 'runner.sh': 'exit 1\n' }));
}, 120_000);

afterAll(async () => {
  await service?.[Symbol.asyncDispose]();
});

/** What the service found when an agent ran this line in its workspace. */
async function judged(sampleId: string, line: string): Promise<{ verification: Verification; log: string }> {
  const { id } = await session(admin, sampleId);
  expect(await sh(admin, id, line)).toMatchObject({ code: 0 });
  const ended = await judge(admin, { sessionId: id });
  await admin.sessions.closeSession({ sessionId: id });
  return ended;
}

test('what a test runner would pick up is as the sample has it, the rest is as the agent left it, and it is told', async () => {
  const { verification, log } = await judged(
    'telling',
    `echo mine | tee conftest.py kept/conftest.py jest.config.js tests/__init__.py m.py > /dev/null
rm pytest.ini; ln -s m.py sitecustomize.py
printf '[project]\\nname = "mine"\\n\\n[tool.pytest]\\nx = 2\\n' > pyproject.toml
printf '{"name": "mine", "scripts": {"test": "exit 0"}}' > package.json
ln -s m.py setup.cfg; touch "$(printf 'a\\377b')" "$(printf 'new\\nline')"`,
  );
  expect(VerificationState[verification.state]).toBe('PASSED');
  expect(log.replace(/== .\/(?:a|new)[^]*?(?=== )/g, '')).toBe(`== ./conftest.py
the sample’s
== ./kept/conftest.py
mine
== ./m.py
mine
== ./package.json
{
  "name": "mine",
  "scripts": {}
}
== ./pyproject.toml
[project]
name = "mine"

[tool.pytest]
x = 1
== ./pytest.ini
the sample’s
== ./tests/test_a.py
the sample’s
`);
  expect(verification.message).toBe(
    'EXIT_CODE: exit status 0, and only 0 passes. Test runners would have picked up what is the sample’s to say, so this was judged as the sample has it: conftest.py (put back), jest.config.js (removed), pytest.ini (put back), sitecustomize.py (removed), tests/__init__.py (removed), and 3 more.',
  );
}, 90_000);

test('of a subject that changed nothing of the sort nothing is told', async () => {
  const { verification } = await judged('telling', 'echo mine > m.py; echo mine > tests/test_a.py');
  expect(verification.message).toBe('EXIT_CODE: exit status 0, and only 0 passes.');
}, 90_000);

test('a run that reports its canary failed passes by its rule, each with a nonce of its own', async () => {
  const honest = `cat > runner.sh <<'END'
echo 1..2; echo 'ok 1 - answers'; echo "not ok 2 - $(cat "$1")"
END`;
  const one = await judged('canaried', honest);
  const other = await judged('canaried', honest);
  for (const { verification, log } of [one, other]) {
    expect(VerificationState[verification.state]).toBe('PASSED');
    expect(verification.result).toMatchObject({ reason: VerdictReason.RULE, score: 1 });
    expect(verification.result?.tests.map(({ name }) => name)).toEqual(['answers']);
    expect(log).toBe('canary of 0, mode 644\n');
  }
  // The canary is ours, and no part of what was judged.
  expect(other.verification.subjectDigest).toBe(one.verification.subjectDigest);
}, 90_000);

test('a canary that passed, or is missing, is FAILED with the reason TAMPERED', async () => {
  for (const line of ['"ok 2 - $(cat "$1")"', '"ok 2 - another"', '"not ok 2 - canary # TODO"']) {
    const { verification } = await judged(
      'canaried',
      `printf '%s\\n' 'echo 1..2; echo "ok 1 - answers"' 'echo ${line}' > runner.sh`,
    );
    expect([VerificationState[verification.state], Fault[verification.fault]]).toEqual(['FAILED', 'SUBJECT']);
    expect(verification.result).toMatchObject({ reason: VerdictReason.TAMPERED, score: 0 });
    expect(verification.message).toContain('was tampered with');
  }
}, 90_000);

test('a run that only failed, or broke off, is not called tampered with', async () => {
  for (const lines of [`echo 1..2; echo "not ok 1 - answers"; echo "not ok 2 - $(cat "$1")"`, 'exit 3']) {
    const { verification } = await judged('canaried', `cat > runner.sh <<'END'\n${lines}\nEND`);
    expect(VerificationState[verification.state]).toBe('FAILED');
    expect(verification.result?.reason).toBe(VerdictReason.RULE);
  }
}, 90_000);

test('what lies in the way of the canary is the subject’s doing', async () => {
  const { verification } = await judged('canaried', 'echo > tests');
  expect([VerificationState[verification.state], Fault[verification.fault]]).toEqual(['FAILED', 'SUBJECT']);
}, 90_000);
