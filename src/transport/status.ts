import { BinaryWriter } from '@bufbuild/protobuf/wire';
import { Metadata, type ServiceError } from '@grpc/grpc-js';
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

/** The form in which grpc-js sends it, with its details where rich clients look for them. */
export function toStatus(error: ServerError): Pick<ServiceError, 'code' | 'details' | 'metadata'> {
  const metadata = new Metadata();
  if (error instanceof RichServerError && error.extra.length > 0) {
    metadata.set('grpc-status-details-bin', Buffer.from(encodeStatus(error)));
  }
  return { code: error.code, details: error.details, metadata };
}

const DETAIL_TYPES = { BadRequest, ErrorInfo, RequestInfo, ResourceInfo, RetryInfo };

/** `google.rpc.Status`: code, message, details. */
function encodeStatus(error: RichServerError): Uint8Array {
  const writer = new BinaryWriter().uint32(8).int32(error.code).uint32(18).string(error.details);
  for (const detail of error.extra) {
    const type = Object.values(DETAIL_TYPES).find(({ $type }) => $type === detail.$type);
    if (type === undefined) throw new Error(`${detail.$type} is no detail of ours`);
    const value = type.encode(detail as never).finish();
    // google.protobuf.Any: the type's name, the bytes.
    writer.uint32(26).fork();
    writer.uint32(10).string(`type.googleapis.com/${detail.$type}`).uint32(18).bytes(value).join();
  }
  return writer.finish();
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
