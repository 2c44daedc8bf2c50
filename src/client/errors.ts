import { ClientError, Status } from 'nice-grpc-common';
import { RichClientError, type BadRequest, type ErrorInfo, type RetryInfo } from 'nice-grpc-error-details';

export interface FieldViolation {
  readonly field: string;
  readonly description: string;
}

/** The name of a gRPC status, `NOT_FOUND`. */
export type StatusName = keyof typeof Status;

/** How a call failed, its details decoded. `message` is the service's sentence for people. */
export class CodesetClientError extends Error {
  override readonly name = 'CodesetClientError';
  readonly code: StatusName;
  /** As in the proto's ErrorReason, `SESSION_NOT_FOUND`; empty when the failure is not the service's own answer. */
  readonly reason: string;
  readonly violations: readonly FieldViolation[];
  /** After how many milliseconds trying again makes sense; undefined when it does not help. */
  readonly retryAfterMs: number | undefined;

  constructor(
    code: StatusName,
    reason: string,
    message: string,
    more: { violations?: readonly FieldViolation[]; retryAfterMs?: number; cause?: unknown } = {},
  ) {
    super(message, { cause: more.cause });
    this.code = code;
    this.reason = reason;
    this.violations = more.violations ?? [];
    this.retryAfterMs = more.retryAfterMs;
  }

  /** Nobody answered: no server there, or the connection broke. */
  get unreachable(): boolean {
    return this.code === 'UNAVAILABLE' && this.reason === '';
  }
}

/** Anything that a call threw; what is no gRPC failure stays as it is. */
export function asClientError(error: unknown): unknown {
  if (!(error instanceof ClientError)) return error;
  const code = (Status[error.code] ?? 'UNKNOWN') as StatusName;
  const details = error instanceof RichClientError ? error.extra : [];
  const detail = <T>(type: string): T | undefined =>
    details.find(({ $type }) => $type === type) as T | undefined;
  const retry = detail<RetryInfo>('google.rpc.RetryInfo')?.retryDelay;
  return new CodesetClientError(
    code,
    detail<ErrorInfo>('google.rpc.ErrorInfo')?.reason ?? '',
    error.details === '' ? `The call failed with ${code}.` : error.details,
    {
      violations: (detail<BadRequest>('google.rpc.BadRequest')?.fieldViolations ?? []).map(
        ({ field, description }) => ({ field, description }),
      ),
      ...(retry === undefined ? {} : { retryAfterMs: Number(retry.seconds) * 1000 + retry.nanos / 1e6 }),
      cause: error,
    },
  );
}
