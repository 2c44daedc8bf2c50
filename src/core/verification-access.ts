import { CodesetError, invalidFields, notFound } from './errors.js';
import type { Feedback } from './feedback.js';
import type { Principal } from './key.js';
import type { Page, PageRequest } from './ports/storage.js';
import type { SessionManager } from './session-manager.js';
import { startedByCheck } from './validation-run.js';
import type { LogPiece } from './verification-log.js';
import type { VerificationManager, VerificationRequest } from './verification-manager.js';
import { sessionOfSubject, type Verification, type VerificationFilter } from './verification.js';

/** A verification, and how much of it the caller is shown. */
export interface SeenVerification {
  readonly verification: Verification;
  readonly feedback: Feedback;
}

export type SeenVerificationEvent = ({ readonly type: 'verification' } & SeenVerification) | LogPiece;

/**
 * Who may do what with which verification, and how much of it who is shown: the way to verifications for all calls.
 * An agent may start and read those of its own session, where that was created so, and cancel none: what it had
 * watched until it did not like it would not count.
 */
export class VerificationAccess {
  readonly #verifications: VerificationManager;
  readonly #sessions: SessionManager;

  constructor(parts: { verifications: VerificationManager; sessions: SessionManager }) {
    this.#verifications = parts.verifications;
    this.#sessions = parts.sessions;
  }

  /** @throws ROLE_INSUFFICIENT to an agent beyond what it may; and as VerificationManager.start */
  async start(caller: Principal, request: VerificationRequest): Promise<SeenVerification> {
    const own = await this.#ownSession(caller);
    const asked = own === undefined ? request : ofAgent(own, request);
    return seenBy(caller, await this.#verifications.start(asked));
  }

  /**
   * What a validation judges may be the reference solution, and its log may print that: for admins alone.
   * @throws VERIFICATION_NOT_FOUND, to who may not see it as of one that never was.
   */
  async get(caller: Principal, verificationId: string): Promise<SeenVerification> {
    const own = await this.#ownSession(caller);
    const verification = await this.#verifications.get(verificationId);
    const theirs =
      own !== undefined &&
      (sessionOfSubject(verification.subject) !== own || verification.agentFeedback === undefined);
    if (theirs || (caller.role !== 'ADMIN' && startedByCheck(verification))) {
      throw notFound('VERIFICATION_NOT_FOUND', 'verification', verificationId);
    }
    return seenBy(caller, verification);
  }

  async list(
    caller: Principal,
    filter: VerificationFilter,
    page: PageRequest,
  ): Promise<Page<SeenVerification>> {
    const found = await this.#verifications.list(await this.#narrowed(caller, filter), page);
    return { ...found, items: found.items.map((verification) => seenBy(caller, verification)) };
  }

  async #narrowed(caller: Principal, filter: VerificationFilter): Promise<VerificationFilter> {
    const own = await this.#ownSession(caller);
    const { sessionId } = filter;
    if (own !== undefined && sessionId !== undefined && sessionId !== own) {
      throw notFound('SESSION_NOT_FOUND', 'session', sessionId);
    }
    return {
      ...filter,
      ...(own === undefined ? {} : { sessionId: own }),
      ...(caller.role === 'ADMIN' ? {} : { viewer: caller.role, withoutValidations: true }),
    };
  }

  /** How many a list of `filter` has in all. */
  async count(caller: Principal, filter: VerificationFilter): Promise<number> {
    return this.#verifications.count(await this.#narrowed(caller, filter));
  }

  /** As VerificationManager.watch; the log comes only to who is shown everything. */
  async *watch(
    caller: Principal,
    verificationId: string,
    logOffset: number,
    signal: AbortSignal,
  ): AsyncIterable<SeenVerificationEvent> {
    const { feedback } = await this.get(caller, verificationId);
    const from = feedback === 'FULL' ? logOffset : undefined;
    for await (const event of this.#verifications.watch(verificationId, from, signal)) {
      yield event.type === 'verification' ? { ...event, feedback } : event;
    }
  }

  /** @throws ROLE_INSUFFICIENT to every agent; and as VerificationManager.cancel */
  async cancel(caller: Principal, verificationId: string): Promise<SeenVerification> {
    if (caller.role === 'AGENT') throw beyondAgent('An agent may cancel no verification.');
    await this.get(caller, verificationId);
    return seenBy(caller, await this.#verifications.cancel(verificationId));
  }

  /** @throws ROLE_INSUFFICIENT to every agent; and as VerificationManager.remove */
  async remove(caller: Principal, verificationId: string): Promise<void> {
    if (caller.role === 'AGENT') throw beyondAgent('An agent may remove no verification.');
    await this.get(caller, verificationId);
    await this.#verifications.remove(verificationId);
  }

  /** The session of an agent that may verify; undefined for who is no agent. */
  async #ownSession({ role, sessionId }: Principal): Promise<string | undefined> {
    if (role !== 'AGENT') return undefined;
    const session = sessionId === undefined ? undefined : await this.#sessions.get(sessionId);
    if (session?.verifying.agentFeedback === undefined) {
      throw beyondAgent(
        "This session's agent may neither start nor read verifications: the session was created without agent_may_verify.",
      );
    }
    return session.sessionId;
  }
}

function ofAgent(own: string, request: VerificationRequest): VerificationRequest {
  const { subject, scope, requestId } = request;
  if (subject.kind !== 'session') {
    throw beyondAgent('An agent may have its own session verified, and neither patches nor snapshots.');
  }
  if (subject.sessionId !== own) throw notFound('SESSION_NOT_FOUND', 'session', subject.sessionId);
  if (scope !== undefined) {
    // A wider one may judge what the sample's own leaves behind.
    const description = 'must be unset: for an agent it is the one of the sample';
    throw invalidFields([{ field: 'scope', description }]);
  }
  // Request ids of clients have no slash: an agent can't take the id that another caller is going to use, and be
  // judged for it as it was earlier.
  return requestId === undefined ? request : { ...request, requestId: `agent/${own}/${requestId}` };
}

function seenBy({ role }: Principal, verification: Verification): SeenVerification {
  switch (role) {
    case 'ADMIN':
      return { verification, feedback: 'FULL' };
    case 'RUNNER':
      return { verification, feedback: verification.feedback };
    case 'AGENT':
      return { verification, feedback: verification.agentFeedback ?? 'NONE' };
  }
}

function beyondAgent(message: string): CodesetError {
  return new CodesetError('permission-denied', 'ROLE_INSUFFICIENT', message, { metadata: { role: 'AGENT' } });
}
