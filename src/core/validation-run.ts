import { BY_AUDIT } from './audit-run.js';
import type { SampleName } from './sample-catalog.js';
import type { Validation, ValidationSubject } from './validation.js';
import type { Verification, VerificationState } from './verification.js';

/** How each subject has to end. */
export const EXPECTED: Readonly<Record<ValidationSubject, VerificationState>> = Object.freeze({
  UNTOUCHED: 'FAILED',
  REFERENCE: 'PASSED',
});

export interface ValidationRequest {
  readonly sample: SampleName;
  /** Of each subject. */
  readonly runs: number;
  /** Side by side; more than the service runs at once means that. */
  readonly concurrency: number;
  /** Only this one; undefined: both. */
  readonly only: ValidationSubject | undefined;
}

/** One verification of a validation, ended. */
export interface ValidationRun {
  readonly subject: ValidationSubject;
  /** Of this subject, from 1. */
  readonly run: number;
  readonly verification: Verification;
}

export type ValidationEvent = { readonly sampleId: string; readonly version: number } & (
  | ({ readonly type: 'run' } & ValidationRun)
  | { readonly type: 'validation'; readonly validation: Validation }
);

/** How request ids of a validation's verifications begin. A slash is in no request id of a client's. */
const BY_VALIDATION = 'validation/';

/** How request ids begin of all that the service starts to find out about a sample. */
export const BY_CHECKS: readonly string[] = [BY_VALIDATION, BY_AUDIT];

/** The request id of one verification of a validation. */
export function runRequestId(validationId: string, subject: ValidationSubject, run: number): string {
  return `${BY_VALIDATION}${validationId}/${subject}/${run}`;
}

/** Whether a validation or an audit started it: it is of no use once that call is gone. */
export function startedByCheck({ requestId = '' }: Verification): boolean {
  return BY_CHECKS.some((prefix) => requestId.startsWith(prefix));
}

/** Whether it ended with an answer about the sample: errors of the service and cancelled ones say nothing of it. */
export function tellsOfSample({ state, fault }: Verification): boolean {
  return (
    state === 'PASSED' ||
    state === 'FAILED' ||
    state === 'TIMED_OUT' ||
    (state === 'ERROR' && fault === 'SAMPLE')
  );
}
