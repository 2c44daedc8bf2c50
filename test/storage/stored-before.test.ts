import { expect, test } from 'vitest';
import { encodeRow } from '../../src/storage/columns.js';
import { SAMPLE_ENCODERS, sampleIn } from '../../src/storage/sample-columns.js';
import { VERIFICATION_ENCODERS, verificationIn } from '../../src/storage/verification-columns.js';
import type { VerificationRow } from '../../src/storage/schema.js';
import { aSample, aVerification } from '../support/entities.js';

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

test('a manifest that an earlier version stored, without fail_to_fail, keep and canary, is read', () => {
  const sample = aSample();
  const row = encodeRow(SAMPLE_ENCODERS, sample);
  const { failToFail, keep, canary, ...before } = sample.manifest.verification;
  const manifest = JSON.stringify({ ...sample.manifest, verification: before });
  expect(sampleIn({ ...row, manifest }).manifest.verification).toEqual({
    ...before,
    failToFail,
    keep,
    canary,
  });
});
