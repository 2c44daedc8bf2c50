// Cheats that take a sample of their own; those that any sample can be tried with are in the catalogue.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Fault, VerificationState, type Verification } from '../../gen/codeset/v1/verification.js';
import type { TestClient } from '../rpc/client.js';
import type { MemoryFile } from '../../src/samples/pack.js';
import { packFiles } from '../../src/samples/pack.js';
import { TEST_IMAGE } from '../support/docker.js';
import { judge } from '../support/judging.js';
import {
  needsMemoryLimit,
  register,
  session,
  sh,
  startService,
  type TestService,
} from '../support/service.js';

let service: TestService;
let admin: TestClient;

const text = (path: string, content: string, executable = false): MemoryFile => ({
  path,
  content,
  executable,
});

interface SampleOptions {
  readonly manifest?: string;
  readonly user?: string;
  readonly workdir?: string;
  readonly interpreter?: string;
  readonly command?: string;
  readonly grading?: string;
  readonly run: string;
  readonly files?: readonly MemoryFile[];
}

/** A codebase whose `subject.sh` is what an agent writes; `run` judges it. */
function sample(sampleId: string, options: SampleOptions): AsyncIterable<Buffer> {
  const environment = `{host: {requires: [git]}, image: ${TEST_IMAGE}, user: ${options.user ?? 'agent'}, workdir: ${options.workdir ?? '/workspace'}}`;
  return packFiles([
    text(
      'sample.yaml',
      `sample_id: ${sampleId}
dataset: cheats
description: A subject to be judged.
environment: ${environment}
resources: {memory: 256MiB, processes: 64, disk: 256MiB}
${options.manifest ?? ''}
verification:
  command: ${options.command ?? '[verification/run]'}
  timeout: 20s
  protected_paths: [a/tests/, ":(top)x", "sp*t"]
  remove: ["**/conftest.py"]
${options.grading ?? '  grading: exit_code'}
`,
    ),
    text('task.md', 'Make it pass.\n'),
    text('codebase/subject.sh', 'exit 1\n'),
    text('codebase/a/tests/expected', 'right\n'),
    text('codebase/:(top)x', 'right\n'),
    text('codebase/sp*t', 'right\n'),
    text('codebase/inner/file', 'a folder of the agent\n'),
    text('codebase/spilt', 'the agent may change it\n'),
    text('verification/run', `#!${options.interpreter ?? '/bin/sh'}\n${options.run}`, true),
    ...(options.files ?? []),
  ]) as AsyncIterable<Buffer>;
}

beforeAll(async () => {
  service = await startService({ diskReserve: '64MiB' });
  admin = service.admin;
}, 120_000);

afterAll(async () => {
  await service?.[Symbol.asyncDispose]();
});

/** What an agent leaves is judged. */
async function judged(sampleId: string, line: string): Promise<{ verification: Verification; log: string }> {
  const { id } = await session(admin, sampleId);
  const done = await sh(admin, id, line);
  if (done.code !== 0) throw new Error(`The agent's line failed (${done.code}): ${done.stderr}`);
  const ended = await judge(admin, { sessionId: id });
  await admin.sessions.closeSession({ sessionId: id });
  return ended;
}

/** State, fault and attempt, with what else a failing test wants to know. */
function verdictOf({ verification, log }: { verification: Verification; log: string }): string {
  const { state, fault, message, attempt } = verification;
  return `${VerificationState[state]} ${Fault[fault]} ${attempt}: ${message}\n${log.slice(-500)}`;
}

const BLAMED = /^FAILED SUBJECT 1: /;

describe('an agent cannot bring about ERROR', () => {
  beforeAll(async () => {
    await register(admin, sample('plain', { run: 'exec as-subject sh ./subject.sh\n' }));
  }, 60_000);

  // Seen: reference/failure-tests.md, 17: a fast 137 is out-of-memory.
  test('by taking all memory', async ({ skip }) => {
    const { id } = await session(admin, 'plain');
    await needsMemoryLimit(admin, id, skip);
    const subject = 'x=$(head -c 1000000000 /dev/zero | tr "\\\\0" a); exit 1';
    expect(verdictOf(await judged('plain', `cat > subject.sh <<'END'\n${subject}\nEND\n`))).toMatch(BLAMED);
  }, 90_000);

  // Seen: reference/failure-tests.md, 27 (sparse files, FIFOs); peers.md (output bounded by few).
  test('by reports without end', async () => {
    await register(
      admin,
      sample('reporting', {
        grading:
          '  grading: all_listed\n  report: {format: junit, paths: ["*.xml"]}\n  fail_to_pass: ["t::one"]',
        run: 'as-subject sh ./subject.sh\nexit 0\n',
      }),
    );
    const ok = '<testsuite><testcase classname="t" name="one"/></testsuite>';
    for (const subject of [
      `truncate -s 1T "$CODESET_REPORT_DIR/big.xml"`,
      `head -c 40000000 /dev/zero > "$CODESET_REPORT_DIR/big.xml"`,
      `for i in $(seq 300); do echo '${ok}' > "$CODESET_REPORT_DIR/$i.xml"; done; echo '<a>' > "$CODESET_REPORT_DIR/x.xml"`,
      `ln -s /etc/passwd "$CODESET_REPORT_DIR/big.xml"; mkfifo "$CODESET_REPORT_DIR/a.xml"`,
    ]) {
      expect(verdictOf(await judged('reporting', `cat > subject.sh <<'END'\n${subject}\nEND\n`))).toMatch(
        BLAMED,
      );
    }
  }, 120_000);

  // Seen: here, when copies of trees got longer names than their subjects.
  test('by a path that can be copied once and, under a longer name, not again', async () => {
    const copy = `${service.dataDir}/layers/.new-kept-${'v'.repeat('ver_1m8a0fbx5g3hhkpz705vvg'.length)}-12345678/tree/`;
    // Of root's, so that the judged tree has to give it back and holds it anew.
    const line = `import os
room = ${4095 - copy.length}
while room > 110:
  os.mkdir("d" * 100)
  os.chdir("d" * 100)
  room -= 101
open("f" * room, "w")
`;
    const { id } = await session(admin, 'plain');
    const { exec } = await admin.sessions.runCommand({
      sessionId: id,
      spec: { user: 'root', command: { $case: 'argv', value: { args: ['python3', '-c', line] } } },
    });
    expect(exec?.result?.status).toEqual({ $case: 'exitCode', value: 0 });
    const ended = await judge(admin, { sessionId: id });
    expect(verdictOf(ended)).toMatch(BLAMED);
    // Where root and agent have one id, the file is the agent's already, and stays where it is.
    if (process.getuid?.() === 0) expect(ended.verification.message).toContain('too deep');
    await admin.sessions.closeSession({ sessionId: id });
  }, 60_000);

  // Seen: issue 6, 3 (what exceeds the bounds is the subject's fault).
  test('by a difference that no patch can hold', async () => {
    await register(
      admin,
      sample('patched', {
        run: 'exec as-subject sh ./subject.sh\n',
        grading: '  scope: patch\n  grading: exit_code',
      }),
    );
    expect(verdictOf(await judged('patched', 'head -c 70000000 /dev/urandom > big'))).toMatch(BLAMED);
  }, 120_000);

  // Seen: peers.md: verifiers that start in what the agent left.
  test('by taking away the folder that the script starts in', async () => {
    await register(admin, sample('below', { run: 'exit 0\n', workdir: '/workspace/inner' }));
    expect(verdictOf(await judged('below', 'cd / && rm -rf /workspace/inner'))).toMatch(BLAMED);
    expect(
      verdictOf(await judged('below', 'cd / && rm -rf /workspace/inner && echo > /workspace/inner')),
    ).toMatch(BLAMED);
  }, 60_000);

  test('while a script that can never run is its sample’s fault', async () => {
    await register(admin, sample('unfit', { run: '', interpreter: '/nonexistent/sh' }));
    const { verification } = await judged('unfit', 'true');
    expect(VerificationState[verification.state]).toBe('ERROR');
    expect(Fault[verification.fault]).toBe('SAMPLE');
    expect(verification.message).toContain('/nonexistent/sh');
  }, 60_000);
});

// Seen: design/verification.md, 2; Harbor's tests/test.sh, which agents guess.
test('an interpreter is given the hidden script, not what the subject put in its place', async () => {
  const command = '[/bin/sh, verification/run]';
  await register(admin, sample('interpreted', { command, run: 'exec as-subject sh ./subject.sh\n' }));
  const planted = 'mkdir -p verification && echo "exit 0" > verification/run';
  expect(verdictOf(await judged('interpreted', planted))).toMatch(BLAMED);
  const { verification } = await judged('interpreted', 'echo "exit 0" > subject.sh');
  expect(VerificationState[verification.state]).toBe('PASSED');
}, 60_000);

// Seen: design/verification.md, 2 and 10; SWE-bench applies its tests over what the agent left.
describe('what the sample protects is put back', () => {
  beforeAll(async () => {
    await register(
      admin,
      sample('protecting', {
        run: `set -e
for f in a/tests/expected ':(top)x' 'sp*t'; do test "$(cat "./$f")" = right; done
test ! -e a/tests/extra
test ! -e conftest.py
test ! -e deep/er/conftest.py
cat ./spilt
`,
      }),
    );
  }, 60_000);

  const wrongs: Readonly<Record<string, string>> = {
    changed: 'echo wrong > a/tests/expected; echo wrong > ./:\\(top\\)x; echo wrong > "./sp*t"',
    removed: 'rm -rf a ":(top)x" "sp*t"',
    'behind a symlink': 'mv a b; echo wrong > b/tests/expected; ln -s b a',
    'behind a symlink out of the workspace':
      'cp -r a /tmp/a; rm -rf a; echo wrong > /tmp/a/tests/expected; ln -s /tmp/a a',
    'under a file': 'rm -rf a; echo wrong > a',
    'under a git repository of its own':
      '(cd a/tests && echo wrong > expected && git init -q . && git add . && git -c user.name=a -c user.email=a@b commit -qm x)',
    'with planted files beside':
      'echo > a/tests/extra; echo > conftest.py; mkdir -p deep/er; echo > deep/er/conftest.py; echo "*" > .gitignore',
    'with attributes and settings':
      'echo "* filter=evil text eol=crlf" > .gitattributes; git config filter.evil.smudge "echo wrong"; git config core.fsmonitor "touch /tmp/x"; git config core.worktree /tmp; echo wrong > a/tests/expected; git update-index --assume-unchanged a/tests/expected',
    'as folders': 'rm a/tests/expected; mkdir -p a/tests/expected/x; echo > a/tests/expected/x/y',
    'as a FIFO': 'rm a/tests/expected; mkfifo a/tests/expected',
    'as a hard link': 'cp a/tests/expected h; rm a/tests/expected; echo wrong > h; ln h a/tests/expected',
    'where nobody may read': 'echo wrong > a/tests/expected; chmod 000 a/tests/expected a/tests a',
  };
  for (const [name, line] of Object.entries(wrongs)) {
    test(`${name}`, async () => {
      const { verification, log } = await judged('protecting', `${line}; echo mine > spilt`);
      expect(VerificationState[verification.state], `${verification.message}\n${log}`).toBe('PASSED');
      expect(log).toBe('mine\n');
    }, 60_000);
  }
});
