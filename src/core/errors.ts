/** Every reason that a client may meet; the proto's ErrorReason lists the same, and a test compares them. */
export type ErrorReason =
  // bad input
  | 'INVALID_FIELD'
  | 'INVALID_MANIFEST'
  | 'INVALID_ARCHIVE'
  | 'INVALID_REPOSITORY'
  | 'INVALID_PAGE_TOKEN'
  | 'INVALID_STREAM'
  | 'STDIN_GAP'
  | 'OFFSET_OUT_OF_RANGE'
  | 'PATCH_REJECTED'
  | 'TEXT_NOT_FOUND'
  | 'TEXT_NOT_UNIQUE'
  | 'NOT_TEXT'
  // who calls
  | 'KEY_MISSING'
  | 'KEY_INVALID'
  | 'ROLE_INSUFFICIENT'
  // unknown things
  | 'DATASET_NOT_FOUND'
  | 'SAMPLE_NOT_FOUND'
  | 'SAMPLE_VERSION_NOT_FOUND'
  | 'REPOSITORY_NOT_FOUND'
  | 'COMMIT_NOT_FOUND'
  | 'SESSION_NOT_FOUND'
  | 'EXEC_NOT_FOUND'
  | 'VERIFICATION_NOT_FOUND'
  | 'KEY_NOT_FOUND'
  | 'SNAPSHOT_NOT_FOUND'
  | 'PATH_NOT_FOUND'
  // taken
  | 'REQUEST_ID_REUSED'
  | 'EXEC_ID_REUSED'
  | 'SAMPLE_EXISTS'
  | 'PATH_EXISTS'
  // not now
  | 'SAMPLE_NOT_READY'
  | 'SAMPLE_IN_USE'
  | 'SNAPSHOT_IN_USE'
  | 'SESSION_NOT_READY'
  | 'SESSION_ENDED'
  | 'SESSION_LOST'
  | 'EXEC_ENDED'
  | 'STDIN_CLOSED'
  | 'STDIN_BUSY'
  | 'NO_TERMINAL'
  | 'VERIFICATION_ENDED'
  | 'VERIFICATION_NOT_ENDED'
  | 'VERIFICATION_LOG_EXPIRED'
  | 'ENGINE_UNSUPPORTED'
  | 'ENVIRONMENT_UNMET'
  | 'NOT_A_FILE'
  | 'NOT_A_DIRECTORY'
  | 'DIRECTORY_NOT_EMPTY'
  | 'PATH_DENIED'
  // too much
  | 'SESSION_LIMIT'
  | 'VERIFICATION_LIMIT'
  | 'SESSION_VERIFICATION_LIMIT'
  | 'EXEC_LIMIT'
  | 'TOO_LARGE'
  | 'DISK_FULL'
  // ours
  | 'ENGINE_FAILED'
  | 'ENGINE_UNAVAILABLE'
  | 'SHUTTING_DOWN'
  | 'DEADLINE'
  | 'INTERNAL';

/** What sort of error it is; transport maps each to one gRPC status code. */
export type ErrorKind =
  | 'invalid-argument'
  | 'out-of-range'
  | 'unauthenticated'
  | 'permission-denied'
  | 'not-found'
  | 'already-exists'
  | 'failed-precondition'
  | 'resource-exhausted'
  | 'aborted'
  | 'unavailable'
  | 'deadline-exceeded'
  | 'cancelled'
  | 'internal';

export interface FieldViolation {
  /** Path of the field as the caller wrote it: `ttl`, `sample.yaml:12: resources.memory`. */
  readonly field: string;
  readonly description: string;
}

export interface ErrorDetails {
  /** Facts for programs, such as `{session_id: "ses_…"}`. Never anything internal. */
  readonly metadata?: Readonly<Record<string, string>>;
  readonly violations?: readonly FieldViolation[];
  /** Milliseconds after which trying again makes sense; absent when trying again does not help. */
  readonly retryAfterMs?: number;
  /** For the log only; never shown to a client. */
  readonly cause?: unknown;
}

/**
 * The only error that core lets out on purpose. `message` is a sentence for the caller that says what to do.
 * Anything else that is thrown is a defect and reaches the client as INTERNAL without its text.
 */
export class CodesetError extends Error {
  override readonly name = 'CodesetError';
  readonly kind: ErrorKind;
  readonly reason: ErrorReason;
  readonly metadata: Readonly<Record<string, string>>;
  readonly violations: readonly FieldViolation[];
  readonly retryAfterMs: number | undefined;

  constructor(kind: ErrorKind, reason: ErrorReason, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.kind = kind;
    this.reason = reason;
    this.metadata = details.metadata ?? {};
    this.violations = details.violations ?? [];
    this.retryAfterMs = details.retryAfterMs;
  }
}

/**
 * An engine can't be asked at all: its daemon does not answer. Who keeps the engine takes it for away then. Other
 * failures have the same reason where the same may be tried again, and say nothing of what else the engine can do.
 */
export class EngineAway extends CodesetError {
  constructor(message: string, details: ErrorDetails = {}) {
    super('unavailable', 'ENGINE_UNAVAILABLE', message, details);
  }
}

/** A request with wrong fields. @param violations at least one. */
export function invalidFields(
  violations: readonly FieldViolation[],
  reason: ErrorReason = 'INVALID_FIELD',
): CodesetError {
  const first = violations[0];
  const more = violations.length > 1 ? ` (and ${violations.length - 1} more)` : '';
  const text =
    first === undefined ? 'The request is invalid.' : `${first.field}: ${first.description}${more}`;
  return new CodesetError('invalid-argument', reason, text, { violations });
}

export function notFound(reason: ErrorReason, what: string, id: string): CodesetError {
  return new CodesetError('not-found', reason, `There is no ${what} "${id}" that you may see.`, {
    metadata: { id },
  });
}

export function failedPrecondition(
  reason: ErrorReason,
  message: string,
  details: ErrorDetails = {},
): CodesetError {
  return new CodesetError('failed-precondition', reason, message, details);
}
