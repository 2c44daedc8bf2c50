import type { Status } from 'nice-grpc-common';

/** A field of the request that the service could not take. */
export interface FieldViolation {
  /** The field as the proto names it, `spec.workdir`. */
  readonly field: string;
  /** What is wrong with it. */
  readonly description: string;
}

/** The name of a gRPC status, `NOT_FOUND`. */
export type StatusName = keyof typeof Status;

/** What an error may carry besides its code, reason and sentence. */
export interface ErrorExtras {
  readonly violations?: readonly FieldViolation[];
  readonly retryAfterMs?: number;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly cause?: unknown;
}

/**
 * How a call failed. Each kind that a caller may want to catch is a class of its own below; `message` is the
 * service's sentence for people and says what to do.
 *
 * @example
 * try {
 *   await client.getSession('ses_none');
 * } catch (error) {
 *   if (!(error instanceof NotFoundError)) throw error;
 *   console.log(error.reason); // SESSION_NOT_FOUND
 * }
 */
export class CodesetClientError extends Error {
  override readonly name: string;
  /** The gRPC status by name, `NOT_FOUND`. */
  readonly code: StatusName;
  /** As in the proto's ErrorReason, `SESSION_NOT_FOUND`; empty when the failure is not the service's own answer. */
  readonly reason: string;
  /** The fields that were wrong; empty unless `reason` is INVALID_FIELD or INVALID_MANIFEST. */
  readonly violations: readonly FieldViolation[];
  /** After how many milliseconds trying again makes sense; undefined when it does not help. */
  readonly retryAfterMs: number | undefined;
  /** What the service told for programs, `{id: 'ses_…'}` for instance. */
  readonly metadata: Readonly<Record<string, string>>;

  constructor(code: StatusName, reason: string, message: string, extras: ErrorExtras = {}) {
    super(message, extras.cause === undefined ? undefined : { cause: extras.cause });
    this.name = new.target.name;
    this.code = code;
    this.reason = reason;
    this.violations = extras.violations ?? [];
    this.retryAfterMs = extras.retryAfterMs;
    this.metadata = extras.metadata ?? {};
  }

  /** Nobody answered: no server there, or the connection broke. */
  get unreachable(): boolean {
    return this.code === 'UNAVAILABLE' && this.reason === '';
  }
}

/** What was named is not there, or not for this key to see. */
export class NotFoundError extends CodesetClientError {}

/** Fields or content were wrong; `violations` names the fields. */
export class InvalidArgumentError extends CodesetClientError {}

/** The id was used for something else, or the destination exists. */
export class AlreadyExistsError extends CodesetClientError {}

/** The thing is not in a state that allows this: SESSION_ENDED, EXEC_ENDED, SAMPLE_NOT_READY. */
export class FailedPreconditionError extends CodesetClientError {}

/** An offset lies beyond the end. */
export class OutOfRangeError extends CodesetClientError {}

/** No key, or one that is unknown, revoked or of an ended session. */
export class UnauthenticatedError extends CodesetClientError {}

/** The key's role may not do this. */
export class PermissionDeniedError extends CodesetClientError {}

/** A limit or a disk is full; `retryAfterMs` says when there may be room. */
export class ResourceExhaustedError extends CodesetClientError {}

/** The service answered that it can't do it now: it is stopping, or its engine failed. */
export class UnavailableError extends CodesetClientError {}

/** It took longer than allowed: a `timeoutMs` of the call, or a limit of the service. */
export class DeadlineExceededError extends CodesetClientError {}

/** A defect of the service; its log has more under the id in the message. */
export class InternalError extends CodesetClientError {}

/** Nobody answered: there is no server at the address, or the connection to it broke. */
export class ConnectionError extends CodesetClientError {
  constructor(message: string, extras: ErrorExtras = {}) {
    super('UNAVAILABLE', '', message, extras);
  }
}

/**
 * A command's stream broke and could not be taken up again in `reconnectTimeoutMs`. The command may run on: the
 * fields say where `Session.attach` goes on.
 */
export class DisconnectedError extends ConnectionError {
  readonly sessionId: string;
  readonly execId: string;
  /** How many bytes of stdout were received. */
  readonly stdoutOffset: number;
  /** How many bytes of stderr were received. */
  readonly stderrOffset: number;

  constructor(
    message: string,
    at: {
      readonly sessionId: string;
      readonly execId: string;
      readonly stdoutOffset: number;
      readonly stderrOffset: number;
    },
    cause: unknown,
  ) {
    super(message, { cause });
    this.sessionId = at.sessionId;
    this.execId = at.execId;
    this.stdoutOffset = at.stdoutOffset;
    this.stderrOffset = at.stderrOffset;
  }
}
