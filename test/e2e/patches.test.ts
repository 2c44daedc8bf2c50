import { afterAll, beforeAll, expect, test } from 'vitest';
import { refusal, type TestClient } from '../rpc/client.js';
import { addSample, register, sh, startService, type TestService } from '../support/service.js';

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

/** What stands before the patch, under names that are hard to get right. */
const BASE = `export PATH=/usr/bin:/bin
mkdir -p gone/deep kept 'with space'; echo one >gone/deep/file; echo two >kept/file; seq 40 >old-name
printf '\\0\\1\\2' >binary; ln -s kept/file link; echo x >'with space/ü'; echo '#!/bin/sh' >script; chmod 644 script
printf 'no end' >ragged; echo folder >turns`;
const CHANGE = `rm -r gone; echo three >>kept/file; mv old-name new-name; sed -i 's/^7$/seven/' new-name
printf '\\0\\3' >binary; ln -sfn m.py link; echo y >'with space/ü'; chmod 755 script; printf 'end' >ragged
rm turns; mkdir -p turns/into; echo in >turns/into/file; mkdir fresh; echo new >fresh/file; : >fresh/empty`;
/** All that is there but what a patch does not say. */
const TREE = `export PATH=/usr/bin:/bin
find . -name .git -prune -o -printf '%y %m %u %p -> %l\\n' | sort; find . -name .git -prune -o -type f -exec sha256sum {} + | sort -k 2`;

async function open(env: Record<string, string> = {}): Promise<string> {
  const { session } = await admin.sessions.createSession({
    source: { $case: 'sample', value: { sampleId: 'add' } },
    env,
  });
  const id = session?.sessionId ?? '';
  expect(await sh(admin, id, BASE)).toMatchObject({ code: 0 });
  return id;
}

/** A session in which no program of the image is found, git among them. */
function openWithoutGit(): Promise<string> {
  return open({ PATH: '/nonexistent' });
}

async function makePatch(): Promise<Buffer> {
  const id = await open();
  const line = `git add -A && git -c user.name=a -c user.email=a@b commit -qm base && ${CHANGE.replaceAll('\n', '; ')}; git add -A && git diff --cached --binary -M HEAD`;
  const { stdout, stderr } = await sh(admin, id, line);
  expect(stdout, stderr).toMatch(/^rename from old-name$/m);
  return Buffer.from(stdout);
}

test('a patch does the same in a session without git as in one with it', async () => {
  const diff = await makePatch();
  const [withGit, without] = [await open(), await openWithoutGit()];
  const applied = await admin.sessions.applyPatch({ sessionId: withGit, diff });
  expect(applied.changedPaths).toContain('new-name');
  expect(await admin.sessions.applyPatch({ sessionId: without, diff })).toEqual(applied);
  const tree = await sh(admin, without, TREE);
  expect(tree).toEqual(await sh(admin, withGit, TREE));
  expect(tree.stdout).toMatch(/^f 755 agent \.\/script -> $/m);
  expect(tree.stdout).not.toContain('gone');
  expect(tree.stdout).not.toContain('.codeset');
}, 120_000);

test('a patch that does not apply changes nothing in a session without git, and says why', async () => {
  const id = await openWithoutGit();
  const before = await sh(admin, id, TREE);
  const bad = (text: string) =>
    refusal(admin.sessions.applyPatch({ sessionId: id, diff: Buffer.from(text) }));
  const good = '--- /dev/null\n+++ b/n.txt\n@@ -0,0 +1 @@\n+n\n';
  expect(await bad(`${good}--- a/m.py\n+++ b/m.py\n@@ -1 +1 @@\n-nothing like it\n+x\n`)).toMatchObject({
    reason: 'PATCH_REJECTED',
    text: expect.stringMatching(/nothing was changed: error: patch failed: m\.py:1/) as string,
  });
  expect(await bad('no patch at all')).toMatchObject({ reason: 'PATCH_REJECTED' });
  expect(await bad(good.replace('b/n.txt', 'b/../n.txt'))).toMatchObject({ reason: 'PATCH_REJECTED' });
  expect(await bad(good.replace('b/n.txt', 'b/.git/config'))).toMatchObject({ reason: 'PATCH_REJECTED' });
  expect(await sh(admin, id, TREE)).toEqual(before);
  // What its user may not write is not written for it either.
  expect(
    await sh(admin, id, `${BASE.split('\n')[0]}; mkdir shut; echo 1 >shut/file; chmod 555 shut`),
  ).toMatchObject({
    code: 0,
  });
  const shut = await sh(admin, id, TREE);
  const both = `${good}--- a/shut/file\n+++ b/shut/file\n@@ -1 +1 @@\n-1\n+2\n`;
  expect(await bad(both)).toMatchObject({
    reason: 'PATCH_REJECTED',
    text: expect.stringContaining('shut/file: Permission denied') as string,
  });
  expect(await sh(admin, id, TREE)).toEqual(shut);
}, 120_000);

test('a symlink on the way of a patch is not followed, with git or without', async () => {
  for (const id of [await open(), await openWithoutGit()]) {
    expect(await sh(admin, id, `${BASE.split('\n')[0]}; mkdir /tmp/out; ln -s /tmp/out way`)).toMatchObject({
      code: 0,
    });
    const diff = Buffer.from('--- /dev/null\n+++ b/way/n.txt\n@@ -0,0 +1 @@\n+n\n');
    expect(await refusal(admin.sessions.applyPatch({ sessionId: id, diff }))).toMatchObject({
      reason: 'PATCH_REJECTED',
    });
    expect((await sh(admin, id, '/bin/ls -A /tmp/out')).stdout).toBe('');
  }
}, 120_000);
