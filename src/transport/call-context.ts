import { CodesetError, notFound } from '../core/errors.js';
import type { Principal } from '../core/key.js';

export interface Caller {
  readonly principal: Principal;
  readonly requestId: string;
}

/** What a handler is told of its call. */
export interface Context extends Caller {
  /** Aborts when the client goes or the service stops. */
  readonly signal: AbortSignal;
}

/**
 * An AGENT sees its own session and no other: another's id is as unknown to it as one that never was.
 * @throws SESSION_NOT_FOUND
 */
export function mustOwnSession(context: Caller, sessionId: string): void {
  const { principal } = context;
  if (principal.role === 'AGENT' && principal.sessionId !== sessionId) {
    throw notFound('SESSION_NOT_FOUND', 'session', sessionId);
  }
}

/** @throws ROLE_INSUFFICIENT unless the caller is an admin. */
export function mustBeAdmin(context: Caller, what: string): void {
  if (context.principal.role !== 'ADMIN') {
    throw new CodesetError('permission-denied', 'ROLE_INSUFFICIENT', `Only an admin key may ${what}.`, {
      metadata: { role: context.principal.role },
    });
  }
}
