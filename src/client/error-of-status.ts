import { ClientError, Status } from 'nice-grpc-common';
import { RichClientError, type BadRequest, type ErrorInfo, type RetryInfo } from 'nice-grpc-error-details';
import {
  AlreadyExistsError,
  CodesetClientError,
  ConnectionError,
  DeadlineExceededError,
  FailedPreconditionError,
  InternalError,
  InvalidArgumentError,
  NotFoundError,
  OutOfRangeError,
  PermissionDeniedError,
  ResourceExhaustedError,
  UnauthenticatedError,
  UnavailableError,
  type ErrorExtras,
  type StatusName,
} from './errors.js';

const CLASSES: Readonly<Partial<Record<StatusName, typeof CodesetClientError>>> = {
  NOT_FOUND: NotFoundError,
  INVALID_ARGUMENT: InvalidArgumentError,
  ALREADY_EXISTS: AlreadyExistsError,
  FAILED_PRECONDITION: FailedPreconditionError,
  OUT_OF_RANGE: OutOfRangeError,
  UNAUTHENTICATED: UnauthenticatedError,
  PERMISSION_DENIED: PermissionDeniedError,
  RESOURCE_EXHAUSTED: ResourceExhaustedError,
  UNAVAILABLE: UnavailableError,
  DEADLINE_EXCEEDED: DeadlineExceededError,
  INTERNAL: InternalError,
};

/** Codes that a connection which goes away leaves behind; the service's own answers always have a reason. */
const LOST: ReadonlySet<StatusName> = new Set(['UNAVAILABLE', 'CANCELLED']);
const RESET = /RST_STREAM/;

/**
 * Anything that a call threw; what is no gRPC failure stays as it is.
 * @param lost the sentence for a connection that is not there or broke, from gRPC's own words.
 */
export function errorOfStatus(error: unknown, lost: (details: string) => string): unknown {
  if (!(error instanceof ClientError)) return error;
  const code = (Status[error.code] ?? 'UNKNOWN') as StatusName;
  const details = error instanceof RichClientError ? error.extra : [];
  const detail = <T>(type: string): T | undefined =>
    details.find(({ $type }) => $type === type) as T | undefined;
  const info = detail<ErrorInfo>('google.rpc.ErrorInfo');
  const retry = detail<RetryInfo>('google.rpc.RetryInfo')?.retryDelay;
  const reason = info?.reason ?? '';
  const extras: ErrorExtras = {
    violations: (detail<BadRequest>('google.rpc.BadRequest')?.fieldViolations ?? []).map(
      ({ field, description }) => ({ field, description }),
    ),
    ...(retry === undefined ? {} : { retryAfterMs: Number(retry.seconds) * 1000 + retry.nanos / 1e6 }),
    metadata: { ...info?.metadata },
    cause: error,
  };
  const lostOnTheWay = LOST.has(code) || (code === 'INTERNAL' && RESET.test(error.details));
  if (reason === '' && lostOnTheWay) return new ConnectionError(lost(error.details), extras);
  const message = error.details === '' ? `The call failed with ${code}.` : error.details;
  return new (CLASSES[code] ?? CodesetClientError)(code, reason, message, extras);
}
