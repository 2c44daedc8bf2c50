import type { Feedback } from '../core/feedback.js';
import type { Pressure } from '../core/pressure.js';
import type { VerificationScope } from '../core/sample.js';
import { sessionOfSubject } from '../core/verification.js';
import type {
  Fault,
  KeptSubject,
  Subject,
  Verdict,
  Verification,
  VerificationState,
} from '../core/verification.js';
import {
  jsonIn,
  optionalIn,
  optionalOut,
  optionalTimeIn,
  optionalTimeOut,
  timeIn,
  timeOut,
} from './columns.js';
import type { Encoders } from './columns.js';
import type { VerificationRow } from './schema.js';

export const VERIFICATION_ENCODERS: Encoders<Verification, VerificationRow> = {
  verificationId: (verification_id) => ({ verification_id }),
  requestId: (id) => ({ request_id: optionalOut(id) }),
  requestDigest: (request_digest) => ({ request_digest }),
  sampleId: (sample_id) => ({ sample_id }),
  sampleVersion: (sample_version) => ({ sample_version }),
  subject: (subject) => ({
    subject_kind: subject.kind,
    subject_ref: subjectRef(subject),
    session_id: sessionOfSubject(subject) ?? null,
  }),
  feedback: (feedback) => ({ feedback }),
  agentFeedback: (feedback) => ({ agent_feedback: optionalOut(feedback) }),
  scope: (scope) => ({ scope }),
  kept: (kept) => ({
    kept_kind: kept?.kind ?? null,
    kept_ref: kept === undefined ? null : refOf(kept),
    kept_below: kept === undefined ? null : belowOf(kept),
  }),
  state: (state) => ({ state }),
  attempt: (attempt) => ({ attempt }),
  fault: (fault) => ({ fault }),
  retryable: (retryable) => ({ retryable: retryable ? 1 : 0 }),
  message: (message) => ({ message }),
  verdict: (verdict) => ({ verdict: verdict === undefined ? null : JSON.stringify(verdict) }),
  exitCode: (code) => ({ exit_code: optionalOut(code) }),
  exitSignal: (signal) => ({ exit_signal: optionalOut(signal) }),
  subjectDigest: (subject_digest) => ({ subject_digest }),
  sampleDigest: (sample_digest) => ({ sample_digest }),
  environmentDigest: (environment_digest) => ({ environment_digest }),
  logDigest: (log_digest) => ({ log_digest }),
  logBytes: (log_bytes) => ({ log_bytes }),
  logBlob: (blob) => ({ log_blob: optionalOut(blob) }),
  logCutBytes: (log_cut_bytes) => ({ log_cut_bytes }),
  logExpireTime: (time) => ({ log_expire_time: optionalTimeOut(time) }),
  patchBytes: (patch_bytes) => ({ patch_bytes }),
  subjectExpireTime: (time) => ({ subject_expire_time: optionalTimeOut(time) }),
  engine: (engine) => ({ engine }),
  runtime: (runtime) => ({ runtime }),
  serviceVersion: (service_version) => ({ service_version }),
  timeoutMs: (ms) => ({ timeout_ms: optionalOut(ms) }),
  resources: (resources) => ({ resources: JSON.stringify(resources) }),
  pressure: (pressure) => ({ pressure: pressure === undefined ? null : JSON.stringify(pressure) }),
  createTime: (time) => ({ create_time: timeOut(time) }),
  startTime: (time) => ({ start_time: optionalTimeOut(time) }),
  endTime: (time) => ({ end_time: optionalTimeOut(time) }),
};

export function verificationIn(row: VerificationRow): Verification {
  return {
    verificationId: row.verification_id,
    requestId: optionalIn(row.request_id),
    requestDigest: row.request_digest,
    sampleId: row.sample_id,
    sampleVersion: row.sample_version,
    subject: subjectIn(row),
    scope: row.scope as VerificationScope,
    kept: keptIn(row),
    feedback: row.feedback as Feedback,
    agentFeedback: optionalIn(row.agent_feedback) as Feedback | undefined,
    state: row.state as VerificationState,
    attempt: row.attempt,
    fault: row.fault as Fault,
    retryable: row.retryable !== 0,
    message: row.message,
    verdict: row.verdict === null ? undefined : verdictIn(row.verdict),
    exitCode: optionalIn(row.exit_code),
    exitSignal: optionalIn(row.exit_signal),
    subjectDigest: row.subject_digest,
    sampleDigest: row.sample_digest,
    environmentDigest: row.environment_digest,
    logDigest: row.log_digest,
    logBytes: row.log_bytes,
    logBlob: optionalIn(row.log_blob),
    logCutBytes: row.log_cut_bytes,
    logExpireTime: optionalTimeIn(row.log_expire_time),
    patchBytes: row.patch_bytes ?? 0,
    subjectExpireTime: optionalTimeIn(row.subject_expire_time),
    engine: row.engine,
    runtime: row.runtime,
    serviceVersion: row.service_version,
    timeoutMs: optionalIn(row.timeout_ms),
    resources: jsonIn(row.resources),
    pressure: row.pressure === null ? undefined : pressureIn(row.pressure),
    createTime: timeIn(row.create_time),
    startTime: optionalTimeIn(row.start_time),
    endTime: optionalTimeIn(row.end_time),
  };
}

function refOf(kept: KeptSubject): string {
  switch (kept.kind) {
    case 'patch':
      return kept.blob;
    case 'layer':
      return kept.layer;
    case 'layers':
      return JSON.stringify(kept.own);
    case 'unusable':
      return kept.why;
  }
}

function belowOf(kept: KeptSubject): string | null {
  if (kept.kind === 'layers') return JSON.stringify({ root: kept.root, workspace: kept.workspace });
  return kept.kind === 'layer' && kept.below !== undefined ? JSON.stringify(kept.below) : null;
}

/** Every layer that a stored verification refers to. */
export function keptLayers(
  row: Pick<VerificationRow, 'kept_kind' | 'kept_ref' | 'kept_below'>,
): readonly string[] {
  const { kept_kind: kind, kept_ref: ref, kept_below: below } = row;
  if (kind === 'layer')
    return [...(ref === null ? [] : [ref]), ...(below === null ? [] : jsonIn<string[]>(below))];
  if (kind !== 'layers' || below === null) return [];
  const { root = [], workspace } = jsonIn<Stacks>(below);
  return [...root, ...workspace];
}

interface Stacks {
  readonly root?: readonly string[];
  readonly workspace: readonly string[];
}

function subjectRef(subject: Subject): string {
  switch (subject.kind) {
    case 'session':
      return subject.sessionId;
    case 'snapshot':
      return subject.snapshotId;
    case 'patch':
      return subject.patchBlob;
  }
}

function subjectIn(row: VerificationRow): Subject {
  switch (row.subject_kind) {
    case 'session':
      return { kind: 'session', sessionId: row.subject_ref };
    case 'snapshot':
      return { kind: 'snapshot', snapshotId: row.subject_ref, sessionId: row.session_id ?? '' };
    default:
      return { kind: 'patch', patchBlob: row.subject_ref };
  }
}

function keptIn(row: VerificationRow): KeptSubject | undefined {
  const ref = row.kept_ref ?? '';
  switch (row.kept_kind) {
    case null:
      return undefined;
    case 'patch':
      return { kind: 'patch', blob: ref };
    case 'layer':
      return {
        kind: 'layer',
        layer: ref,
        below: row.kept_below === null ? undefined : jsonIn(row.kept_below),
      };
    case 'layers': {
      const { root, workspace } = jsonIn<Stacks>(row.kept_below ?? '{"workspace":[]}');
      return { kind: 'layers', workspace, root, own: jsonIn(ref) };
    }
    case 'unusable':
      return { kind: 'unusable', why: ref };
    default:
      throw new Error(`The stored verification ${row.verification_id} keeps an unknown kind of subject.`);
  }
}

/** What an earlier version of the service stored has no rewards, no counts of fail_to_fail and no reason. */
type Later = 'failToFail' | 'scores' | 'reason';
type StoredVerdict = Omit<Verdict, Later> & Partial<Pick<Verdict, Later>>;

function verdictIn(text: string): Verdict {
  return { scores: {}, failToFail: { passed: 0, total: 0 }, reason: 'RULE', ...jsonIn<StoredVerdict>(text) };
}

/** JSON leaves out what is undefined. */
function pressureIn(text: string): Pressure {
  const { cpuWaitedMs, outOfMemoryKills, ...rest } = jsonIn<Pressure>(text);
  return { ...rest, cpuWaitedMs, outOfMemoryKills };
}
