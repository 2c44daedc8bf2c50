import type { Sample as WireSample } from '../../gen/codeset/v1/sample.js';
import { auditOutline, type AuditOutline } from './audit-info.js';
import { validationInfo, type ValidationInfo } from './validation-info.js';
import { msOf } from './wire-duration.js';
import { sampleState } from './words.js';

/** One version of a sample. */
export interface SampleInfo {
  readonly sampleId: string;
  /** Counted from 1. */
  readonly version: number;
  readonly dataset: string;
  /** PREPARING: sessions made now wait for it. */
  readonly state: 'PREPARING' | 'READY' | 'ERROR' | 'UNRECOGNIZED';
  /** Why its preparation failed; else empty. */
  readonly error: string;
  /** One line for listings. */
  readonly description: string;
  readonly language: string;
  readonly tags: readonly string[];
  /** The task for the agent, Markdown. Empty in lists. */
  readonly task: string;
  /** The id as its origin spells it. */
  readonly sourceId: string;
  /** The commit that the codebase stands at; empty until it is unpacked. */
  readonly baseCommit: string;
  /** The SHA-256 of this version's content. */
  readonly digest: string;
  /** How long its verification may run, in milliseconds. */
  readonly verificationTimeoutMs: number;
  readonly createTime: Date | undefined;
  /** What its last validation found; undefined when there was none. Its problems are told by `validate` only. */
  readonly validation: ValidationInfo | undefined;
  /**
   * Two verifications of one subject that disagreed: the sample is flaky, or what was judged is. Ids and digest are
   * empty without an admin's key.
   */
  readonly disagreement:
    | {
        readonly subjectDigest: string;
        readonly passedVerificationId: string;
        readonly failedVerificationId: string;
        readonly time: Date | undefined;
      }
    | undefined;
  /** What its last audit came to; undefined when there was none, and without an admin's key. */
  readonly audit: AuditOutline | undefined;
}

export function sampleInfo(sample: WireSample): SampleInfo {
  return {
    sampleId: sample.sampleId,
    version: sample.version,
    dataset: sample.dataset,
    state: sampleState(sample.state) as SampleInfo['state'],
    error: sample.error,
    description: sample.description,
    language: sample.language,
    tags: sample.tags,
    task: sample.task,
    sourceId: sample.sourceId,
    baseCommit: sample.baseCommit,
    digest: sample.digest,
    verificationTimeoutMs: msOf(sample.verification?.timeout),
    createTime: sample.createTime,
    validation: sample.validation && validationInfo(sample.validation),
    disagreement: sample.disagreement,
    audit: sample.audit && auditOutline(sample.audit),
  };
}
