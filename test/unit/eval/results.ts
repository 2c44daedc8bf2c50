import type { AttemptResult } from '../../../src/eval/attempt.js';

/** A result of a run, passed unless said otherwise. */
export function aResult(more: Partial<AttemptResult> = {}): AttemptResult {
  return {
    sampleId: 'add',
    version: 1,
    dataset: 'try',
    attempt: 1,
    state: 'PASSED',
    score: 1,
    scores: {},
    fault: 'NONE',
    reason: 'RULE',
    message: '',
    failToPass: null,
    passToPass: null,
    failToFail: null,
    verificationId: 'ver_1',
    subjectDigest: 'd',
    pressure: null,
    sessionId: null,
    agent: null,
    tries: 1,
    startTime: '2026-01-01T00:00:00.000Z',
    endTime: '2026-01-01T00:00:10.000Z',
    seconds: 10,
    verifySeconds: 2,
    files: 'attempts/add/1',
    ...more,
  };
}
