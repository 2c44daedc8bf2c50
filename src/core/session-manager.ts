import { digestOf } from './digest.js';
import type { EngineRouter } from './engine-router.js';
import { CodesetError, failedPrecondition } from './errors.js';
import { newId } from './ids.js';
import type { KeyRing } from './key-ring.js';
import { Turns } from './keyed.js';
import type { OpenSessions, SessionEvent } from './open-sessions.js';
import type { EngineCapabilities } from './ports/engine.js';
import type { SandboxExecs } from './ports/execs.js';
import type { Page, PageRequest, SecretStore, Storage } from './ports/storage.js';
import { checkSameRequest } from './request-id.js';
import { SessionPlanner, type SessionLimits, type SessionRequest } from './session-planner.js';
import type { SampleCatalog } from './sample-catalog.js';
import type { SessionProvisioner } from './session-provisioner.js';
import type { SessionSandboxes } from './session-sandboxes.js';
import { sessionEnded, sessionMayBecome, type Session, type SessionFilter } from './session.js';
import type { Snapshots } from './snapshots.js';

/** Sessions as callers see them: created, read, watched, extended and entered. */
export class SessionManager {
  readonly #storage: Storage;
  readonly #secrets: SecretStore;
  readonly #engine: EngineRouter;
  readonly #open: OpenSessions;
  readonly #planner: SessionPlanner;
  readonly #provisioner: SessionProvisioner;
  readonly #sandboxes: SessionSandboxes;
  readonly #keys: KeyRing;
  readonly #limits: SessionLimits;
  readonly #now: () => number;
  /** Those with one request id come one after another. */
  readonly #creations = new Turns();
  /** Sessions that have their place and are not open yet. */
  #planned = 0;

  constructor(parts: {
    storage: Storage;
    secrets: SecretStore;
    catalog: SampleCatalog;
    snapshots: Snapshots;
    engine: EngineRouter;
    open: OpenSessions;
    provisioner: SessionProvisioner;
    sandboxes: SessionSandboxes;
    keys: KeyRing;
    limits: SessionLimits;
    now: () => number;
  }) {
    this.#storage = parts.storage;
    this.#secrets = parts.secrets;
    this.#engine = parts.engine;
    this.#open = parts.open;
    this.#planner = new SessionPlanner(parts);
    this.#provisioner = parts.provisioner;
    this.#sandboxes = parts.sandboxes;
    this.#keys = parts.keys;
    this.#limits = parts.limits;
    this.#now = parts.now;
  }

  /**
   * Records a session and begins to make its sandbox. With a request id that was used for the same request it
   * is that session, with a fresh token unless it has ended.
   */
  async create(request: SessionRequest): Promise<{ readonly session: Session; readonly agentToken: string }> {
    const session = await this.begin(request);
    const ended = sessionEnded(session.state);
    return { session, agentToken: ended ? '' : await this.#keys.createAgentToken(session.sessionId) };
  }

  /** As `create`, without a token. @param requestDigest of what it is a part of, where it is one */
  begin(
    request: SessionRequest,
    requestDigest: string = digestOf({ ...request, requestId: undefined }),
  ): Promise<Session> {
    return this.#creations.run(request.requestId ?? newId('req'), () => this.#begin(request, requestDigest));
  }

  async #begin(request: SessionRequest, requestDigest: string): Promise<Session> {
    if (request.requestId !== undefined) {
      const known = await this.#storage.sessions.findByRequestId(request.requestId);
      if (known !== undefined) {
        checkSameRequest(known, requestDigest, request.requestId, 'session');
        return known;
      }
    }
    if (this.#open.size + this.#planned >= this.#limits.maxSessions) {
      throw new CodesetError(
        'resource-exhausted',
        'SESSION_LIMIT',
        `All ${this.#limits.maxSessions} sessions of this service are in use; close some or try again later.`,
        { retryAfterMs: 5000 },
      );
    }
    this.#planned++;
    try {
      using plan = await this.#planner.plan(request, requestDigest);
      const { session } = plan;
      if (Object.keys(request.secretEnv).length > 0)
        await this.#secrets.put(session.sessionId, request.secretEnv);
      await this.#storage.sessions.insert(session);
      this.#provisioner.begin(this.#open.add(session));
      return session;
    } finally {
      this.#planned--;
    }
  }

  /** Resolves when the session is READY. @throws why it could not be made, or SESSION_ENDED. */
  async made(sessionId: string): Promise<Session> {
    const open = this.#open.find(sessionId);
    await open?.settled;
    const session = await this.get(sessionId);
    if (session.state === 'READY') return session;
    if (sessionEnded(session.state)) throw hasEnded(session);
    throw open?.failure ?? new CodesetError('internal', 'ENGINE_FAILED', session.error);
  }

  /** Resolves when the session has left CREATING, or with what it is when aborted. */
  async settled(sessionId: string, signal: AbortSignal): Promise<Session> {
    const open = this.#open.find(sessionId);
    if (open !== undefined) {
      const aborted = new Promise<void>((resolve) => {
        if (signal.aborted) resolve();
        else signal.addEventListener('abort', () => resolve(), { once: true });
      });
      await Promise.race([open.settled, aborted]);
    }
    return this.get(sessionId);
  }

  get(sessionId: string): Promise<Session> {
    return this.#open.get(sessionId);
  }

  /** What its engine gives a session on its machine; undefined when the service has not got that engine. */
  capabilities({ engine, sandboxId }: Session): EngineCapabilities | undefined {
    return this.#engine.capabilitiesOf(engine, sandboxId);
  }

  async list(filter: SessionFilter, page: PageRequest): Promise<Page<Session>> {
    const found = await this.#storage.sessions.list(filter, page);
    return { ...found, items: found.items.map((session) => this.#open.withActivity(session)) };
  }

  count(filter: SessionFilter): Promise<number> {
    return this.#storage.sessions.count(filter);
  }

  /** First the session, then what happens; ends when it is CLOSED or EXPIRED. */
  async *watch(sessionId: string, signal: AbortSignal): AsyncIterable<SessionEvent> {
    const session = await this.get(sessionId);
    yield { type: 'session', session };
    const open = this.#open.find(sessionId);
    if (open === undefined) return;
    let seen = session.state;
    for await (const event of open.events.read(signal)) {
      // The history may begin before what was just told.
      if (event.type === 'session') {
        if (event.session.state === seen || !sessionMayBecome(seen, event.session.state)) continue;
        seen = event.session.state;
      }
      yield event;
    }
  }

  /** The session expires `ttlMs` from now. */
  extend(sessionId: string, ttlMs: number): Promise<Session> {
    this.#planner.checkTtl(ttlMs);
    return this.#open.change(sessionId, (session) => {
      if (sessionEnded(session.state)) throw hasEnded(session);
      return { ttlMs, expireTime: new Date(this.#now() + ttlMs) };
    });
  }

  /** The commands of a READY session; winds its idle clock. */
  async execs(sessionId: string): Promise<SandboxExecs> {
    // The live ones need no look into the database: this is on the path of every command.
    const live = this.#sandboxes.execs(sessionId);
    const open = this.#open.find(sessionId);
    if (live !== undefined && open !== undefined && !open.abort.signal.aborted) {
      open.lastActive = this.#now();
      return live;
    }
    throw this.#withoutExecs(await this.get(sessionId));
  }

  /** Why a session can't be entered now. */
  #withoutExecs(session: Session): CodesetError {
    switch (session.state) {
      case 'CREATING':
        return failedPrecondition('SESSION_NOT_READY', 'The session is still being made; wait for READY.', {
          retryAfterMs: 500,
        });
      case 'ERROR':
        return failedPrecondition(
          'SESSION_LOST',
          `The session is in ERROR: ${session.error} Close it and create another.`,
        );
      case 'READY':
        if (this.#engine.awayBecause(session.engine) === undefined) {
          return new CodesetError(
            'unavailable',
            'ENGINE_FAILED',
            'The sandbox of this session has not answered since the service came back; the session waits for it. Try again, or close the session.',
            { retryAfterMs: 1000 },
          );
        }
        return new CodesetError(
          'unavailable',
          'ENGINE_UNAVAILABLE',
          `The engine ${session.engine}, which holds this session, is away; the session waits for it. Try again later.`,
          { metadata: { engine: session.engine }, retryAfterMs: 5000 },
        );
      case 'CLOSED':
      case 'EXPIRED':
        return hasEnded(session);
    }
  }
}

function hasEnded(session: Session): CodesetError {
  return failedPrecondition('SESSION_ENDED', `The session is ${session.state}; create another.`);
}
