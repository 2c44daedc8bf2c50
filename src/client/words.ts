import { ExecState, ExitReason, OutputStream } from '../../gen/codeset/v1/exec.js';
import { FileType } from '../../gen/codeset/v1/file.js';
import {
  AuditVerdict,
  Feedback,
  NetworkMode,
  SampleState,
  SampleView,
  Stage,
  ValidationProblemKind,
  ValidationSubject,
  ValidationVerdict,
  VerificationScope,
} from '../../gen/codeset/v1/sample.js';
import {
  AuditArea,
  AuditAttemptOutcome,
  LeakKind,
  PrefetchOutcome,
} from '../../gen/codeset/v1/sample_service.js';
import { LimitEnforcement, SessionState } from '../../gen/codeset/v1/session.js';
import {
  Fault,
  TestList,
  TestStatus,
  VerdictReason,
  VerificationState,
} from '../../gen/codeset/v1/verification.js';
import { InvalidArgumentError } from './errors.js';

// The words of the product for the numbers of the wire, and back. A number of a newer server reads `UNRECOGNIZED`.

const wordOf =
  (words: Readonly<Record<number, string>>) =>
  (value: number): string =>
    words[value] ?? 'UNRECOGNIZED';

export const sampleState = wordOf(SampleState);
export const sessionState = wordOf(SessionState);
export const execState = wordOf(ExecState);
export const exitReason = wordOf(ExitReason);
export const verificationState = wordOf(VerificationState);
export const testStatus = wordOf(TestStatus);
export const testList = wordOf(TestList);
export const fault = wordOf(Fault);
export const verdictReason = wordOf(VerdictReason);
export const feedback = wordOf(Feedback);
export const stage = wordOf(Stage);
export const prefetchOutcome = wordOf(PrefetchOutcome);
export const validationVerdict = wordOf(ValidationVerdict);
export const validationSubject = wordOf(ValidationSubject);
export const validationProblemKind = wordOf(ValidationProblemKind);
export const auditVerdict = wordOf(AuditVerdict);
export const auditOutcome = wordOf(AuditAttemptOutcome);
export const auditArea = wordOf(AuditArea);
export const leakKind = wordOf(LeakKind);
export const limitEnforcement = wordOf(LimitEnforcement);

/** Whether an output belongs to stderr. */
export const isStderr = (stream: OutputStream): boolean => stream === OutputStream.STDERR;

export const isDirectory = (type: FileType): boolean => type === FileType.DIRECTORY;

export const NETWORK_MODES = { none: NetworkMode.NONE, public: NetworkMode.PUBLIC } as const;
/** As the command line has them. */
export const SESSION_STATES = {
  creating: SessionState.CREATING,
  ready: SessionState.READY,
  error: SessionState.ERROR,
  closed: SessionState.CLOSED,
  expired: SessionState.EXPIRED,
} as const;
/** As SessionInfo.state has them. */
export const SESSION_STATE_WORDS = {
  CREATING: SessionState.CREATING,
  READY: SessionState.READY,
  ERROR: SessionState.ERROR,
  CLOSED: SessionState.CLOSED,
  EXPIRED: SessionState.EXPIRED,
} as const;
/** As the command line has them. */
export const VERIFICATION_STATES = {
  pending: VerificationState.PENDING,
  running: VerificationState.RUNNING,
  passed: VerificationState.PASSED,
  failed: VerificationState.FAILED,
  error: VerificationState.ERROR,
  timed_out: VerificationState.TIMED_OUT,
  cancelled: VerificationState.CANCELLED,
  ended: VerificationState.ENDED,
} as const;
/** As Verdict.state has them. */
export const VERIFICATION_STATE_WORDS = {
  PENDING: VerificationState.PENDING,
  RUNNING: VerificationState.RUNNING,
  PASSED: VerificationState.PASSED,
  FAILED: VerificationState.FAILED,
  ERROR: VerificationState.ERROR,
  TIMED_OUT: VerificationState.TIMED_OUT,
  CANCELLED: VerificationState.CANCELLED,
  ENDED: VerificationState.ENDED,
} as const;
export const SCOPES = {
  patch: VerificationScope.PATCH,
  workspace: VerificationScope.WORKSPACE,
  filesystem: VerificationScope.FILESYSTEM,
} as const;
/** What a validation judges. */
export const VALIDATION_SUBJECTS = {
  untouched: ValidationSubject.UNTOUCHED,
  reference: ValidationSubject.REFERENCE,
} as const;
/** How much of verifications somebody is shown at most. */
export const FEEDBACKS = { none: Feedback.NONE, verdict: Feedback.VERDICT, full: Feedback.FULL } as const;
export const VIEWS = { basic: SampleView.BASIC, full: SampleView.FULL } as const;

/** The number of a word that a caller gave, who may write JavaScript. @throws InvalidArgumentError for another word. */
export function numberOf<T extends number>(
  words: Readonly<Record<string, T>>,
  word: string,
  field: string,
): T {
  const number = Object.hasOwn(words, word) ? words[word] : undefined;
  if (number !== undefined) return number;
  const description = `"${word}" is none of ${Object.keys(words).join(', ')}.`;
  throw new InvalidArgumentError('INVALID_ARGUMENT', 'INVALID_FIELD', `${field}: ${description}`, {
    violations: [{ field, description }],
  });
}
