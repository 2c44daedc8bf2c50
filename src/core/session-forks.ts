import { digestOf } from './digest.js';
import { CodesetError } from './errors.js';
import { EventLog } from './event-log.js';
import type { KeyRing } from './key-ring.js';
import type { Log } from './ports/log.js';
import type { Storage } from './ports/storage.js';
import { checkSameRequest } from './request-id.js';
import type { SessionCloser } from './session-closer.js';
import type { SessionManager } from './session-manager.js';
import type { SessionRequest } from './session-planner.js';
import { sessionEnded, type Session } from './session.js';
import type { SnapshotTaker } from './snapshot-taker.js';
import type { HeldSnapshot, Snapshots } from './snapshots.js';

export interface ForkRequest extends Pick<
  SessionRequest,
  'labels' | 'env' | 'secretEnv' | 'ttlMs' | 'idleTimeoutMs'
> {
  readonly requestId: string | undefined;
  readonly source:
    | { readonly kind: 'session'; readonly sessionId: string }
    | { readonly kind: 'snapshot'; readonly snapshotId: string };
  readonly count: number;
}

interface Made {
  readonly index: number;
  readonly snapshotId: string;
  readonly result: Session | CodesetError;
}

export interface ForkResult {
  readonly index: number;
  readonly snapshotId: string;
  readonly result: { readonly session: Session; readonly agentToken: string } | CodesetError;
}

/** One fork while it is made. */
interface Fork {
  readonly requestDigest: string;
  readonly results: EventLog<Made>;
  /** Aborted: no further session is made. */
  readonly abort: AbortController;
  /** Resolves when the source is copied and the sessions are on their way; fails with the call's error. */
  begun: Promise<void>;
  /** Resolves when every session is made, has failed or is not made any more. Never fails. */
  done: Promise<void>;
}

/** The engine makes some at a time; a few more wait at its door, so that it never waits for us. */
const AT_ONCE = 8;

/** Makes sessions whose files begin as another's. */
export class SessionForks {
  readonly #storage: Storage;
  readonly #sessions: SessionManager;
  readonly #closer: SessionCloser;
  readonly #snapshots: Snapshots;
  readonly #taker: SnapshotTaker;
  readonly #keys: KeyRing;
  readonly #log: Log;
  readonly #running = new Set<Fork>();
  readonly #byRequest = new Map<string, Fork>();

  constructor(parts: {
    storage: Storage;
    sessions: SessionManager;
    closer: SessionCloser;
    snapshots: Snapshots;
    taker: SnapshotTaker;
    keys: KeyRing;
    log: Log;
  }) {
    this.#storage = parts.storage;
    this.#sessions = parts.sessions;
    this.#closer = parts.closer;
    this.#snapshots = parts.snapshots;
    this.#taker = parts.taker;
    this.#keys = parts.keys;
    this.#log = parts.log;
  }

  /**
   * Yields what becomes of each of `count` sessions, as it happens. With a request id it is made to its end whatever
   * becomes of the reader, and the same request again follows it, or gives what was made and makes what is missing.
   * Without one, a reader that leaves ends it, and the sessions that it was not told of are closed.
   */
  async *fork(request: ForkRequest, signal: AbortSignal): AsyncGenerator<ForkResult, void, undefined> {
    const fork = this.#find(request);
    const untold = new Set(Array.from({ length: request.count }, (_, index) => index));
    try {
      await fork.begun;
      for await (const { index, snapshotId, result } of fork.results.read(signal)) {
        yield {
          index,
          snapshotId,
          result: result instanceof CodesetError ? result : await this.#withToken(result),
        };
        untold.delete(index);
      }
    } finally {
      if (request.requestId === undefined && untold.size > 0) {
        fork.abort.abort();
        void this.#closeUntold(fork, untold);
      }
    }
  }

  async #withToken(made: Session): Promise<Exclude<ForkResult['result'], CodesetError>> {
    const session = await this.#sessions.get(made.sessionId);
    const ended = sessionEnded(session.state);
    return { session, agentToken: ended ? '' : await this.#keys.createAgentToken(session.sessionId) };
  }

  async #closeUntold(fork: Fork, untold: ReadonlySet<number>): Promise<void> {
    try {
      await fork.done;
      for await (const { index, result } of fork.results.read()) {
        if (result instanceof CodesetError || !untold.has(index)) continue;
        await this.#closer.close(result.sessionId);
      }
    } catch (error) {
      this.#log.error('sessions of a fork that was given up could not be closed', { error });
    }
  }

  #find(request: ForkRequest): Fork {
    const { requestId } = request;
    const requestDigest = digestOf({ ...request, requestId: undefined });
    const running = requestId === undefined ? undefined : this.#byRequest.get(requestId);
    if (running !== undefined) {
      checkSameRequest(running, requestDigest, requestId ?? '', 'fork');
      return running;
    }
    const fork: Fork = {
      requestDigest,
      results: new EventLog<Made>(),
      abort: new AbortController(),
      begun: Promise.resolve(),
      done: Promise.resolve(),
    };
    const begun = this.#begin(fork, request);
    fork.begun = begun.then(() => undefined);
    fork.done = begun
      .then(async ({ making }) => making)
      .catch(() => undefined)
      .finally(() => {
        fork.results.end();
        this.#running.delete(fork);
        if (requestId !== undefined) this.#byRequest.delete(requestId);
      });
    this.#running.add(fork);
    if (requestId !== undefined) this.#byRequest.set(requestId, fork);
    return fork;
  }

  /** The answer is wrapped: `making` is not waited for. */
  async #begin(fork: Fork, request: ForkRequest): Promise<{ readonly making: Promise<void> }> {
    const made = await this.#made(fork, request);
    const missing = Array.from({ length: request.count }, (_, index) => index).filter(
      (index) => !made.has(index),
    );
    const source = missing.length === 0 ? undefined : await this.#source(fork, request, made);
    for (const [index, session] of made)
      fork.results.push({ index, snapshotId: session.snapshotId ?? '', result: session });
    return { making: this.#makeAll(fork, request, missing, source) };
  }

  /** What an earlier call with this request id made, by index; what it left unfinished is given up. */
  async #made(fork: Fork, { requestId }: ForkRequest): Promise<ReadonlyMap<number, Session>> {
    const made = new Map<number, Session>();
    if (requestId === undefined) return made;
    const known = await this.#storage.sessions.withRequestPrefix(placeId(requestId, ''));
    for (const session of known) checkSameRequest(session, fork.requestDigest, requestId, 'fork');
    for (const session of known) {
      if (session.readyTime === undefined) await this.#giveUp(session.sessionId);
      else made.set(Number(session.requestId?.split('/').at(-1)), session);
    }
    return made;
  }

  /** A session that never was READY leaves its place to another. */
  async #giveUp(sessionId: string): Promise<void> {
    await this.#closer.close(sessionId);
    await this.#storage.sessions.update(sessionId, { requestId: undefined });
  }

  /** The files that the missing sessions begin as; an error where only some are missing is theirs. */
  async #source(
    fork: Fork,
    request: ForkRequest,
    made: ReadonlyMap<number, Session>,
  ): Promise<HeldSnapshot | CodesetError> {
    try {
      return await this.#hold(fork, request, made);
    } catch (error) {
      if (made.size === 0 || !(error instanceof CodesetError)) throw error;
      return error;
    }
  }

  async #hold(fork: Fork, request: ForkRequest, made: ReadonlyMap<number, Session>): Promise<HeldSnapshot> {
    const { requestId, source } = request;
    if (source.kind === 'snapshot') return this.#snapshots.holdForFork(source.snapshotId);
    const id = requestId === undefined ? undefined : placeId(requestId, 'files');
    const known = id === undefined ? undefined : await this.#storage.snapshots.findByRequestId(id);
    if (known !== undefined) {
      checkSameRequest(known, fork.requestDigest, requestId ?? '', 'fork');
      return this.#snapshots.holdForFork(known.snapshotId);
    }
    if (made.size > 0) {
      throw new CodesetError(
        'not-found',
        'SNAPSHOT_NOT_FOUND',
        'The files that this fork was made from are gone, as the sessions made from them have ended: fork again with a new request id.',
      );
    }
    const { snapshotId } = await this.#taker.take(source.sessionId, {
      requestId: id,
      requestDigest: fork.requestDigest,
      labels: {},
      transient: true,
    });
    return this.#snapshots.holdForFork(snapshotId);
  }

  async #makeAll(
    fork: Fork,
    request: ForkRequest,
    missing: readonly number[],
    source: HeldSnapshot | CodesetError | undefined,
  ): Promise<void> {
    if (source === undefined) return;
    if (source instanceof CodesetError) {
      for (const index of missing) fork.results.push({ index, snapshotId: '', result: source });
      return;
    }
    using held = source;
    const { snapshotId } = held.snapshot;
    const left = [...missing];
    const worker = async (): Promise<void> => {
      for (let index = left.shift(); index !== undefined; index = left.shift()) {
        if (fork.abort.signal.aborted) return;
        fork.results.push({ index, snapshotId, result: await this.#make(fork, request, index, snapshotId) });
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
  }

  async #make(
    fork: Fork,
    request: ForkRequest,
    index: number,
    snapshotId: string,
  ): Promise<Session | CodesetError> {
    const { requestId, labels, env, secretEnv, ttlMs, idleTimeoutMs } = request;
    let sessionId: string | undefined;
    try {
      const begun = await this.#sessions.begin(
        {
          requestId: requestId === undefined ? undefined : placeId(requestId, String(index)),
          source: { kind: 'snapshot', snapshotId },
          labels,
          env,
          secretEnv,
          ttlMs,
          idleTimeoutMs,
          resources: {},
          network: undefined,
          verifying: { agent: 'inherit' },
        },
        fork.requestDigest,
      );
      ({ sessionId } = begun);
      return await this.#sessions.made(sessionId);
    } catch (error) {
      if (sessionId !== undefined) {
        await this.#giveUp(sessionId).catch((cause: unknown) => {
          this.#log.error('a session of a fork could not be given up', { sessionId, error: cause });
        });
      }
      if (error instanceof CodesetError) return error;
      this.#log.error('a session of a fork could not be made', { sessionId, error });
      return new CodesetError(
        'internal',
        'INTERNAL',
        'The service failed to make this session; its log says why. Try again.',
        { retryAfterMs: 1000 },
      );
    }
  }

  /** Makes no further sessions, for a stop of the service: asked again, the next life makes what is missing. */
  async stop(): Promise<void> {
    const all = [...this.#running];
    for (const { abort } of all) abort.abort();
    await Promise.all(all.map(({ done }) => done));
  }
}

/** Request ids of clients have no slash. */
function placeId(requestId: string, place: string): string {
  return `fork/${requestId}/${place}`;
}

/** Whether asking again may help. */
export function mayTryAgain(error: CodesetError): boolean {
  return error.retryAfterMs !== undefined || error.kind === 'unavailable';
}
