import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SessionState } from '../../gen/codeset/v1/session.js';
import { Fault, VerificationState } from '../../gen/codeset/v1/verification.js';
import { connect, refusal, type TestClient } from '../rpc/client.js';
import { judge } from '../support/judging.js';
import { addSample, register, session, sh, startService, type TestService } from '../support/service.js';

let service: TestService;
let admin: TestClient;

beforeAll(async () => {
  service = await startService();
  admin = service.admin;
  await register(admin, addSample());
}, 120_000);

afterAll(async () => {
  await service?.[Symbol.asyncDispose]();
});

const FIX =
  '--- a/m.py\n+++ b/m.py\n@@ -1,2 +1,2 @@\n def add(a, b):\n-    return a - b\n+    return a + b\n';

describe('a day with a sample', () => {
  test('the untouched session FAILED, the mended one PASSED, and the session goes on meanwhile', async () => {
    const { id } = await session(admin);
    const before = await judge(admin, { sessionId: id });
    expect(before.verification.state).toBe(VerificationState.FAILED);
    expect(before.verification.fault).toBe(Fault.SUBJECT);
    expect(before.verification.result?.tests.map(({ name }) => name).sort()).toEqual([
      'tests::test_add',
      'tests::test_import',
    ]);
    expect(before.log).toContain('judged as agent');

    expect(await sh(admin, id, "sed -i 's/a - b/a + b/' m.py && cat m.py")).toMatchObject({ code: 0 });
    const after = await judge(admin, { sessionId: id });
    expect(after.verification.state).toBe(VerificationState.PASSED);
    expect(after.verification.result?.score).toBe(1);
    expect(after.verification.subjectDigest).not.toBe(before.verification.subjectDigest);
    expect((await sh(admin, id, 'cat m.py')).stdout).toContain('a + b');
    await admin.sessions.closeSession({ sessionId: id });
  });

  test('a patch is judged without a session', async () => {
    expect((await judge(admin, { sampleId: 'add', diff: Buffer.from(FIX) })).verification.state).toBe(
      VerificationState.PASSED,
    );
    const broken = await judge(admin, { sampleId: 'add', diff: Buffer.from(FIX.replace('a - b', 'a * b')) });
    expect(broken.verification.state).toBe(VerificationState.FAILED);
    expect(broken.verification.fault).toBe(Fault.SUBJECT);
  });

  test('the log of an ended verification can be read again', async () => {
    const { verification, log } = await judge(admin, { sampleId: 'add', diff: Buffer.from(FIX) });
    let again = '';
    const { verificationId } = verification;
    for await (const { event } of admin.verifications.watchVerification({ verificationId })) {
      if (event?.$case === 'log') again += event.value.data.toString();
    }
    expect(again).toBe(log);
  });

  test('a verification with a request id sent twice is one', async () => {
    const { id } = await session(admin);
    const request = { requestId: 'once', subject: { $case: 'sessionId' as const, value: id } };
    const first = await admin.verifications.startVerification(request);
    const second = await admin.verifications.startVerification(request);
    expect(second.verification?.verificationId).toBe(first.verification?.verificationId);
    for await (const _ of admin.verifications.watchVerification({
      verificationId: first.verification?.verificationId ?? '',
    }));
    await admin.sessions.closeSession({ sessionId: id });
  });
});

// What agents try is in test/adversarial.
describe('an agent', () => {
  test('that leaves no workspace at all is FAILED, and to blame', async () => {
    const { id } = await session(admin);
    await sh(admin, id, 'rm -rf ./* .git .gitignore');
    const { verification } = await judge(admin, { sessionId: id });
    expect(verification.state).toBe(VerificationState.FAILED);
    expect(verification.fault).toBe(Fault.SUBJECT);
    await admin.sessions.closeSession({ sessionId: id });
  });

  test('finds nothing hidden in its session, and nothing later than the base commit', async () => {
    const { id } = await session(admin);
    const found = await sh(
      admin,
      id,
      'ls /run/codeset-verification /run/codeset-reports 2>&1; env; find / -xdev -name check.py -o -xdev -name solution.patch 2>/dev/null; git log --all --oneline | wc -l; git fsck --unreachable --no-reflogs 2>/dev/null | wc -l',
    );
    expect(found.stdout).not.toContain('test_add');
    expect(found.stdout).not.toContain('check.py');
    expect(found.stdout.trim().split('\n').slice(-2)).toEqual(['1', '0']);
    await admin.sessions.closeSession({ sessionId: id });
  });
});

describe('GetDiff', () => {
  test("is ours: the agent's git settings have no say, and ignored files stay out", async () => {
    const { id } = await session(admin);
    await sh(
      admin,
      id,
      `git update-index --assume-unchanged m.py; echo '*' > .git/info/exclude; echo '* -diff' > .git/info/attributes
sed -i 's/a - b/a + b/' m.py; echo noise > x.log; mkdir sub && cd sub && git init -q . && echo inner > f.txt`,
    );
    let diff = '';
    for await (const { data } of admin.sessions.getDiff({ sessionId: id })) diff += data.toString();
    expect(diff).toContain('+    return a + b');
    expect(diff).toContain('+++ b/sub/f.txt');
    expect(diff).not.toContain('x.log');
    await admin.sessions.applyPatch({
      sessionId: id,
      diff: Buffer.from('--- /dev/null\n+++ b/n.txt\n@@ -0,0 +1 @@\n+n\n'),
    });
    expect((await sh(admin, id, 'cat n.txt')).stdout).toBe('n\n');
    expect(await refusal(admin.sessions.applyPatch({ sessionId: id, diff: Buffer.from(FIX) }))).toMatchObject(
      {
        reason: 'PATCH_REJECTED',
      },
    );
    await admin.sessions.closeSession({ sessionId: id });
  });
});

describe('files', () => {
  test('are written, read, listed, moved, replaced and removed inside the sandbox', async () => {
    const { id } = await session(admin);
    const at = (path: string) => ({ sessionId: id, path });
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
    await admin.sessions.writeFile({ ...at('/workspace/new/all.bin'), data: bytes, makeParents: true });
    const read = await admin.sessions.readFile(at('/workspace/new/all.bin'));
    expect(read.data.equals(bytes)).toBe(true);
    expect((await admin.sessions.listDirectory(at('/workspace/new'))).files.map(({ path }) => path)).toEqual([
      '/workspace/new/all.bin',
    ]);
    const edited = await admin.sessions.replaceInFile({
      ...at('/workspace/m.py'),
      oldText: 'a - b',
      newText: 'a + b',
    });
    expect(edited.replacedCount).toBe(1);
    expect(await refusal(admin.sessions.readFile(at('/workspace/none')))).toMatchObject({
      code: 5,
      reason: 'PATH_NOT_FOUND',
    });
    await sh(admin, id, 'mkfifo pipe; ln -s /etc/shadow link');
    expect(await refusal(admin.sessions.readFile(at('/workspace/pipe')))).toMatchObject({
      reason: 'NOT_A_FILE',
    });
    await admin.sessions.remove({ ...at('/workspace/new'), recursive: true });
    expect(await refusal(admin.sessions.stat(at('/workspace/new')))).toMatchObject({
      reason: 'PATH_NOT_FOUND',
    });
    await admin.sessions.closeSession({ sessionId: id });
  });
});

describe('who may what', () => {
  test("an agent's token reaches its own session's commands and files, and nothing else", async () => {
    const mine = await session(admin);
    const other = await session(admin);
    using agent = connect(service.address, mine.agentToken);
    expect((await sh(agent, mine.id, 'echo hi')).stdout).toBe('hi\n');
    expect(await refusal(sh(agent, other.id, 'true'))).toMatchObject({
      code: 5,
      reason: 'SESSION_NOT_FOUND',
    });
    const verification = agent.verifications.startVerification({
      subject: { $case: 'sessionId', value: mine.id },
    });
    expect((await refusal(verification)).code).toBe(7);
    expect((await refusal(agent.samples.getSample({ sample: { sampleId: 'add' } }))).code).toBe(7);
    await admin.sessions.closeSession({ sessionId: mine.id });
    expect((await refusal(sh(agent, mine.id, 'true'))).code).toBe(16);
    await admin.sessions.closeSession({ sessionId: other.id });
  });

  test('closing twice is fine, and what has ended says so', async () => {
    const { id } = await session(admin);
    await admin.sessions.closeSession({ sessionId: id });
    const again = await admin.sessions.closeSession({ sessionId: id });
    expect(again.session?.state).toBe(SessionState.CLOSED);
    expect(await refusal(sh(admin, id, 'true'))).toMatchObject({ code: 9, reason: 'SESSION_ENDED' });
  });
});
