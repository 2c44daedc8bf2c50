import type { Feedback } from './feedback.js';
import type { Resources } from './environment.js';
import type { Pressure } from './pressure.js';
import type { Grading, VerificationScope } from './sample.js';

export type VerificationState =
  'PENDING' | 'RUNNING' | 'PASSED' | 'FAILED' | 'ERROR' | 'TIMED_OUT' | 'CANCELLED';
export type Fault = 'NONE' | 'SUBJECT' | 'SAMPLE' | 'SERVICE';

export type TestStatus = 'PASSED' | 'FAILED' | 'SKIPPED' | 'XFAILED' | 'ERROR' | 'MISSING';

/** One test of the report, or one that was expected and is missing. */
export interface TestResult {
  readonly name: string;
  readonly status: TestStatus;
  readonly durationMs: number;
  /** The failure's text, cut to 4 KiB. */
  readonly message: string;
  /** Which expected list names it. */
  readonly list: 'FAIL_TO_PASS' | 'PASS_TO_PASS' | 'FAIL_TO_FAIL' | 'UNLISTED';
  /** The report came from what `as-subject` started, not from the script itself. */
  readonly bySubject: boolean;
}

/** How many tests a list names, and how many did what it asks: failed, of those in FAIL_TO_FAIL. */
export interface ListCount {
  readonly passed: number;
  readonly total: number;
}

export type VerdictReason = 'RULE' | 'TAMPERED';

/** What grading says: a rule applied to an exit and reports. */
export interface Verdict {
  readonly passed: boolean;
  /** 0–1. */
  readonly score: number;
  /** What a reward file says, by name; that of a number alone is `reward`. Empty for other rules. */
  readonly scores: Readonly<Record<string, number>>;
  readonly grading: Grading;
  /** The rule that decided, in words. */
  readonly rule: string;
  /** What decided: the rule, or canaries that say that the run itself was tampered with. */
  readonly reason: VerdictReason;
  readonly tests: readonly TestResult[];
  readonly failToPass: ListCount;
  readonly passToPass: ListCount;
  readonly failToFail: ListCount;
}

export type Subject =
  | { readonly kind: 'session'; readonly sessionId: string }
  | {
      readonly kind: 'snapshot';
      readonly snapshotId: string;
      /** That it was taken of, whose verification it is, too. */
      readonly sessionId: string;
    }
  /** `patchBlob` is '' of a reference solution that is layers. */
  | { readonly kind: 'patch'; readonly patchBlob: string };

/** Whose verification it is; undefined when a patch is judged. */
export function sessionOfSubject(subject: Subject): string | undefined {
  return subject.kind === 'patch' ? undefined : subject.sessionId;
}

/** What is kept beside a verification's record, in bytes. */
export interface StoredBytes {
  readonly log: number;
  readonly subject: number;
}

export function storedBytes(verification: Verification): StoredBytes {
  const { kept, patchBytes, logBlob, logBytes, logCutBytes } = verification;
  return {
    log: logBlob === undefined ? 0 : logBytes - logCutBytes,
    subject: kept?.kind === 'patch' ? patchBytes : 0,
  };
}

/** One run of a sample's verification script. */
export interface Verification {
  readonly verificationId: string;
  readonly requestId: string | undefined;
  readonly requestDigest: string;
  readonly sampleId: string;
  readonly sampleVersion: number;
  readonly subject: Subject;
  readonly scope: VerificationScope;
  /** The kept subject: a blob of a patch, or a layer of the engine. */
  readonly kept: KeptSubject | undefined;
  /** Of the patch that is judged; 0 for any other subject. */
  readonly patchBytes: number;
  /** When the patch was given up to make room; undefined: it was not. */
  readonly subjectExpireTime: Date | undefined;
  /** What a RUNNER is shown of it. */
  readonly feedback: Feedback;
  /** What the session's agent is shown of it; undefined: nothing, not even that it is there. */
  readonly agentFeedback: Feedback | undefined;
  readonly state: VerificationState;
  /** 1 at first; raised when a restart, a fault of the service or a crowded machine makes it run again. */
  readonly attempt: number;
  readonly fault: Fault;
  readonly retryable: boolean;
  /** What happened in a sentence. */
  readonly message: string;
  readonly verdict: Verdict | undefined;
  readonly exitCode: number | undefined;
  readonly exitSignal: string | undefined;
  /** SHA-256 (hex) over the canonical tree of what was judged; '' until known. */
  readonly subjectDigest: string;
  /** SHA-256 (hex) of all that the sample's version is; '' of one that an earlier version of the service made. */
  readonly sampleDigest: string;
  /** SHA-256 (hex) of the environment that it is judged in, with what it came down to (an image's digest); as above. */
  readonly environmentDigest: string;
  /** SHA-256 (hex) of the whole log, before any cut. */
  readonly logDigest: string;
  readonly logBytes: number;
  /** Blob of the kept log (head and tail where it was cut); set at the end. */
  readonly logBlob: string | undefined;
  /** Bytes cut from the middle of the kept log; 0 when it is whole. */
  readonly logCutBytes: number;
  /** When the kept log was given up to make room; undefined: it was not. */
  readonly logExpireTime: Date | undefined;
  readonly engine: string;
  readonly runtime: string;
  /** Of the service that judged it, or took it on; '' of one that an earlier version of the service made. */
  readonly serviceVersion: string;
  readonly resources: Resources;
  /** Of its script; undefined of one that an earlier version of the service made. */
  readonly timeoutMs: number | undefined;
  /** What its last run got of the machine; undefined until the script ran. */
  readonly pressure: Pressure | undefined;
  readonly createTime: Date;
  readonly startTime: Date | undefined;
  readonly endTime: Date | undefined;
}

export type KeptSubject =
  | { readonly kind: 'patch'; readonly blob: string }
  | {
      readonly kind: 'layer';
      readonly layer: string;
      /** What the session's workspace stood on, lowest first; undefined: the sample's layers. */
      readonly below: readonly string[] | undefined;
    }
  | {
      readonly kind: 'layers';
      /** What is judged stands on them, lowest first. */
      readonly workspace: readonly string[];
      /** Of all else but the workspace; undefined: the sample's layers. */
      readonly root: readonly string[] | undefined;
      /** Those of them that were made for this verification, and go with it. */
      readonly own: readonly string[];
    }
  /** The tree could not be kept, by the subject's own doing: judged FAILED without a run. */
  | { readonly kind: 'unusable'; readonly why: string };

const MOVES: Readonly<Record<VerificationState, readonly VerificationState[]>> = {
  PENDING: ['RUNNING', 'ERROR', 'CANCELLED'],
  RUNNING: ['PASSED', 'FAILED', 'ERROR', 'TIMED_OUT', 'CANCELLED'],
  PASSED: [],
  FAILED: [],
  ERROR: [],
  TIMED_OUT: [],
  CANCELLED: [],
};

export function verificationMayBecome(from: VerificationState, to: VerificationState): boolean {
  return MOVES[from].includes(to);
}

export function verificationEnded(state: VerificationState): boolean {
  return MOVES[state].length === 0;
}

/** Whether it ended against what was judged, with nobody else to blame. */
export function verificationBlamesSubject({ state, fault }: Verification): boolean {
  return (state === 'FAILED' || state === 'TIMED_OUT') && fault === 'SUBJECT';
}

/** Whether the state says what was found, which feedback NONE keeps back. */
export function verificationHides(state: VerificationState): boolean {
  return verificationEnded(state) && state !== 'CANCELLED';
}

/** As somebody is shown it: ENDED where the feedback is NONE. */
export type SeenState = VerificationState | 'ENDED';

export interface VerificationFilter {
  /** Of this session and of its snapshots. */
  readonly sessionId?: string;
  readonly sampleId?: string;
  /** As `viewer` is shown them. */
  readonly states?: readonly SeenState[];
  /** Whose feedback counts; undefined: an admin's, who sees all. An agent finds only what it is shown anything of. */
  readonly viewer?: 'RUNNER' | 'AGENT';
  /** Leaves out what validations and audits started. */
  readonly withoutValidations?: boolean;
}
