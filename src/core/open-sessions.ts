import { CodesetError, notFound } from './errors.js';
import { EventLog } from './event-log.js';
import { Turns } from './keyed.js';
import type { Log } from './ports/log.js';
import type { Storage } from './ports/storage.js';
import type { StageEvent } from './sample.js';
import { sessionEnded, sessionMayBecome, type Session, type SessionState } from './session.js';

export type SessionEvent =
  | { readonly type: 'session'; readonly session: Session }
  | { readonly type: 'stage'; readonly stage: StageEvent };

/** What this life of the service knows of a session that has not ended. */
export interface OpenSession {
  /** As it was last recorded. */
  session: Session;
  readonly events: EventLog<SessionEvent>;
  /** Aborted once the session ends or the service stops. */
  readonly abort: AbortController;
  /** Resolves when the session has left CREATING. */
  readonly settled: Promise<void>;
  readonly settle: () => void;
  /** Why it could not be made. */
  failure: CodesetError | undefined;
  /** Milliseconds since the epoch; on record only now and then. */
  lastActive: number;
}

/**
 * Sessions on record, and in memory those that have not ended. The only place that changes a session; changes of one
 * come one after another.
 */
export class OpenSessions {
  readonly #storage: Storage;
  readonly #log: Log;
  readonly #now: () => number;
  readonly #open = new Map<string, OpenSession>();
  readonly #turns = new Turns();

  constructor(parts: { storage: Storage; log: Log; now: () => number }) {
    this.#storage = parts.storage;
    this.#log = parts.log;
    this.#now = parts.now;
  }

  get size(): number {
    return this.#open.size;
  }

  all(): readonly OpenSession[] {
    return [...this.#open.values()];
  }

  find(sessionId: string): OpenSession | undefined {
    return this.#open.get(sessionId);
  }

  /** From here on it is among the open ones, until `remove`. */
  add(session: Session): OpenSession {
    let settle = (): void => undefined;
    const settled = new Promise<void>((resolve) => (settle = resolve));
    const open: OpenSession = {
      session,
      events: new EventLog<SessionEvent>(),
      abort: new AbortController(),
      settled,
      settle,
      failure: undefined,
      lastActive: session.lastActiveTime.getTime(),
    };
    this.#open.set(session.sessionId, open);
    return open;
  }

  /** Nobody waits for it, watches it or counts it any more. */
  remove(sessionId: string): void {
    const open = this.#open.get(sessionId);
    open?.settle();
    open?.events.end();
    this.#open.delete(sessionId);
  }

  /** Counts as activity for the idle time-out. */
  touch(sessionId: string): void {
    const open = this.#open.get(sessionId);
    if (open !== undefined) open.lastActive = this.#now();
  }

  /** Of any session, ended ones too. @throws SESSION_NOT_FOUND */
  async get(sessionId: string): Promise<Session> {
    const session = await this.#storage.sessions.find(sessionId);
    if (session === undefined) throw notFound('SESSION_NOT_FOUND', 'session', sessionId);
    return this.withActivity(session);
  }

  /** With the time that it was last active as it is in memory. */
  withActivity(session: Session): Session {
    const open = this.#open.get(session.sessionId);
    return open === undefined ? session : { ...session, lastActiveTime: new Date(open.lastActive) };
  }

  /** Undefined when the session may not make that move (any more). */
  move(sessionId: string, to: SessionState, change: Partial<Session> = {}): Promise<Session | undefined> {
    return this.#turns.run(sessionId, async () => {
      const session = await this.#storage.sessions.find(sessionId);
      if (session === undefined || !sessionMayBecome(session.state, to)) return undefined;
      const full: Partial<Session> = {
        ...change,
        state: to,
        ...(sessionEnded(to) ? { endTime: new Date(this.#now()) } : {}),
      };
      await this.#storage.sessions.update(sessionId, full);
      const moved: Session = { ...session, ...full };
      this.#log.info('session moved', { sessionId, from: session.state, to });
      this.#keep(moved);
      this.#open.get(sessionId)?.events.push({ type: 'session', session: moved });
      return moved;
    });
  }

  /** Changes it in its state. @param changeOf may throw, and nothing changes then */
  change(sessionId: string, changeOf: (session: Session) => Partial<Session>): Promise<Session> {
    return this.#turns.run(sessionId, async () => {
      const session = await this.get(sessionId);
      const change = changeOf(session);
      await this.#storage.sessions.update(sessionId, change);
      return this.#keep({ ...session, ...change });
    });
  }

  #keep(session: Session): Session {
    const open = this.#open.get(session.sessionId);
    if (open !== undefined) open.session = session;
    return session;
  }
}
