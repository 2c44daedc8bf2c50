import { Status } from 'nice-grpc';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SampleState, SampleView, VerificationScope } from '../../gen/codeset/v1/sample.js';
import { Fault, VerificationState } from '../../gen/codeset/v1/verification.js';
import { environmentHere } from '../support/engine-here.js';
import { addSample, register, startService, type TestService } from '../support/service.js';
import { refusal, type TestClient } from './client.js';

let service: TestService;
let admin: TestClient;

beforeAll(async () => {
  service = await startService();
  admin = service.admin;
  await register(admin, addSample());
});

afterAll(async () => {
  await service[Symbol.asyncDispose]();
});

async function* upload(header: object, tar: AsyncIterable<Buffer> | Iterable<Buffer>) {
  yield { part: { $case: 'header', value: header } } as const;
  for await (const value of tar) yield { part: { $case: 'data', value } } as const;
}

const SOLUTION = Buffer.from(
  '--- a/m.py\n+++ b/m.py\n@@ -1,2 +1,2 @@\n def add(a, b):\n-    return a - b\n+    return a + b\n',
);

describe('a sample', () => {
  it('shows its hidden parts to an admin who asks, and to nobody else', async () => {
    const basic = await admin.samples.getSample({ sample: { sampleId: 'add' } });
    expect(basic.sample).toMatchObject({
      version: 1,
      latest: true,
      state: SampleState.READY,
      hidden: undefined,
    });
    const full = await admin.samples.getSample({ sample: { sampleId: 'add' }, view: SampleView.FULL });
    expect(full.sample?.hidden).toMatchObject({ failToPass: ['tests::test_add'], hasSolution: true });
    const shown = JSON.stringify(basic, (_key, value: unknown) =>
      typeof value === 'bigint' ? String(value) : value,
    );
    expect(shown).not.toContain('test_add');
  });

  it('is one version however often it is registered, and another with other content', async () => {
    const again = await admin.samples.registerSample(upload({}, addSample()));
    expect(again).toMatchObject({ created: false, sample: { version: 1 } });
    const other = await admin.samples.registerSample(
      upload(
        { requestId: 'next' },
        addSample([{ path: 'codebase/new.txt', content: 'x', executable: false }]),
      ),
    );
    expect(other).toMatchObject({ created: true, sample: { version: 2 } });
    expect(
      await refusal(admin.samples.registerSample(upload({ requestId: 'next' }, addSample()))),
    ).toMatchObject({
      code: Status.ALREADY_EXISTS,
      reason: 'REQUEST_ID_REUSED',
    });
    const old = await admin.samples.getSample({ sample: { sampleId: 'add', version: 1 } });
    expect(old.sample?.latest).toBe(false);
  });

  it('is registered once by a request id, also by two at the same time with other content', async () => {
    const contents = ['one', 'two'].map((content) =>
      addSample([{ path: 'codebase/both.txt', content, executable: false }]),
    );
    const before = await admin.samples.getSample({ sample: { sampleId: 'add' } });
    const results = await Promise.allSettled(
      contents.map((tar) => admin.samples.registerSample(upload({ requestId: 'both' }, tar))),
    );
    expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    const after = await admin.samples.getSample({ sample: { sampleId: 'add' } });
    expect(after.sample?.version).toBe((before.sample?.version ?? 0) + 1);
  });

  it('is found by dataset, text, tag and language, and by nothing else', async () => {
    const ids = async (filter: object) =>
      (await admin.samples.listSamples(filter)).samples.map((s) => s.sampleId);
    expect(await ids({ dataset: 'try', search: 'ADDS', language: 'Python' })).toEqual(['add']);
    expect(await ids({ tags: ['none'] })).toEqual([]);
    expect((await admin.samples.listDatasets({})).datasets).toMatchObject([{ name: 'try', sampleCount: 1 }]);
  });

  it('can be downloaded as it was sent', async () => {
    const parts: Buffer[] = [];
    for await (const { data } of admin.samples.downloadSample({ sample: { sampleId: 'add' } }))
      parts.push(data);
    const tar = Buffer.concat(parts).toString('latin1');
    expect(tar).toContain('solution/solution.patch');
    expect(tar).toContain('return a + b');
  });

  it('that is malformed is refused, and nothing of it stays', async () => {
    const invalid = { code: Status.INVALID_ARGUMENT };
    expect(
      await refusal(admin.samples.registerSample(upload({}, [Buffer.from('no tar at all')]))),
    ).toMatchObject({
      ...invalid,
      reason: 'INVALID_ARCHIVE',
    });
    const wrong = await refusal(
      admin.samples.registerSample(upload({}, addSample([], 'resources: {cpus: many}\n'))),
    );
    expect(wrong).toMatchObject({ ...invalid, reason: 'INVALID_MANIFEST' });
    expect(wrong.fields[0]).toMatch(/^sample\.yaml:\d+/);
    expect(
      await refusal(admin.samples.uploadRepository(upload({ sha256: 'x', sizeBytes: 0n }, []))),
    ).toMatchObject({
      ...invalid,
      fields: ['header.sha256', 'header.size_bytes'],
    });
  });

  it('that is not there is NOT_FOUND, the version told apart', async () => {
    expect(await refusal(admin.samples.getSample({ sample: { sampleId: 'nothing' } }))).toMatchObject({
      code: Status.NOT_FOUND,
      reason: 'SAMPLE_NOT_FOUND',
    });
    expect(
      await refusal(admin.samples.watchSample({ sample: { sampleId: 'add', version: 99 } })),
    ).toMatchObject({
      code: Status.NOT_FOUND,
      reason: 'SAMPLE_VERSION_NOT_FOUND',
    });
  });
});

describe('a verification', () => {
  it('of a patch is watched from its log to its verdict', async () => {
    const subject = { $case: 'patch', value: { sample: { sampleId: 'add' }, diff: SOLUTION } } as const;
    const { verification } = await admin.verifications.startVerification({ requestId: 'v1', subject });
    const verificationId = verification?.verificationId ?? '';
    const again = await admin.verifications.startVerification({ requestId: 'v1', subject });
    expect(again.verification?.verificationId).toBe(verificationId);
    let log = '';
    let last;
    for await (const { event } of admin.verifications.watchVerification({ verificationId })) {
      if (event?.$case === 'log') log += event.value.data.toString();
      if (event?.$case === 'verification') last = event.value;
    }
    expect(log).toContain('judged as agent');
    expect(last).toMatchObject({
      state: VerificationState.PASSED,
      scope: VerificationScope.PATCH,
      fault: Fault.NONE,
      result: { score: 1, failToPass: { passed: 1, total: 1 } },
    });
    expect(await refusal(admin.verifications.cancelVerification({ verificationId }))).toMatchObject({
      code: Status.FAILED_PRECONDITION,
      reason: 'VERIFICATION_ENDED',
    });
    const listed = await admin.verifications.listVerifications({ sampleId: 'add' });
    expect(listed.verifications.map((one) => one.verificationId)).toEqual([verificationId]);
    expect(listed.verifications[0]?.result?.tests).toEqual([]);
  });

  // Two verifications and two differences, each in sandboxes of its own: a busy machine takes its time over them.
  it(
    'of a session changes with what the session holds; its diff is what a patch would be',
    { timeout: 240_000 },
    async () => {
      const { session } = await admin.sessions.createSession({
        source: { $case: 'sample', value: { sampleId: 'add' } },
      });
      const sessionId = session?.sessionId ?? '';
      const verify = async () => {
        const started = await admin.verifications.startVerification({
          subject: { $case: 'sessionId', value: sessionId },
        });
        let state = VerificationState.UNSPECIFIED;
        const watched = admin.verifications.watchVerification({
          verificationId: started.verification?.verificationId ?? '',
        });
        for await (const { event } of watched) if (event?.$case === 'verification') state = event.value.state;
        return state;
      };
      const diff = async () => {
        let text = '';
        for await (const { data } of admin.sessions.getDiff({ sessionId })) text += data.toString();
        return text;
      };
      expect(await diff()).toBe('');
      expect(await verify()).toBe(VerificationState.FAILED);
      const applied = await admin.sessions.applyPatch({ sessionId, diff: SOLUTION });
      expect(applied.changedPaths).toEqual(['m.py']);
      expect(await diff()).toContain('+    return a + b');
      expect(await verify()).toBe(VerificationState.PASSED);
      expect(await refusal(admin.sessions.applyPatch({ sessionId, diff: SOLUTION }))).toMatchObject({
        reason: 'PATCH_REJECTED',
      });
      expect(await refusal(admin.samples.deleteSample({ sample: { sampleId: 'add' } }))).toMatchObject({
        code: Status.FAILED_PRECONDITION,
        reason: 'SAMPLE_IN_USE',
      });
      await admin.sessions.closeSession({ sessionId });
    },
  );

  it('needs a sample, and is unknown under an id that never was', async () => {
    const { session } = await admin.sessions.createSession({
      source: { $case: 'environment', value: environmentHere() },
    });
    const subject = { $case: 'sessionId', value: session?.sessionId ?? '' } as const;
    expect(await refusal(admin.verifications.startVerification({ subject }))).toMatchObject({
      code: Status.FAILED_PRECONDITION,
      reason: 'SAMPLE_NOT_FOUND',
    });
    expect(await refusal(admin.verifications.getVerification({ verificationId: 'ver_never' }))).toMatchObject(
      {
        code: Status.NOT_FOUND,
        reason: 'VERIFICATION_NOT_FOUND',
      },
    );
  });
});

it('a sample that nobody uses can be removed, with all its versions', async () => {
  await admin.samples.deleteSample({ sample: { sampleId: 'add' } });
  expect((await admin.samples.listSamples({})).samples).toEqual([]);
});
