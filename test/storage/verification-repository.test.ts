import { describe, expect, test } from 'vitest';
import type { VerificationRepository } from '../../src/core/ports/storage.js';
import type { Verification, VerificationFilter, VerificationState } from '../../src/core/verification.js';
import { aVerification, NOON } from '../support/entities.js';
import { failure, freshStorage } from './storage-fixture.js';

function at(ms: number): Date {
  return new Date(NOON.getTime() + ms);
}

async function idsOf(store: VerificationRepository, filter: VerificationFilter): Promise<readonly string[]> {
  const { items } = await store.list(filter, { size: 100, after: undefined });
  return items.map((item) => item.verificationId);
}

const FINAL: readonly VerificationState[] = ['PASSED', 'FAILED', 'ERROR', 'TIMED_OUT', 'CANCELLED'];

describe('verifications', () => {
  test('come back as they were stored, whatever is kept of the subject', async () => {
    await using open = await freshStorage();
    const { verifications } = open.storage;
    const all: Verification[] = [
      aVerification({ requestId: 'r1' }),
      aVerification({ kept: { kind: 'patch', blob: 'b1' }, subject: { kind: 'patch', patchBlob: 'b1' } }),
      aVerification({
        kept: { kind: 'layer', layer: 'l1', below: ['l0'] },
        exitSignal: 'SIGKILL',
        retryable: true,
      }),
      aVerification({
        subject: { kind: 'snapshot', snapshotId: 'snp_1', sessionId: 'ses_gone' },
        kept: { kind: 'layers', workspace: ['l0', 'l2'], root: undefined, own: [] },
        feedback: 'VERDICT',
        agentFeedback: 'NONE',
      }),
      aVerification({
        kept: { kind: 'unusable', why: 'The tree is full of FIFOs.' },
        exitCode: 0,
        verdict: {
          passed: true,
          score: 0.5,
          grading: 'ALL_LISTED',
          rule: 'all listed tests passed',
          reason: 'RULE',
          tests: [
            {
              name: 'test_a',
              status: 'PASSED',
              durationMs: 1.5,
              message: '',
              list: 'UNLISTED',
              bySubject: false,
            },
          ],
          failToPass: { passed: 1, total: 1 },
          passToPass: { passed: 0, total: 0 },
          failToFail: { passed: 0, total: 0 },
          scores: {},
        },
      }),
    ];
    for (const one of all) await verifications.insert(one);
    for (const one of all) expect(await verifications.find(one.verificationId)).toStrictEqual(one);
    expect(await verifications.findByRequestId('r1')).toStrictEqual(all[0]);
    expect(await verifications.find('ver_nobody')).toBeUndefined();
    expect(await verifications.findByRequestId('r2')).toBeUndefined();
  });

  test('with a taken request id are refused', async () => {
    await using open = await freshStorage();
    await open.storage.verifications.insert(aVerification({ requestId: 'r1' }));
    await expect(open.storage.verifications.insert(aVerification({ requestId: 'r1' }))).rejects.toMatchObject(
      failure('already-exists', 'REQUEST_ID_REUSED'),
    );
  });

  test('run again with a raised attempt, then end', async () => {
    await using open = await freshStorage();
    const { verifications } = open.storage;
    const one = aVerification();
    await verifications.insert(one);
    await verifications.update(one.verificationId, { state: 'RUNNING', startTime: at(1) });
    await verifications.update(one.verificationId, { state: 'RUNNING', attempt: 2 });
    await verifications.update(one.verificationId, { state: 'PASSED', endTime: at(2), kept: undefined });
    expect(await verifications.find(one.verificationId)).toStrictEqual({
      ...one,
      state: 'PASSED',
      attempt: 2,
      startTime: at(1),
      endTime: at(2),
    });
    await expect(verifications.update('ver_nobody', { attempt: 2 })).rejects.toMatchObject(
      failure('not-found', 'VERIFICATION_NOT_FOUND'),
    );
  });

  test.each(FINAL)('never leave %s', async (state) => {
    await using open = await freshStorage();
    const { verifications } = open.storage;
    const one = aVerification({ state, message: 'the first' });
    await verifications.insert(one);
    for (const other of ['PENDING', 'RUNNING', ...FINAL].filter((s) => s !== state) as VerificationState[]) {
      await expect(
        verifications.update(one.verificationId, { state: other, message: 'the second' }),
      ).rejects.toMatchObject(failure('failed-precondition', 'VERIFICATION_ENDED'));
    }
    expect(await verifications.find(one.verificationId)).toStrictEqual(one);
  });

  test('are filtered by session, sample and state', async () => {
    await using open = await freshStorage();
    const { verifications } = open.storage;
    const a = aVerification({ verificationId: 'ver_a', createTime: at(3) });
    const b = aVerification({
      verificationId: 'ver_b',
      subject: { kind: 'patch', patchBlob: 'ses_subject' },
      createTime: at(2),
      state: 'RUNNING',
    });
    const c = aVerification({
      verificationId: 'ver_c',
      sampleId: 'other',
      createTime: at(1),
      state: 'PASSED',
    });
    for (const one of [b, c, a]) await verifications.insert(one);
    expect(await idsOf(verifications, {})).toEqual(['ver_a', 'ver_b', 'ver_c']);
    expect(await idsOf(verifications, { sessionId: 'ses_subject' })).toEqual(['ver_a', 'ver_c']);
    expect(await idsOf(verifications, { sampleId: 'other' })).toEqual(['ver_c']);
    expect(await idsOf(verifications, { states: ['PASSED', 'RUNNING'] })).toEqual(['ver_b', 'ver_c']);
    expect((await verifications.open()).map((one) => one.verificationId)).toEqual(['ver_b', 'ver_a']);
  });

  test('are paged newest first while new ones come', async () => {
    await using open = await freshStorage();
    const { verifications } = open.storage;
    for (let i = 0; i < 5; i++) {
      await verifications.insert(aVerification({ verificationId: `ver_${i}`, createTime: at(0) }));
    }
    const first = await verifications.list({}, { size: 3, after: undefined });
    await verifications.insert(aVerification({ createTime: at(1) }));
    const second = await verifications.list({}, { size: 3, after: first.next });
    expect([...first.items, ...second.items].map((one) => one.verificationId)).toEqual(
      [4, 3, 2, 1, 0].map((i) => `ver_${i}`),
    );
    expect(second.next).toBeUndefined();
  });

  test('that have ended and still keep a layer are told, so that it can be let go', async () => {
    await using open = await freshStorage();
    const { verifications } = open.storage;
    const kept = { kind: 'layer', layer: 'l', below: undefined } as const;
    await verifications.insert(aVerification({ verificationId: 'ver_killed', state: 'PASSED', kept }));
    await verifications.insert(aVerification({ verificationId: 'ver_runs', state: 'RUNNING', kept }));
    await verifications.insert(
      aVerification({ verificationId: 'ver_patch', state: 'FAILED', kept: { kind: 'patch', blob: 'b' } }),
    );
    expect((await verifications.endedWithLayer()).map((one) => one.verificationId)).toEqual(['ver_killed']);
    await verifications.update('ver_killed', { kept: undefined } as Partial<Verification>);
    expect(await verifications.endedWithLayer()).toEqual([]);
  });

  test('are found by what they judged: same subject, version and scope, another verification', async () => {
    await using open = await freshStorage();
    const { verifications } = open.storage;
    const ended = { subjectDigest: 'd1', sampleId: 's', sampleVersion: 2, scope: 'PATCH' } as const;
    const passed = aVerification({ ...ended, state: 'PASSED' });
    for (const other of [
      passed,
      aVerification({ ...ended, state: 'ERROR' }),
      aVerification({ ...ended, state: 'FAILED', sampleVersion: 1 }),
      aVerification({ ...ended, state: 'FAILED', sampleId: 't' }),
      aVerification({ ...ended, state: 'FAILED', subjectDigest: 'd2' }),
      aVerification({ ...ended, state: 'FAILED', scope: 'WORKSPACE' }),
    ])
      await verifications.insert(other);
    expect(await verifications.findSibling(passed, ['FAILED', 'TIMED_OUT'])).toBeUndefined();
    expect(await verifications.findSibling(passed, ['PASSED'])).toBeUndefined();
    const failed = aVerification({ ...ended, state: 'TIMED_OUT' });
    await verifications.insert(failed);
    expect(await verifications.findSibling(passed, ['FAILED', 'TIMED_OUT'])).toStrictEqual(failed);
    expect(await verifications.findSibling(failed, ['PASSED'])).toStrictEqual(passed);
  });

  test('name every blob and layer that is kept for them', async () => {
    await using open = await freshStorage();
    const { verifications } = open.storage;
    await verifications.insert(
      aVerification({ kept: { kind: 'layer', layer: 'l2', below: ['l0', 'l1'] }, logBlob: 'log' }),
    );
    await verifications.insert(aVerification({ kept: { kind: 'layer', layer: 'l3', below: undefined } }));
    await verifications.insert(
      aVerification({ subject: { kind: 'patch', patchBlob: 'b2' }, kept: { kind: 'patch', blob: 'b2' } }),
    );
    // Its patch was given up.
    await verifications.insert(aVerification({ subject: { kind: 'patch', patchBlob: 'b1' } }));
    await verifications.insert(aVerification({ kept: { kind: 'unusable', why: 'gone' } }));
    const { blobs, layers } = await verifications.references();
    expect([...blobs].sort()).toEqual(['b2', 'log']);
    expect([...layers].sort()).toEqual(['l0', 'l1', 'l2', 'l3']);
  });

  test('of a session count but for those cancelled and those in ERROR by the service, of its snapshots too', async () => {
    await using open = await freshStorage();
    const { verifications } = open.storage;
    const mine = { kind: 'session', sessionId: 'ses_mine' } as const;
    const counted: Partial<Verification>[] = [
      { state: 'PENDING' },
      { state: 'RUNNING' },
      { state: 'PASSED' },
      { state: 'FAILED', fault: 'SUBJECT' },
      { state: 'TIMED_OUT', fault: 'SUBJECT' },
      { state: 'ERROR', fault: 'SAMPLE' },
      { state: 'PASSED', subject: { kind: 'snapshot', snapshotId: 'snp_1', sessionId: 'ses_mine' } },
    ];
    const free: Partial<Verification>[] = [
      { state: 'CANCELLED' },
      { state: 'ERROR', fault: 'SERVICE' },
      { state: 'PASSED', subject: { kind: 'session', sessionId: 'ses_other' } },
      { state: 'PASSED', subject: { kind: 'patch', patchBlob: 'ses_mine' } },
    ];
    for (const change of [...counted, ...free]) {
      await verifications.insert(aVerification({ subject: mine, ...change }));
    }
    expect(await verifications.countFor('ses_mine')).toBe(counted.length);
    expect(await verifications.insert(aVerification({ subject: mine }), counted.length)).toBe(false);
    expect(await verifications.countFor('ses_mine')).toBe(counted.length);
    expect(await verifications.insert(aVerification({ subject: mine }), counted.length + 1)).toBe(true);
    expect(await verifications.countFor('ses_mine')).toBe(counted.length + 1);
  });

  test('started at once are never more than may be', async () => {
    await using open = await freshStorage();
    const { verifications } = open.storage;
    const many = Array.from({ length: 50 }, () => verifications.insert(aVerification(), 7));
    expect((await Promise.all(many)).filter(Boolean)).toHaveLength(7);
  });

  test('are found by the states that the viewer is shown, and by no other', async () => {
    await using open = await freshStorage();
    const { verifications } = open.storage;
    const subject = { kind: 'session', sessionId: 'ses_1' } as const;
    const put = async (verificationId: string, change: Partial<Verification>): Promise<void> => {
      await verifications.insert(aVerification({ verificationId, subject, ...change }));
    };
    await put('shown', { state: 'PASSED', feedback: 'VERDICT', agentFeedback: 'NONE' });
    await put('kept', { state: 'PASSED', feedback: 'NONE', agentFeedback: 'NONE' });
    await put('waits', { state: 'PENDING', feedback: 'NONE', agentFeedback: 'NONE' });
    await put('cancelled', { state: 'CANCELLED', feedback: 'NONE', agentFeedback: 'NONE' });
    await put('unseen', { state: 'PASSED', feedback: 'FULL', agentFeedback: undefined });
    const found = async (filter: VerificationFilter): Promise<readonly string[]> =>
      (await idsOf(verifications, filter)).toSorted();
    expect(await found({ states: ['PASSED'] })).toEqual(['kept', 'shown', 'unseen']);
    expect(await found({ states: ['ENDED'] })).toEqual([]);
    expect(await found({ viewer: 'RUNNER', states: ['PASSED'] })).toEqual(['shown', 'unseen']);
    expect(await found({ viewer: 'RUNNER', states: ['FAILED'] })).toEqual([]);
    expect(await found({ viewer: 'RUNNER', states: ['ENDED'] })).toEqual(['kept']);
    expect(await found({ viewer: 'RUNNER', states: ['PENDING', 'CANCELLED'] })).toEqual([
      'cancelled',
      'waits',
    ]);
    expect(await found({ viewer: 'AGENT', states: ['PASSED'] })).toEqual([]);
    expect(await found({ viewer: 'AGENT', states: ['ENDED', 'PENDING'] })).toEqual([
      'kept',
      'shown',
      'waits',
    ]);
    expect(await found({ viewer: 'AGENT' })).toEqual(['cancelled', 'kept', 'shown', 'waits']);
  });
});
