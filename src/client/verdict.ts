import type {
  Pressure as WirePressure,
  TestCounts,
  Verification as WireVerification,
} from '../../gen/codeset/v1/verification.js';
import { limitsOf, type Limits } from './session-info.js';
import { msOf } from './wire-duration.js';
import { fault, feedback, testList, testStatus, verdictReason, verificationState } from './words.js';

/** Where a verification stands; all but the first two are final. ENDED: how it ended is not for this key. */
export type VerificationState =
  | 'PENDING'
  | 'RUNNING'
  | 'PASSED'
  | 'FAILED'
  | 'ERROR'
  | 'TIMED_OUT'
  | 'CANCELLED'
  | 'ENDED'
  | 'UNRECOGNIZED';

/** One test of a verification. */
export interface TestVerdict {
  readonly name: string;
  /** What the report says of it; MISSING: it is listed, but in no report. */
  readonly status: 'PASSED' | 'FAILED' | 'ERROR' | 'SKIPPED' | 'XFAILED' | 'MISSING' | 'UNRECOGNIZED';
  /** The list of the sample that it is on. */
  readonly list: 'FAIL_TO_PASS' | 'PASS_TO_PASS' | 'FAIL_TO_FAIL' | 'UNLISTED' | 'UNRECOGNIZED';
  /** As the report says, in milliseconds; 0 when it does not. */
  readonly durationMs: number;
  /** What the report says of a failure. */
  readonly message: string;
  /** Whether the process of the code under test wrote that report, and not the sample's script. */
  readonly reportedBySubject: boolean;
}

/** How many tests of a list there are, and how many of them did what it asks: failed, in `failToFail`. */
export interface Counts {
  readonly total: number;
  readonly passed: number;
}

/** What one run of a script, with all that it started, got of the machine. */
export interface Pressure {
  /** From the start of the script to its end, in milliseconds. */
  readonly wallMs: number;
  /** CPU time used, of all CPUs together, in milliseconds. */
  readonly cpuTimeMs: number;
  /** How long its own limit on CPUs held it back, in milliseconds. */
  readonly cpuThrottledMs: number;
  /**
   * How long at least one task waited for a CPU, in milliseconds: of the sandbox, or of the whole machine where the
   * kernel counts only that; undefined where it counts neither.
   */
  readonly cpuWaitedMs: number | undefined;
  /** The most memory it had at once, in bytes. */
  readonly memoryPeakBytes: number;
  /** Processes that the kernel killed for want of memory; undefined where the engine does not know. */
  readonly outOfMemoryKills: number | undefined;
}

/** A verification and what it found. */
export interface Verdict {
  readonly verificationId: string;
  readonly state: VerificationState;
  /** Whether `state` is PASSED. Of one that is ENDED it is false and means nothing. */
  readonly passed: boolean;
  /**
   * What this key is shown of it: NONE: that it ended; VERDICT: state, score and fault; FULL: everything. What is not
   * shown is as if it were not there.
   */
  readonly feedback: 'NONE' | 'VERDICT' | 'FULL' | 'UNSPECIFIED' | 'UNRECOGNIZED';
  /** 0 to 1; undefined when no rule could decide. */
  readonly score: number | undefined;
  /** What a reward file says, by name; that of a number alone is `reward`. Empty in lists of verifications. */
  readonly scores: Readonly<Record<string, number>>;
  /** What decided: the sample's rule, or its canary, which says that the run was tampered with; undefined: nothing yet. */
  readonly reason: 'RULE' | 'TAMPERED' | 'UNSPECIFIED' | 'UNRECOGNIZED' | undefined;
  /** What happened, in a sentence. */
  readonly message: string;
  /** Whose fault it is that it did not pass: `SAMPLE` and `SERVICE` are never to be counted against the agent. */
  readonly fault: 'NONE' | 'SUBJECT' | 'SAMPLE' | 'SERVICE' | 'UNSPECIFIED' | 'UNRECOGNIZED';
  /** Whether the same verification, started again, may end otherwise. */
  readonly retryable: boolean;
  /** Every test that was reported or listed; empty in lists of verifications. */
  readonly tests: readonly TestVerdict[];
  /** Whether there were too many tests for the answer. The counts are whole. */
  readonly testsTruncated: boolean;
  readonly failToPass: Counts;
  readonly passToPass: Counts;
  readonly failToFail: Counts;
  /** Which run this is, from 1. */
  readonly attempt: number;
  /** SHA-256 of what is judged, in hexadecimal digits; empty until known. */
  readonly subjectDigest: string;
  /** SHA-256 of the sample's version and of the environment that it is judged in, in hexadecimal digits. */
  readonly sampleDigest: string;
  readonly environmentDigest: string;
  /** SHA-256 of the script's whole log, in hexadecimal digits; empty until the end. */
  readonly logDigest: string;
  /** The engine that ran it, and its runtime with the version. */
  readonly engine: string;
  readonly runtime: string;
  /** The limits that it ran under; undefined where this key is not shown them. */
  readonly limits: Limits | undefined;
  /** How long its script may take, in milliseconds; undefined where it is not known or not shown. */
  readonly timeoutMs: number | undefined;
  /** The version of the service that judged it. */
  readonly serviceVersion: string;
  /** What is stored of it beside its record, in bytes: its log, and the patch where one was judged. */
  readonly storedBytes: { readonly log: number; readonly subject: number };
  /** Whether its log, or the patch that was judged, was given up to make room. */
  readonly logExpired: boolean;
  readonly subjectExpired: boolean;
  /** What its latest run got of the machine; undefined until the script ran. */
  readonly pressure: Pressure | undefined;
  /** How the sample's script ended; both undefined when it never did. */
  readonly exitCode: number | undefined;
  readonly signal: string | undefined;
  readonly sample: { readonly sampleId: string; readonly version: number } | undefined;
  /** The session that was judged, or that the judged snapshot was taken of; empty when a patch was. */
  readonly sessionId: string;
  /** The snapshot that was judged; else empty. */
  readonly snapshotId: string;
  readonly createTime: Date | undefined;
  readonly startTime: Date | undefined;
  readonly endTime: Date | undefined;
}

export function verdict(verification: WireVerification): Verdict {
  const { result, status, sample } = verification;
  const state = verificationState(verification.state) as VerificationState;
  return {
    verificationId: verification.verificationId,
    state,
    passed: state === 'PASSED',
    feedback: feedback(verification.feedback) as Verdict['feedback'],
    score: result?.score,
    scores: result?.scores ?? {},
    reason:
      result === undefined ? undefined : (verdictReason(result.reason) as NonNullable<Verdict['reason']>),
    message: verification.message,
    fault: fault(verification.fault) as Verdict['fault'],
    retryable: verification.retryable,
    tests: (result?.tests ?? []).map((test) => ({
      name: test.name,
      status: testStatus(test.status) as TestVerdict['status'],
      list: testList(test.list) as TestVerdict['list'],
      durationMs: msOf(test.duration),
      message: test.message,
      reportedBySubject: test.reportedBySubject,
    })),
    testsTruncated: result?.testsTruncated ?? false,
    failToPass: counts(result?.failToPass),
    passToPass: counts(result?.passToPass),
    failToFail: counts(result?.failToFail),
    attempt: verification.attempt,
    subjectDigest: verification.subjectDigest,
    sampleDigest: verification.sampleDigest,
    environmentDigest: verification.environmentDigest,
    logDigest: verification.logDigest,
    engine: verification.engine,
    runtime: verification.runtime,
    limits: verification.resources && limitsOf(verification.resources),
    timeoutMs: verification.timeout && msOf(verification.timeout),
    serviceVersion: verification.serviceVersion,
    storedBytes: {
      log: Number(verification.storedBytes?.log ?? 0),
      subject: Number(verification.storedBytes?.subject ?? 0),
    },
    logExpired: verification.logExpired,
    subjectExpired: verification.subjectExpired,
    pressure: verification.pressure && pressure(verification.pressure),
    exitCode: status?.$case === 'exitCode' ? status.value : undefined,
    signal: status?.$case === 'signal' ? status.value : undefined,
    sample: sample === undefined ? undefined : { sampleId: sample.sampleId, version: sample.version },
    sessionId: verification.sessionId,
    snapshotId: verification.snapshotId,
    createTime: verification.createTime,
    startTime: verification.startTime,
    endTime: verification.endTime,
  };
}

/** Whether a test did what its list asks: failed, in `FAIL_TO_FAIL`. */
export function didAsAsked({ status, list }: Pick<TestVerdict, 'status' | 'list'>): boolean {
  return list === 'FAIL_TO_FAIL'
    ? status === 'FAILED' || status === 'ERROR'
    : status === 'PASSED' || status === 'XFAILED';
}

function pressure(wire: WirePressure): Pressure {
  const { outOfMemoryKills: kills } = wire;
  return {
    wallMs: msOf(wire.wallTime),
    cpuTimeMs: msOf(wire.cpuTime),
    cpuThrottledMs: msOf(wire.cpuThrottled),
    cpuWaitedMs: wire.cpuWaited && msOf(wire.cpuWaited),
    memoryPeakBytes: Number(wire.memoryPeakBytes),
    outOfMemoryKills: kills === undefined ? undefined : Number(kills),
  };
}

const counts = (found: TestCounts | undefined): Counts => ({
  total: found?.total ?? 0,
  passed: found?.passed ?? 0,
});
