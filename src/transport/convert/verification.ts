import type { Pressure } from '../../core/pressure.js';
import type { SeenVerification } from '../../core/verification-access.js';
import {
  sessionOfSubject,
  storedBytes,
  verificationHides,
  type TestResult,
  type Verdict,
  type Verification,
} from '../../core/verification.js';
import * as pb from '../../../gen/codeset/v1/verification.js';
import { enumTable } from '../enum-table.js';
import { resourcesToProto } from './environment.js';
import { feedbacks, gradings, scopes } from './sample.js';
import { durationFromMs, textHead } from './time.js';

const MAX_TESTS = 20_000;
/** Of an answer's 3 MiB, what the tests may take. */
const MAX_TESTS_BYTES = 2.5 * 1024 * 1024;
const MAX_MESSAGE_BYTES = 4 * 1024;

export const verificationStates = enumTable(pb.VerificationState, {
  PENDING: 'PENDING',
  RUNNING: 'RUNNING',
  PASSED: 'PASSED',
  FAILED: 'FAILED',
  ERROR: 'ERROR',
  TIMED_OUT: 'TIMED_OUT',
  CANCELLED: 'CANCELLED',
  ENDED: 'ENDED',
});
export const faults = enumTable(pb.Fault, {
  NONE: 'NONE',
  SUBJECT: 'SUBJECT',
  SAMPLE: 'SAMPLE',
  SERVICE: 'SERVICE',
});
export const verdictReasons = enumTable(pb.VerdictReason, { RULE: 'RULE', TAMPERED: 'TAMPERED' });
export const testStatuses = enumTable(pb.TestStatus, {
  PASSED: 'PASSED',
  FAILED: 'FAILED',
  ERROR: 'ERROR',
  SKIPPED: 'SKIPPED',
  XFAILED: 'XFAILED',
  MISSING: 'MISSING',
});
export const testLists = enumTable(pb.TestList, {
  FAIL_TO_PASS: 'FAIL_TO_PASS',
  PASS_TO_PASS: 'PASS_TO_PASS',
  FAIL_TO_FAIL: 'FAIL_TO_FAIL',
  UNLISTED: 'UNLISTED',
});

/** `summary` is for lists and leaves the tests out. */
export function seenToProto(
  { verification, feedback }: SeenVerification,
  depth: 'summary' | 'full',
): pb.Verification {
  const whole = { ...verificationToProto(verification, depth), feedback: feedbacks.toProto(feedback) };
  if (feedback === 'FULL') return whole;
  // What may be seen is named, so that whatever is added to a verification is kept back until somebody has thought.
  const { verificationId, sample, sessionId, snapshotId, scope, createTime, startTime, endTime } = whole;
  const bare = { verificationId, sample, sessionId, snapshotId, scope, createTime, startTime, endTime };
  if (feedback === 'NONE') {
    const state = verificationHides(verification.state) ? pb.VerificationState.ENDED : whole.state;
    return pb.Verification.fromPartial({ ...bare, state, feedback: whole.feedback });
  }
  const { state, fault, retryable, engine, runtime, resources, result } = whole;
  return pb.Verification.fromPartial({
    ...bare,
    state,
    feedback: whole.feedback,
    fault,
    retryable,
    engine,
    runtime,
    ...(resources === undefined ? {} : { resources }),
    ...(result === undefined ? {} : { result: { grading: result.grading, score: result.score } }),
  });
}

function verificationToProto(verification: Verification, depth: 'summary' | 'full'): pb.Verification {
  return {
    verificationId: verification.verificationId,
    state: verificationStates.toProto(verification.state),
    sample: { sampleId: verification.sampleId, version: verification.sampleVersion, dataset: '' },
    sessionId: sessionOfSubject(verification.subject) ?? '',
    snapshotId: verification.subject.kind === 'snapshot' ? verification.subject.snapshotId : '',
    feedback: feedbacks.toProto('FULL'),
    scope: scopes.toProto(verification.scope),
    subjectDigest: verification.subjectDigest,
    sampleDigest: verification.sampleDigest,
    environmentDigest: verification.environmentDigest,
    attempt: verification.attempt,
    result: verification.verdict === undefined ? undefined : verdictToProto(verification.verdict, depth),
    message: textHead(verification.message, depth === 'summary' ? 1024 : 64 * 1024),
    fault: faults.toProto(verification.fault),
    retryable: verification.retryable,
    engine: verification.engine,
    resources: resourcesToProto(verification.resources),
    timeout: verification.timeoutMs === undefined ? undefined : durationFromMs(verification.timeoutMs),
    pressure: verification.pressure === undefined ? undefined : pressureToProto(verification.pressure),
    runtime: verification.runtime,
    serviceVersion: verification.serviceVersion,
    storedBytes: storedToProto(verification),
    logExpired: verification.logExpireTime !== undefined,
    subjectExpired: verification.subjectExpireTime !== undefined,
    logBytes: BigInt(verification.logBytes),
    logCutBytes: BigInt(verification.logCutBytes),
    logDigest: verification.logDigest,
    createTime: verification.createTime,
    startTime: verification.startTime,
    endTime: verification.endTime,
    status:
      verification.exitCode !== undefined
        ? { $case: 'exitCode', value: verification.exitCode }
        : verification.exitSignal !== undefined
          ? { $case: 'signal', value: verification.exitSignal }
          : undefined,
  };
}

function storedToProto(verification: Verification): pb.StoredBytes {
  const { log, subject } = storedBytes(verification);
  return { log: BigInt(log), subject: BigInt(subject) };
}

function pressureToProto(pressure: Pressure): pb.Pressure {
  const { cpuWaitedMs, outOfMemoryKills } = pressure;
  return {
    wallTime: durationFromMs(pressure.wallMs),
    cpuTime: durationFromMs(pressure.cpuTimeMs),
    cpuThrottled: durationFromMs(pressure.cpuThrottledMs),
    cpuWaited: cpuWaitedMs === undefined ? undefined : durationFromMs(cpuWaitedMs),
    memoryPeakBytes: BigInt(pressure.memoryPeakBytes),
    outOfMemoryKills: outOfMemoryKills === undefined ? undefined : BigInt(outOfMemoryKills),
  };
}

function verdictToProto(verdict: Verdict, depth: 'summary' | 'full'): pb.VerificationResult {
  const shown = depth === 'summary' ? [] : testsToProto(verdict.tests);
  return {
    grading: gradings.toProto(verdict.grading),
    rule: textHead(verdict.rule, MAX_MESSAGE_BYTES),
    reason: verdictReasons.toProto(verdict.reason),
    score: verdict.score,
    scores: depth === 'summary' ? {} : { ...verdict.scores },
    tests: shown,
    testsTruncated: depth === 'full' && shown.length < verdict.tests.length,
    failToPass: { ...verdict.failToPass },
    passToPass: { ...verdict.passToPass },
    failToFail: { ...verdict.failToFail },
  };
}

function testsToProto(tests: readonly TestResult[]): pb.TestResult[] {
  // Listed tests first: when something has to be left out, it is what nobody asked about.
  const ordered = [
    ...tests.filter((test) => test.list !== 'UNLISTED'),
    ...tests.filter((test) => test.list === 'UNLISTED'),
  ].slice(0, MAX_TESTS);
  const shown: pb.TestResult[] = [];
  let left = MAX_TESTS_BYTES;
  for (const test of ordered) {
    const message = textHead(test.message, MAX_MESSAGE_BYTES);
    left -= Buffer.byteLength(test.name) + Buffer.byteLength(message) + 48;
    if (left < 0) break;
    shown.push({
      name: test.name,
      status: testStatuses.toProto(test.status),
      list: testLists.toProto(test.list),
      duration: durationFromMs(test.durationMs),
      message,
      reportedBySubject: test.bySubject,
    });
  }
  return shown;
}
