import { digestOf } from './digest.js';
import type { Ground } from './environment.js';
import type { EngineRouter } from './engine-router.js';
import { CodesetError, failedPrecondition, notFound } from './errors.js';
import { EventLog } from './event-log.js';
import { newId } from './ids.js';
import type { KeyRing } from './key-ring.js';
import type { FoundSandboxes } from './garbage.js';
import { Turns } from './keyed.js';
import type { LayerKeeper } from './layer-keeper.js';
import type { EngineCapabilities } from './ports/engine.js';
import type { SandboxExecs } from './ports/execs.js';
import type { Log } from './ports/log.js';
import type { Page, PageRequest, SecretStore, Storage } from './ports/storage.js';
import type { SampleCatalog } from './sample-catalog.js';
import { countOf, type StageEvent, type TellStage } from './sample.js';
import { sandboxIdOf, SessionPlanner, type SessionLimits, type SessionRequest } from './session-planner.js';
import type { SessionSandboxes } from './session-sandboxes.js';
import { SessionRelink } from './session-relink.js';
import { checkSameRequest } from './request-id.js';
import { layersOf, type Snapshots } from './snapshots.js';
import type { Session, SessionFilter, SessionState } from './session.js';
import { sessionEnded, sessionMayBecome } from './session.js';

export type SessionEvent =
  | { readonly type: 'session'; readonly session: Session }
  | { readonly type: 'stage'; readonly stage: StageEvent };

interface Tracked {
  /** As it was last recorded. */
  session: Session;
  readonly events: EventLog<SessionEvent>;
  readonly abort: AbortController;
  /** Resolves when the session has left CREATING. */
  readonly settled: Promise<void>;
  readonly settle: () => void;
  /** Why it could not be made. */
  failure: CodesetError | undefined;
  lastActive: number;
}

/** Sessions from their creation to their end. */
export class SessionManager {
  readonly #storage: Storage;
  readonly #secrets: SecretStore;
  readonly #engine: EngineRouter;
  readonly #planner: SessionPlanner;
  readonly #sandboxes: SessionSandboxes;
  readonly #snapshots: Snapshots;
  readonly #keeper: LayerKeeper;
  readonly #keys: KeyRing;
  readonly #limits: SessionLimits;
  readonly #log: Log;
  readonly #now: () => number;
  readonly #tracked = new Map<string, Tracked>();
  /** Moves of one session come one after another; creations with one request id too. */
  readonly #turns = new Turns();
  readonly #relink: SessionRelink;
  /** What is being made, also for sessions that were closed meanwhile. */
  readonly #making = new Set<Promise<void>>();
  #places = 0;

  constructor(parts: {
    storage: Storage;
    secrets: SecretStore;
    catalog: SampleCatalog;
    snapshots: Snapshots;
    keeper: LayerKeeper;
    engine: EngineRouter;
    sandboxes: SessionSandboxes;
    keys: KeyRing;
    limits: SessionLimits;
    log: Log;
    now: () => number;
  }) {
    this.#storage = parts.storage;
    this.#secrets = parts.secrets;
    this.#engine = parts.engine;
    this.#planner = new SessionPlanner(parts);
    this.#sandboxes = parts.sandboxes;
    this.#snapshots = parts.snapshots;
    this.#keeper = parts.keeper;
    this.#keys = parts.keys;
    this.#limits = parts.limits;
    this.#relink = new SessionRelink({
      sandboxes: parts.sandboxes,
      log: parts.log,
      signalOf: (sessionId) => this.#tracked.get(sessionId)?.abort.signal,
      connect: (session, signal) => this.#connect(session, signal),
      lost: (sessionId, error) => this.#move(sessionId, 'ERROR', { error }),
    });
    this.#log = parts.log;
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
    return this.#turns.run(`request:${request.requestId ?? newId('req')}`, () =>
      this.#record(request, requestDigest),
    );
  }

  async #record(request: SessionRequest, requestDigest: string): Promise<Session> {
    if (request.requestId !== undefined) {
      const known = await this.#storage.sessions.findByRequestId(request.requestId);
      if (known !== undefined) {
        checkSameRequest(known, requestDigest, request.requestId, 'session');
        return known;
      }
    }
    if (this.#places >= this.#limits.maxSessions) {
      throw new CodesetError(
        'resource-exhausted',
        'SESSION_LIMIT',
        `All ${this.#limits.maxSessions} sessions of this service are in use; close some or try again later.`,
        { retryAfterMs: 5000 },
      );
    }
    this.#places++;
    try {
      using plan = await this.#planner.plan(request, requestDigest);
      const { session } = plan;
      if (Object.keys(request.secretEnv).length > 0)
        await this.#secrets.put(session.sessionId, request.secretEnv);
      await this.#storage.sessions.insert(session);
      this.#begin(session);
      return session;
    } catch (error) {
      this.#places--;
      throw error;
    }
  }

  #track(session: Session): Tracked {
    let settle = (): void => undefined;
    const settled = new Promise<void>((resolve) => (settle = resolve));
    const tracked: Tracked = {
      session,
      events: new EventLog<SessionEvent>(),
      abort: new AbortController(),
      settled,
      settle,
      failure: undefined,
      lastActive: session.lastActiveTime.getTime(),
    };
    this.#tracked.set(session.sessionId, tracked);
    return tracked;
  }

  #begin(session: Session): void {
    const tracked = this.#track(session);
    const making = this.#provision(session, tracked)
      .catch((error: unknown) => {
        this.#log.error('a session could not be recorded', { sessionId: session.sessionId, error });
      })
      .finally(() => this.#making.delete(making));
    this.#making.add(making);
  }

  async #provision(planned: Session, tracked: Tracked): Promise<void> {
    let session = planned;
    const { sessionId } = session;
    // Closed meanwhile, its layers have to last until what is being made is gone again.
    using _ = this.#keeper.hold(layersOf(session.layers));
    const tell: TellStage = (stage, message, bytes) => {
      const event = { time: new Date(this.#now()), stage, message, ...countOf(bytes) };
      tracked.events.push({ type: 'stage', stage: event });
    };
    try {
      const ground = await this.#sandboxes.ground(session, tell, tracked.abort.signal);
      if (digestOf(session.ground) !== digestOf(ground))
        session = await this.#settleGround(sessionId, ground);
      const layers = await this.#sandboxes.make(session, tell, tracked.abort.signal);
      await this.#connect(session, tracked.abort.signal);
      const moved = await this.#move(sessionId, 'READY', { layers, readyTime: new Date(this.#now()) });
      tell('DONE', 'Ready.');
      // Closed meanwhile: what was made after the close goes too.
      if (moved === undefined) await this.#sandboxes.end(session);
    } catch (error) {
      await this.#sandboxes.end(session).catch((cause: unknown) => {
        this.#log.error('a half-made sandbox could not be removed', { sessionId, error: cause });
      });
      if (tracked.abort.signal.aborted) return;
      const known = error instanceof CodesetError;
      if (!known) this.#log.error('a session could not be made', { sessionId, error });
      const text = known
        ? error.message
        : 'The service failed to make the sandbox; its log says why. Try again.';
      tell('DONE', text);
      tracked.failure = known ? error : undefined;
      await this.#move(sessionId, 'ERROR', { error: text });
    } finally {
      tracked.settle();
    }
  }

  #connect(session: Session, signal: AbortSignal): Promise<void> {
    const { sessionId } = session;
    const active = (): void => this.touch(sessionId);
    return this.#sandboxes.connect(session, this.#onLost(sessionId), active, signal);
  }

  /** From here on its sandbox has its name: on record before there is one. */
  #settleGround(sessionId: string, ground: Ground): Promise<Session> {
    return this.#turns.run(sessionId, async () => {
      const change = { ground, engine: ground.engine, sandboxId: sandboxIdOf(sessionId, ground.engine) };
      await this.#storage.sessions.update(sessionId, change);
      return this.#keep({ ...(await this.get(sessionId)), ...change });
    });
  }

  #onLost(sessionId: string): (message: string) => void {
    return (message) => {
      this.#move(sessionId, 'ERROR', { error: `The sandbox was lost: ${message}` }).catch(
        (error: unknown) => {
          this.#log.error('a lost session could not be recorded', { sessionId, error });
        },
      );
    };
  }

  /** Undefined when the session may not make that move (any more). */
  #move(sessionId: string, to: SessionState, change: Partial<Session> = {}): Promise<Session | undefined> {
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
      this.#tracked.get(sessionId)?.events.push({ type: 'session', session: moved });
      return moved;
    });
  }

  /** Resolves when the session is READY. @throws why it could not be made, or SESSION_ENDED. */
  async made(sessionId: string): Promise<Session> {
    const tracked = this.#tracked.get(sessionId);
    await tracked?.settled;
    const session = await this.get(sessionId);
    if (session.state === 'READY') return session;
    if (sessionEnded(session.state)) throw this.#ended(session);
    throw tracked?.failure ?? new CodesetError('internal', 'ENGINE_FAILED', session.error);
  }

  /** Resolves when the session has left CREATING, or with what it is when aborted. */
  async settled(sessionId: string, signal: AbortSignal): Promise<Session> {
    const tracked = this.#tracked.get(sessionId);
    if (tracked !== undefined) {
      const aborted = new Promise<void>((resolve) => {
        if (signal.aborted) resolve();
        else signal.addEventListener('abort', () => resolve(), { once: true });
      });
      await Promise.race([tracked.settled, aborted]);
    }
    return this.get(sessionId);
  }

  async get(sessionId: string): Promise<Session> {
    const session = await this.#storage.sessions.find(sessionId);
    if (session === undefined) throw notFound('SESSION_NOT_FOUND', 'session', sessionId);
    return this.#withActivity(session);
  }

  /** What the engine of sessions gives on its machine; undefined when the service has not got it. */
  capabilities(engine: string): EngineCapabilities | undefined {
    return this.#engine.capabilitiesOf(engine);
  }

  async list(filter: SessionFilter, page: PageRequest): Promise<Page<Session>> {
    const found = await this.#storage.sessions.list(filter, page);
    return { ...found, items: found.items.map((session) => this.#withActivity(session)) };
  }

  count(filter: SessionFilter): Promise<number> {
    return this.#storage.sessions.count(filter);
  }

  #withActivity(session: Session): Session {
    const tracked = this.#tracked.get(session.sessionId);
    return tracked === undefined ? session : { ...session, lastActiveTime: new Date(tracked.lastActive) };
  }

  /** First the session, then what happens; ends when it is CLOSED or EXPIRED. */
  async *watch(sessionId: string, signal: AbortSignal): AsyncIterable<SessionEvent> {
    const session = await this.get(sessionId);
    yield { type: 'session', session };
    const tracked = this.#tracked.get(sessionId);
    if (tracked === undefined) return;
    let seen = session.state;
    for await (const event of tracked.events.read(signal)) {
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
    return this.#turns.run(sessionId, async () => {
      const session = await this.get(sessionId);
      if (sessionEnded(session.state)) throw this.#ended(session);
      const change = { ttlMs, expireTime: new Date(this.#now() + ttlMs) };
      await this.#storage.sessions.update(sessionId, change);
      return this.#keep({ ...session, ...change });
    });
  }

  #keep(session: Session): Session {
    const tracked = this.#tracked.get(session.sessionId);
    if (tracked !== undefined) tracked.session = session;
    return session;
  }

  /** Ends a session and all that runs in it. One that has ended stays as it is. */
  async close(sessionId: string): Promise<Session> {
    await this.get(sessionId);
    await this.#finish(sessionId, 'CLOSED');
    return this.get(sessionId);
  }

  /** Closes what matches and says how many it closed. */
  async closeMatching(filter: SessionFilter): Promise<number> {
    const open = filter.states ?? (['CREATING', 'READY', 'ERROR'] as const);
    let closed = 0;
    let after: string | undefined;
    do {
      const page = await this.#storage.sessions.list({ ...filter, states: open }, { size: 100, after });
      const results = await Promise.all(
        page.items.map((session) => this.#finish(session.sessionId, 'CLOSED')),
      );
      closed += results.filter(Boolean).length;
      after = page.next;
    } while (after !== undefined);
    return closed;
  }

  async #finish(sessionId: string, to: 'CLOSED' | 'EXPIRED'): Promise<boolean> {
    // The move is recorded first: from then on nobody starts anything in it, and after a crash the sandbox is
    // found as one of an ended session and removed.
    const session = await this.#move(sessionId, to);
    if (session === undefined) return false;
    const tracked = this.#tracked.get(sessionId);
    tracked?.abort.abort();
    try {
      await this.#keys.revokeSession(sessionId);
    } finally {
      // It has ended all the same, and the engine goes on trying to remove the sandbox.
      await this.#sandboxes.end(session).catch((error: unknown) => {
        this.#log.warn('the sandbox of a session that ended could not be removed', { sessionId, error });
      });
      this.#places--;
      tracked?.settle();
      tracked?.events.end();
      this.#tracked.delete(sessionId);
      // What else it stood on is its sample's, which outlives it.
      if (session.snapshotId !== undefined) {
        this.#keeper.release(layersOf(session.layers));
        this.#snapshots.settle(session.snapshotId);
      }
    }
    return true;
  }

  /** The commands of a READY session; winds its idle clock. */
  async execs(sessionId: string): Promise<SandboxExecs> {
    // The live ones need no look into the database: this is on the path of every command.
    const live = this.#sandboxes.execs(sessionId);
    const tracked = this.#tracked.get(sessionId);
    if (live !== undefined && tracked !== undefined && !tracked.abort.signal.aborted) {
      tracked.lastActive = this.#now();
      return live;
    }
    const session = await this.get(sessionId);
    if (session.state === 'CREATING') {
      throw failedPrecondition('SESSION_NOT_READY', 'The session is still being made; wait for READY.', {
        retryAfterMs: 500,
      });
    }
    if (session.state === 'ERROR') {
      throw failedPrecondition(
        'SESSION_LOST',
        `The session is in ERROR: ${session.error} Close it and create another.`,
      );
    }
    if (session.state === 'READY') {
      if (this.#engine.awayBecause(session.engine) === undefined) {
        throw new CodesetError(
          'unavailable',
          'ENGINE_FAILED',
          'The sandbox of this session has not answered since the service came back; the session waits for it. Try again, or close the session.',
          { retryAfterMs: 1000 },
        );
      }
      throw new CodesetError(
        'unavailable',
        'ENGINE_UNAVAILABLE',
        `The engine ${session.engine}, which holds this session, is away; the session waits for it. Try again later.`,
        { metadata: { engine: session.engine }, retryAfterMs: 5000 },
      );
    }
    throw this.#ended(session);
  }

  #ended(session: Session): CodesetError {
    return failedPrecondition('SESSION_ENDED', `The session is ${session.state}; create another.`);
  }

  /** Counts as activity for the idle time-out. */
  touch(sessionId: string): void {
    const tracked = this.#tracked.get(sessionId);
    if (tracked !== undefined) tracked.lastActive = this.#now();
  }

  /**
   * Ends sessions whose time is over: past their TTL, or idle with nothing running. Asked every second, and so
   * answered from memory: reading a thousand sessions from the database would hold up everything else.
   */
  async expire(): Promise<void> {
    const now = this.#now();
    for (const tracked of [...this.#tracked.values()]) {
      const { session } = tracked;
      if (sessionEnded(session.state)) continue;
      if ((this.#sandboxes.execs(session.sessionId)?.running ?? 0) > 0) tracked.lastActive = now;
      const idle =
        session.idleTimeoutMs > 0 &&
        session.state === 'READY' &&
        now - tracked.lastActive >= session.idleTimeoutMs;
      if (now >= session.expireTime.getTime() || idle) await this.#finish(session.sessionId, 'EXPIRED');
    }
  }

  /** Takes up the sessions that an earlier life of the service left. @param found what the engines hold of them */
  async recover(found: FoundSandboxes): Promise<void> {
    const open = await this.#storage.sessions.open();
    this.#places = open.length;
    const ready: Session[] = [];
    for (const session of open) {
      if (session.state === 'CREATING') {
        const { sessionId } = session;
        await this.#sandboxes.end(session).catch((error: unknown) => {
          this.#log.error('a half-made sandbox could not be removed', { sessionId, error });
        });
        const tracked = this.#track(session);
        tracked.settle();
        await this.#move(session.sessionId, 'ERROR', {
          error: 'The service was restarted while it made this session; create another.',
        });
        continue;
      }
      const tracked = this.#track(session);
      tracked.settle();
      if (session.state === 'READY') ready.push(session);
    }
    await this.#relink.takeUp(ready, found);
  }

  /** Takes up the sessions of an engine that was away, as far as they wait for it. */
  async relink(engine: string, found: FoundSandboxes): Promise<void> {
    const all = [...this.#tracked.values()].map(({ session }) => session);
    const waiting = all.filter((session) => session.engine === engine && session.state === 'READY');
    await this.#relink.takeUp(waiting, found);
  }

  /** Lets go of what lives, for a stop of the service: sandboxes go on; what is being made is given up. */
  async detach(): Promise<void> {
    for (const tracked of this.#tracked.values()) {
      tracked.events.end();
      tracked.abort.abort();
    }
    await Promise.all([...this.#making, this.#relink.idle()]);
    await this.#sandboxes.detach();
  }
}
