import { join } from 'node:path';
import SqliteConnection from 'better-sqlite3';
import { expect, test } from 'vitest';
import type { Verification } from '../../src/core/verification.js';
import { encodeRow } from '../../src/storage/columns.js';
import { openSqlite } from '../../src/storage/database.js';
import { MIGRATIONS } from '../../src/storage/migrations/migrations.js';
import { SAMPLE_ENCODERS, sampleIn } from '../../src/storage/sample-columns.js';
import { VERIFICATION_ENCODERS, verificationIn } from '../../src/storage/verification-columns.js';
import { SqlVerificationRepository } from '../../src/storage/verification-repository.js';
import type { VerificationRow } from '../../src/storage/schema.js';
import { SESSION_ENCODERS, sessionIn } from '../../src/storage/session-columns.js';
import { SNAPSHOT_ENCODERS, snapshotIn } from '../../src/storage/snapshot-columns.js';
import { aSample, aSession, aSnapshot, aVerification } from '../support/entities.js';
import { tempFolder } from '../support/temp-folder.js';

test('a verdict that an earlier version stored, without rewards, fail_to_fail and reason, is read', () => {
  const verdict = {
    passed: true,
    score: 1,
    grading: 'EXIT_CODE',
    rule: 'EXIT_CODE: exit status 0, and only 0 passes.',
    tests: [],
    failToPass: { passed: 0, total: 0 },
    passToPass: { passed: 0, total: 0 },
  } as const;
  const row: VerificationRow = {
    ...encodeRow(VERIFICATION_ENCODERS, aVerification({ state: 'PASSED' })),
    verdict: JSON.stringify(verdict),
  };
  expect(verificationIn(row).verdict).toEqual({
    ...verdict,
    scores: {},
    failToFail: { passed: 0, total: 0 },
    reason: 'RULE',
  });
});

test('a session and a snapshot of before feedback and limits say nothing of their verifications', () => {
  const session = aSession();
  expect(sessionIn({ ...encodeRow(SESSION_ENCODERS, session), verifying: null })).toEqual(session);
  const snapshot = aSnapshot();
  expect(snapshotIn({ ...encodeRow(SNAPSHOT_ENCODERS, snapshot), verifying: null })).toEqual(snapshot);
});

test('a manifest that an earlier version stored, without fail_to_fail, keep, canary and feedback, is read', () => {
  const sample = aSample();
  const row = encodeRow(SAMPLE_ENCODERS, sample);
  const { failToFail, keep, canary, feedback, maxVerifications, ...before } = sample.manifest.verification;
  const manifest = JSON.stringify({ ...sample.manifest, verification: before });
  expect(sampleIn({ ...row, manifest }).manifest.verification).toEqual({
    ...before,
    failToFail,
    keep,
    canary,
    feedback,
    maxVerifications,
  });
});

test('verifications of before are found by their sessions, are counted, and are shown as they were', async () => {
  await using folder = await tempFolder();
  const path = join(folder.path, 'codeset.db');
  const earlier = Object.fromEntries(Object.entries(MIGRATIONS).filter(([name]) => name < '0005'));
  await (await openSqlite(path, { migrations: earlier })).destroy();
  const raw = new SqliteConnection(path);
  const there = raw.pragma('table_info(verifications)') as { readonly name: string }[];
  const put = (change: Partial<Verification>): void => {
    const row = encodeRow(VERIFICATION_ENCODERS, aVerification(change));
    const columns = there.map(({ name }) => name).filter((name) => name in row);
    raw
      .prepare(`insert into verifications (${columns.join()}) values (${columns.map((c) => `@${c}`).join()})`)
      .run(row);
  };
  put({ verificationId: 'ver_session', subject: { kind: 'session', sessionId: 'ses_1' } });
  put({ verificationId: 'ver_patch', subject: { kind: 'patch', patchBlob: 'ses_1' } });
  raw.close();

  const db = await openSqlite(path, { migrations: MIGRATIONS });
  const verifications = new SqlVerificationRepository(db);
  const { items } = await verifications.list({ sessionId: 'ses_1' }, { size: 10, after: undefined });
  expect(items).toMatchObject([
    { verificationId: 'ver_session', feedback: 'FULL', agentFeedback: undefined },
  ]);
  expect(await verifications.countFor('ses_1')).toBe(1);
  expect(items).toMatchObject([
    { serviceVersion: '', timeoutMs: undefined, patchBytes: 0, logExpireTime: undefined },
  ]);
  await db.destroy();
});
