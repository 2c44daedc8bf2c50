import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { VerificationScope } from '../../gen/codeset/v1/sample.js';
import { Fault, VerificationState } from '../../gen/codeset/v1/verification.js';
import { packFiles } from '../../src/samples/pack.js';
import { DOCKER_START_MS } from '../support/docker.js';
import { forget, keptLayers } from '../support/engine-parts.js';
import { extent } from '../support/extent.js';
import { judge } from '../support/judging.js';
import { register, session, sh, startService, type TestService } from '../support/service.js';
import { tempFolder } from '../support/temp-folder.js';
import { TEST_IMAGE } from '../support/test-image.js';

const { PASSED, FAILED } = VerificationState;
const { FILESYSTEM, WORKSPACE } = VerificationScope;
const INSTALL = `mkdir -p /opt/tool && printf '#!/bin/sh\\necho the tool\\n' > /opt/tool/run && chmod 755 /opt/tool/run`;

// Passes where the agent installed a program outside the workspace; and what it must not reach stays out of reach.
const RUN = `#!/bin/sh
echo "subject $(as-subject id -u):$(as-subject id -G)"
if as-subject cat "$CODESET_VERIFICATION_DIR/secret"; then echo the secret is told; fi
if [ -x /opt/tool/root-shell ] && as-subject /opt/tool/root-shell -p -c 'cat "$CODESET_VERIFICATION_DIR/secret"'
then echo the secret is told; fi
echo "protected $(cat tests/owned)"
as-subject /opt/tool/run
`;

let service: TestService;

function installs(): AsyncIterable<Buffer> {
  const text = (path: string, content: string, executable = false) => ({ path, content, executable });
  return packFiles([
    text(
      'sample.yaml',
      `sample_id: installs
dataset: try
description: Installs a tool.
environment: {host: {requires: [sh]}, image: ${TEST_IMAGE}, user: root}
verification:
  command: [verification/run]
  timeout: 1m
  scope: filesystem
  grading: exit_code
  protected_paths: [tests/]
`,
    ),
    text('task.md', 'Install a tool.\n'),
    text('codebase/file', 'content\n'),
    text('codebase/tests/owned', 'by the sample\n'),
    text('verification/run', RUN, true),
    text('verification/secret', 'the hidden value\n'),
  ]) as AsyncIterable<Buffer>;
}

beforeAll(async () => {
  service = await startService();
  await register(service.admin, installs());
}, DOCKER_START_MS);

afterAll(() => service?.[Symbol.asyncDispose]());

/** What becomes of a session after `line` ran in it as its root. */
async function judged(line: string) {
  const { admin } = service;
  const { id } = await session(admin, 'installs');
  const { code, stderr } = await sh(admin, id, line);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const result = await judge(admin, { sessionId: id });
  await admin.sessions.closeSession({ sessionId: id });
  return result;
}

describe('scope filesystem', () => {
  test('judges what was installed outside the workspace, which scope workspace leaves behind', async () => {
    const { admin } = service;
    const { sample } = await admin.samples.getSample({ sample: { sampleId: 'installs' } });
    expect(sample?.verification?.scope).toBe(FILESYSTEM);
    const { id } = await session(admin, 'installs');
    expect((await judge(admin, { sessionId: id })).verification.state).toBe(FAILED);
    await sh(admin, id, `${INSTALL}; echo mine > tests/owned`);
    const whole = await judge(admin, { sessionId: id });
    expect(whole.log).toContain('the tool\n');
    expect(whole.log).toContain('protected by the sample\n');
    expect(whole.log).toContain('subject 1000:1000\n');
    expect(whole.log).not.toContain('the secret is told');
    expect(whole.verification).toMatchObject({ state: PASSED, scope: FILESYSTEM });

    const { snapshot } = await admin.sessions.createSnapshot({ sessionId: id });
    const started = await admin.verifications.startVerification({
      subject: { $case: 'sessionId', value: id },
      scope: WORKSPACE,
    });
    const narrow = started.verification?.verificationId ?? '';
    // The session's going changes nothing.
    await sh(admin, id, 'rm -r /opt/tool');
    await admin.sessions.closeSession({ sessionId: id });
    for await (const _ of admin.verifications.watchVerification({ verificationId: narrow }));
    const { verification } = await admin.verifications.getVerification({ verificationId: narrow });
    expect(verification).toMatchObject({ state: FAILED, scope: WORKSPACE });

    const { snapshotId = '' } = snapshot ?? {};
    const twice = [];
    for (let i = 0; i < 2; i++) twice.push((await judge(admin, { snapshotId })).verification);
    expect(twice).toMatchObject([{ state: PASSED }, { state: PASSED }]);
    expect(twice[0]?.subjectDigest).toBe(twice[1]?.subjectDigest);
    expect(twice[0]?.subjectDigest).not.toBe(verification?.subjectDigest);
    await admin.sessions.deleteSnapshot({ snapshotId });
  });

  test.each([
    [
      'its own as-subject, found first on PATH',
      `for d in /usr/local/sbin /usr/local/bin; do printf '#!/bin/sh\\nexit 0\\n' > $d/as-subject; chmod 755 $d/as-subject; done`,
    ],
    [
      'users of its own: the code under test would be root, the script not',
      `sed -i 's/^agent:.*/agent:x:0:0:agent:\\/root:\\/bin\\/sh/; s/^root:/nobody2:/' /etc/passwd; printf 'root:x:1000:1000::/:/bin/sh\\n' >> /etc/passwd; printf 'wheel:x:0:agent\\n' >> /etc/group`,
    ],
    [
      'a shell that makes whoever calls it root',
      'mkdir -p /opt/tool && cp /bin/sh /opt/tool/root-shell && chmod 6755 /opt/tool/root-shell',
    ],
  ])('does not fall for %s', async (_, line) => {
    const { verification, log } = await judged(line);
    expect(log).toMatch(/^subject 1000:/);
    expect(log).not.toContain('the secret is told');
    expect(log).not.toContain('the hidden value');
    expect(verification).toMatchObject({ state: FAILED, fault: Fault.SUBJECT });
  });

  test('and a snapshot wait over a restart, when session and snapshot are gone', async () => {
    await using folder = await tempFolder();
    const ids: string[] = [];
    let blocking = '';
    {
      await using first = await startService({ maxVerifications: '1' }, folder);
      const { admin } = first;
      await register(admin, installs());
      const start = async (subject: { sessionId: string } | { snapshotId: string }): Promise<string> => {
        const { verification } = await admin.verifications.startVerification({
          subject:
            'sessionId' in subject
              ? { $case: 'sessionId', value: subject.sessionId }
              : { $case: 'snapshotId', value: subject.snapshotId },
        });
        return verification?.verificationId ?? '';
      };
      const { id } = await session(admin, 'installs');
      await sh(admin, id, `${INSTALL}; echo sleep 300 >> /opt/tool/run`);
      blocking = await start({ sessionId: id });
      await sh(admin, id, INSTALL);
      ids.push(await start({ sessionId: id }));
      const { snapshot } = await admin.sessions.createSnapshot({ sessionId: id });
      const { snapshotId = '' } = snapshot ?? {};
      ids.push(await start({ snapshotId }));
      await admin.sessions.deleteSnapshot({ snapshotId });
      await admin.sessions.closeSession({ sessionId: id });
    }
    {
      await using second = await startService({ maxVerifications: '1' }, folder);
      const { verifications } = second.admin;
      await verifications.cancelVerification({ verificationId: blocking });
      for (const verificationId of ids) {
        for await (const _ of verifications.watchVerification({ verificationId }));
        const { verification } = await verifications.getVerification({ verificationId });
        expect(verification).toMatchObject({ state: PASSED, scope: FILESYSTEM });
      }
      // Nothing of them is left.
      await expect
        .poll(async () =>
          (await keptLayers(second.dataDir)).filter((name) => /kept-|snap-|judged-/.test(name)),
        )
        .toEqual([]);
    }
    await forget(join(folder.path, 'data'));
  });

  const ruins = [
    ['without the shell that the script needs', 'rm /bin/sh 2>/dev/null || rm /bin'],
    ['in which /etc is no folder', 'mv /etc /old 2>/dev/null && echo > /etc; true'],
    ['without users', 'rm -f /etc/passwd /etc/group'],
    ['of which everything is gone that can go', 'rm -rf --no-preserve-root / 2>/dev/null; true'],
  ] as const;
  test.each(ruins.slice(0, extent(2, ruins.length)))('blames the subject for a root %s', async (_, line) => {
    const { verification } = await judged(line);
    expect(verification).toMatchObject({ state: FAILED, fault: Fault.SUBJECT });
  });
});
