import { ServerError, Status } from 'nice-grpc-common';
import {
  BadRequest,
  ErrorInfo,
  RequestInfo,
  ResourceInfo,
  RetryInfo,
  RichServerError,
  type ErrorDetails,
} from 'nice-grpc-error-details';
import { CodesetError, type ErrorKind, type ErrorReason } from '../core/errors.js';

export const ERROR_DOMAIN = 'codeset';

const CODES = {
  'invalid-argument': Status.INVALID_ARGUMENT,
  'out-of-range': Status.OUT_OF_RANGE,
  unauthenticated: Status.UNAUTHENTICATED,
  'permission-denied': Status.PERMISSION_DENIED,
  'not-found': Status.NOT_FOUND,
  'already-exists': Status.ALREADY_EXISTS,
  'failed-precondition': Status.FAILED_PRECONDITION,
  'resource-exhausted': Status.RESOURCE_EXHAUSTED,
  aborted: Status.ABORTED,
  unavailable: Status.UNAVAILABLE,
  'deadline-exceeded': Status.DEADLINE_EXCEEDED,
  cancelled: Status.CANCELLED,
  internal: Status.INTERNAL,
} as const satisfies Record<ErrorKind, Status>;

/** What kind of thing a reason speaks of, for ResourceInfo. */
const RESOURCES: Partial<Record<ErrorReason, string>> = {
  DATASET_NOT_FOUND: 'dataset',
  SAMPLE_NOT_FOUND: 'sample',
  SAMPLE_VERSION_NOT_FOUND: 'sample',
  SAMPLE_EXISTS: 'sample',
  REPOSITORY_NOT_FOUND: 'repository',
  COMMIT_NOT_FOUND: 'commit',
  SESSION_NOT_FOUND: 'session',
  EXEC_NOT_FOUND: 'exec',
  EXEC_ID_REUSED: 'exec',
  VERIFICATION_NOT_FOUND: 'verification',
  SNAPSHOT_NOT_FOUND: 'snapshot',
  PATH_NOT_FOUND: 'path',
  PATH_EXISTS: 'path',
};

/**
 * Turns whatever a call threw into what its client may see. An error of core keeps its sentence and gets its
 * details; anything else is a defect, and shows only `requestId`, by which the log can be searched.
 */
export function toServerError(error: unknown, requestId: string): ServerError {
  if (error instanceof CodesetError) {
    return new RichServerError(CODES[error.kind], error.message, details(error));
  }
  if (error instanceof ServerError) return error;
  return new RichServerError(
    Status.INTERNAL,
    `The service failed to do this, which is a defect of the service. Its log has more under ${requestId}.`,
    [
      ErrorInfo.fromPartial({ reason: 'INTERNAL' satisfies ErrorReason, domain: ERROR_DOMAIN }),
      RequestInfo.fromPartial({ requestId }),
    ],
  );
}

function details(error: CodesetError): ErrorDetails[] {
  const all: ErrorDetails[] = [
    ErrorInfo.fromPartial({ reason: error.reason, domain: ERROR_DOMAIN, metadata: { ...error.metadata } }),
  ];
  if (error.violations.length > 0) {
    all.push(
      BadRequest.fromPartial({ fieldViolations: error.violations.map((violation) => ({ ...violation })) }),
    );
  }
  const resourceType = RESOURCES[error.reason];
  if (resourceType !== undefined) {
    all.push(
      ResourceInfo.fromPartial({
        resourceType,
        resourceName: error.metadata['id'] ?? '',
        description: error.message,
      }),
    );
  }
  if (error.retryAfterMs !== undefined) {
    all.push(
      RetryInfo.fromPartial({
        retryDelay: {
          seconds: Math.floor(error.retryAfterMs / 1000),
          nanos: Math.round((error.retryAfterMs % 1000) * 1e6),
        },
      }),
    );
  }
  return all;
}

/** Whether the log should show this error with its cause. */
export function isDefect(error: unknown): boolean {
  if (error instanceof CodesetError) return error.kind === 'internal' || error.reason === 'ENGINE_FAILED';
  return !(error instanceof ServerError);
}
