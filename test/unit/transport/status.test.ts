import { ServerError, Status } from 'nice-grpc-common';
import { RichServerError, type ErrorDetails } from 'nice-grpc-error-details';
import { describe, expect, it } from 'vitest';
import { ErrorReason } from '../../../gen/codeset/v1/error_reason.js';
import {
  CodesetError,
  invalidFields,
  notFound,
  type ErrorKind,
  type ErrorReason as Reason,
} from '../../../src/core/errors.js';
import { isDefect, toServerError } from '../../../src/transport/status.js';

function detail<T extends ErrorDetails['$type']>(error: ServerError, type: T) {
  const extra = error instanceof RichServerError ? error.extra : [];
  return extra.find((one): one is Extract<ErrorDetails, { $type: T }> => one.$type === type);
}

describe('an error as its client sees it', () => {
  it('has the code of its kind, its sentence, and its reason in ErrorInfo', () => {
    const error = toServerError(
      new CodesetError('failed-precondition', 'SESSION_ENDED', 'It has ended.', {
        metadata: { id: 'ses_1' },
      }),
      'req_1',
    );
    expect(error.code).toBe(Status.FAILED_PRECONDITION);
    expect(error.details).toBe('It has ended.');
    expect(detail(error, 'google.rpc.ErrorInfo')).toMatchObject({
      reason: 'SESSION_ENDED',
      domain: 'codeset',
      metadata: { id: 'ses_1' },
    });
  });

  it('names every bad field', () => {
    const error = toServerError(
      invalidFields([
        { field: 'ttl', description: 'is too long' },
        { field: 'labels', description: 'are too many' },
      ]),
      'req_1',
    );
    expect(error.code).toBe(Status.INVALID_ARGUMENT);
    const violations = detail(error, 'google.rpc.BadRequest')?.fieldViolations;
    expect(violations?.map(({ field }) => field)).toEqual(['ttl', 'labels']);
  });

  it('says what is missing and when to try again', () => {
    const missing = toServerError(notFound('SESSION_NOT_FOUND', 'session', 'ses_9'), 'req_1');
    expect(detail(missing, 'google.rpc.ResourceInfo')).toMatchObject({
      resourceType: 'session',
      resourceName: 'ses_9',
    });
    const busy = toServerError(
      new CodesetError('resource-exhausted', 'SESSION_LIMIT', 'Later.', { retryAfterMs: 1500 }),
      'req_1',
    );
    expect(detail(busy, 'google.rpc.RetryInfo')?.retryDelay).toMatchObject({
      seconds: 1,
      nanos: 500_000_000,
    });
    expect(detail(missing, 'google.rpc.RetryInfo')).toBeUndefined();
  });

  it('shows nothing of a defect but its request id', () => {
    const error = toServerError(new Error('/var/lib/secret exploded'), 'req_7');
    expect(error.code).toBe(Status.INTERNAL);
    expect(JSON.stringify([error.message, error.details, (error as RichServerError).extra])).not.toContain(
      'secret',
    );
    expect(error.details).toContain('req_7');
    expect(detail(error, 'google.rpc.ErrorInfo')?.reason).toBe('INTERNAL');
    expect(isDefect(new Error('x'))).toBe(true);
    expect(isDefect(notFound('SESSION_NOT_FOUND', 'session', 'x'))).toBe(false);
  });
});

// Neither list may have what the other lacks; the types hold both ways, and the values are checked below.
type ProtoReason = Exclude<keyof typeof ErrorReason, 'UNSPECIFIED' | 'UNRECOGNIZED'>;
const bothWays: [ProtoReason extends Reason ? true : never, Reason extends ProtoReason ? true : never] = [
  true,
  true,
];

it('every reason of core is in the contract, and no other', () => {
  expect(bothWays).toEqual([true, true]);
  const names = Object.keys(ErrorReason).filter((name) => Number.isNaN(Number(name)));
  expect(names.length).toBeGreaterThan(50);
});

it('every kind has a code of its own', () => {
  const kinds: Record<ErrorKind, true> = {
    'invalid-argument': true,
    'out-of-range': true,
    unauthenticated: true,
    'permission-denied': true,
    'not-found': true,
    'already-exists': true,
    'failed-precondition': true,
    'resource-exhausted': true,
    aborted: true,
    unavailable: true,
    'deadline-exceeded': true,
    cancelled: true,
    internal: true,
  };
  const codes = Object.keys(kinds).map(
    (kind) => toServerError(new CodesetError(kind as ErrorKind, 'INTERNAL', 'x'), 'r').code,
  );
  expect(new Set(codes).size).toBe(codes.length);
});
