import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { VerificationState, type Verification } from '../../gen/codeset/v1/verification.js';
import { msOf } from '../../src/client/wire-duration.js';
import { KeyAdmin } from '../../src/key-admin.js';
import { connect, refusal, type TestClient } from '../rpc/client.js';
import { DOCKER_START_MS } from '../support/docker.js';
import { judge } from '../support/judging.js';
import { addSample, register, session, sh, startService, type TestService } from '../support/service.js';
import { tempFolder } from '../support/temp-folder.js';

const FAILED_PRECONDITION = 9;
const NOT_FOUND = 5;
const PERMISSION_DENIED = 7;

const { CANCELLED, FAILED, PASSED } = VerificationState;
/** The solution of the sample. */
const SOLUTION = Buffer.from(`--- a/m.py
+++ b/m.py
@@ -1,2 +1,2 @@
 def add(a, b):
-    return a - b
+    return a + b
`);
const UNTOUCHED = Buffer.alloc(0);
/** What it is judged by imports it. */
const NEVER_ENDING = "echo 'import time; time.sleep(300)' > m.py";
const WAIT = { timeout: 30_000, interval: 100 };

/** Digests of everything in the blob store. */
async function blobsOf({ dataDir }: TestService): Promise<readonly string[]> {
  const names = await readdir(join(dataDir, 'blobs', 'sha256'), { recursive: true });
  return names.flatMap((name) => name.match(/[0-9a-f]{64}$/) ?? []).sort();
}

async function listed(client: TestClient): Promise<readonly Verification[]> {
  return (await client.verifications.listVerifications({})).verifications;
}

function remove(client: TestClient, verificationId: string): Promise<unknown> {
  return client.verifications.deleteVerification({ verificationId });
}

describe('what is kept of verifications', () => {
  let service: TestService;
  let admin: TestClient;

  beforeAll(async () => {
    service = await startService();
    admin = service.admin;
    await register(admin, addSample());
  }, DOCKER_START_MS);

  afterAll(async () => {
    await service?.[Symbol.asyncDispose]();
  });

  async function start(sessionId: string): Promise<string> {
    const subject = { $case: 'sessionId', value: sessionId } as const;
    const { verification } = await admin.verifications.startVerification({ subject });
    return verification?.verificationId ?? '';
  }

  test('is told with its size, and with how the verdict came about', async () => {
    const { verification, log } = await judge(admin, { sampleId: 'add', diff: SOLUTION });
    const { version } = JSON.parse(await readFile('package.json', 'utf8')) as { version: string };
    const size = BigInt(Buffer.byteLength(log));
    expect(verification).toMatchObject({
      state: PASSED,
      serviceVersion: version,
      attempt: 1,
      storedBytes: { log: size, subject: BigInt(SOLUTION.length) },
      logBytes: size,
      logExpired: false,
      subjectExpired: false,
      status: { $case: 'exitCode', value: 0 },
    });
    expect(msOf(verification.timeout)).toBe(60_000);
    expect(verification.engine).not.toBe('');
    expect(verification.runtime).toMatch(/\d/);
    expect(verification.resources?.memoryBytes).toBeGreaterThan(0n);
    for (const digest of ['subjectDigest', 'sampleDigest', 'environmentDigest', 'logDigest'] as const)
      expect(verification[digest]).toMatch(/^[0-9a-f]{64}$/);
    const [create = 0, begin = 0, end = 0] = [
      verification.createTime,
      verification.startTime,
      verification.endTime,
    ].map((time) => time?.getTime());
    expect(create > 0 && create <= begin && begin <= end).toBe(true);

    const failed = (await judge(admin, { sampleId: 'add', diff: UNTOUCHED })).verification;
    expect(failed).toMatchObject({ state: FAILED, storedBytes: { subject: 0n } });
    const first = await admin.verifications.listVerifications({ sampleId: 'add', pageSize: 1 });
    expect(first.totalSize).toBe(2);
    const ids = first.verifications.map((one) => one.verificationId);
    expect(ids).toEqual([failed.verificationId]);
    const rest = { sampleId: 'add', pageSize: 1, pageToken: first.nextPageToken };
    const second = await admin.verifications.listVerifications(rest);
    expect(second.verifications).toMatchObject([
      { verificationId: verification.verificationId, storedBytes: verification.storedBytes },
    ]);
    const passed = await admin.verifications.listVerifications({ states: [PASSED] });
    expect(passed.totalSize).toBe(1);
  }, 60_000);

  test('goes when it is removed, and only that: a name that is used again is another verification', async () => {
    const before = await blobsOf(service);
    const diff = Buffer.concat([SOLUTION, Buffer.from('\n# one of its own\n')]);
    const ask = {
      requestId: 'removed',
      subject: { $case: 'patch', value: { sample: { sampleId: 'add' }, diff } },
    } as const;
    const started = await admin.verifications.startVerification(ask);
    const { verificationId = '' } = started.verification ?? {};
    for await (const _ of admin.verifications.watchVerification({ verificationId }));
    expect(await blobsOf(service)).toEqual(expect.arrayContaining([...before]));
    expect((await blobsOf(service)).length).toBeGreaterThan(before.length);
    await remove(admin, verificationId);
    expect(await blobsOf(service)).toEqual(before);
    const gone = { code: NOT_FOUND, reason: 'VERIFICATION_NOT_FOUND' };
    expect(await refusal(remove(admin, verificationId))).toMatchObject(gone);
    expect(await refusal(admin.verifications.getVerification({ verificationId }))).toMatchObject(gone);
    expect(await refusal(admin.verifications.watchVerification({ verificationId }))).toMatchObject(gone);
    expect(await refusal(admin.verifications.cancelVerification({ verificationId }))).toMatchObject(gone);
    const again = await admin.verifications.startVerification(ask);
    expect(again.verification?.verificationId).not.toBe(verificationId);
    await admin.verifications.cancelVerification({
      verificationId: again.verification?.verificationId ?? '',
    });
    await remove(admin, again.verification?.verificationId ?? '');
  }, 60_000);

  test('stays while it waits or runs, and who watches one that is removed sees its end', async () => {
    const { id } = await session(admin);
    await sh(admin, id, NEVER_ENDING);
    const verificationId = await start(id);
    const refused = await refusal(remove(admin, verificationId));
    expect(refused).toMatchObject({ code: FAILED_PRECONDITION, reason: 'VERIFICATION_NOT_ENDED' });
    expect(refused.text).toContain('cancel it');
    const states: (VerificationState | undefined)[] = [];
    const watching = (async () => {
      for await (const { event } of admin.verifications.watchVerification({ verificationId })) {
        if (event?.$case === 'verification') states.push(event.value.state);
      }
    })();
    await expect.poll(() => states.length, WAIT).toBeGreaterThan(0);
    // Asked together: whoever comes second finds it ended, or still running.
    const both = await Promise.allSettled([
      admin.verifications.cancelVerification({ verificationId }),
      remove(admin, verificationId),
    ]);
    expect(both[0].status).toBe('fulfilled');
    if (both[1].status === 'rejected') await remove(admin, verificationId);
    await watching;
    expect(states.at(-1)).toBe(CANCELLED);
    expect((await listed(admin)).map((one) => one.verificationId)).not.toContain(verificationId);
    await admin.sessions.closeSession({ sessionId: id });
  }, 60_000);

  test('counts on against the limit of its session, and no agent may remove it', async () => {
    const { session: made, agentToken } = await admin.sessions.createSession({
      source: { $case: 'sample', value: { sampleId: 'add' } },
      maxVerifications: 1,
      agentMayVerify: true,
    });
    const { sessionId = '' } = made ?? {};
    using agent = connect(service.address, agentToken);
    const verificationId = await start(sessionId);
    for await (const _ of admin.verifications.watchVerification({ verificationId }));
    expect(await refusal(remove(agent, verificationId))).toMatchObject({ code: PERMISSION_DENIED });
    await using keys = await KeyAdmin.open(service.dataDir);
    using runner = connect(service.address, (await keys.create('RUNNER', 'remover')).secret);
    await remove(runner, verificationId);
    expect(await refusal(start(sessionId))).toMatchObject({ reason: 'SESSION_VERIFICATION_LIMIT' });
    await admin.sessions.closeSession({ sessionId });
  }, 60_000);

  test('may go though a sample names it: validation and disagreement stay', async () => {
    for await (const _ of admin.samples.validateSample({ sample: { sampleId: 'add' }, runs: 1 }));
    for (const { verificationId } of await listed(admin)) await remove(admin, verificationId);
    const { sample } = await admin.samples.getSample({ sample: { sampleId: 'add' } });
    expect(sample?.validation).toMatchObject({ runs: 1 });
    expect((await judge(admin, { sampleId: 'add', diff: SOLUTION })).verification.state).toBe(PASSED);
  }, 60_000);
});

test('limits are held: without room nothing but verdicts stays, and in the end not even those', async () => {
  await using folder = await tempFolder();
  {
    await using service = await startService({ verificationDisk: '0' }, folder);
    const { admin } = service;
    await register(admin, addSample());
    const archives = await blobsOf(service);
    const { verification, log } = await judge(admin, { sampleId: 'add', diff: SOLUTION });
    // Who watched it to its end has seen its log.
    expect(log).toContain('judged as');
    const { verificationId, logBytes, logDigest } = verification;
    const now = async () => (await admin.verifications.getVerification({ verificationId })).verification;
    await expect.poll(async () => (await now())?.logExpired, WAIT).toBe(true);
    expect(await now()).toMatchObject({
      state: PASSED,
      subjectExpired: true,
      storedBytes: { log: 0n, subject: 0n },
      logBytes,
      logDigest,
      result: { tests: [{ name: 'tests::test_add' }, { name: 'tests::test_import' }] },
    });
    await expect.poll(() => blobsOf(service), WAIT).toEqual(archives);

    const seen: string[] = [];
    const watch = async (): Promise<void> => {
      for await (const { event } of admin.verifications.watchVerification({ verificationId }))
        seen.push(event?.$case ?? '');
    };
    const refused = await refusal(watch());
    expect(refused).toMatchObject({ code: FAILED_PRECONDITION, reason: 'VERIFICATION_LOG_EXPIRED' });
    expect(refused.text).toContain('verification_disk');
    expect(seen).toEqual(['verification']);
    // Nothing of it is missed by who has had it all.
    const rest = { verificationId, logOffset: logBytes };
    for await (const { event } of admin.verifications.watchVerification(rest)) seen.push(event?.$case ?? '');
    expect(seen).toEqual(['verification', 'verification']);

    for await (const _ of admin.samples.validateSample({ sample: { sampleId: 'add' }, runs: 2 }));
    const { sample } = await admin.samples.getSample({ sample: { sampleId: 'add' } });
    expect(sample?.validation).toMatchObject({ runs: 2 });
  }
  {
    await using service = await startService({ verificationRetention: '1s' }, folder);
    await expect.poll(() => listed(service.admin), WAIT).toEqual([]);
    const { sample } = await service.admin.samples.getSample({ sample: { sampleId: 'add' } });
    expect(sample?.validation).toMatchObject({ runs: 2 });
    // The records go first.
    await expect.poll(() => blobsOf(service), WAIT).toHaveLength(1);
  }
}, 120_000);
