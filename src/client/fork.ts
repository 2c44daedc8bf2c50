import type {
  DeepPartial,
  ForkError,
  ForkSessionRequest,
  ForkSessionResponse,
} from '../../gen/codeset/v1/session_service.js';
import type { Connection } from './connection.js';
import type { CallControl } from './deadline.js';
import { CodesetClientError, ResourceExhaustedError, UnavailableError } from './errors.js';
import { newId } from './new-id.js';
import { backoffMs, pause } from './pause.js';
import { durationField, msOf } from './wire-duration.js';

/** How sessions are forked. */
export interface ForkOptions extends CallControl {
  /** How many, at most 256. Default 1. */
  readonly count?: number | undefined;
  /** Of each new session; the source's are not taken over. */
  readonly labels?: Readonly<Record<string, string>> | undefined;
  /** Variables on top of the source's. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** Variables that nobody can read back; the source's are not taken over. */
  readonly secretEnv?: Readonly<Record<string, string>> | undefined;
  /** How long each lives, in milliseconds; at least 1000, at most 7 days. Default 30 minutes. */
  readonly ttlMs?: number | undefined;
  /** How long each may be idle before it expires, in milliseconds. Default: no limit. */
  readonly idleTimeoutMs?: number | undefined;
  /** The same id again gives the same sessions. Default: a new one. */
  readonly requestId?: string | undefined;
}

/** What became of one of the sessions: exactly one of `session` and `error` is there. */
export interface ForkResult<S> {
  /** From 0 to `count` - 1. */
  readonly index: number;
  readonly session?: S;
  readonly error?: CodesetClientError;
}

/** Forked sessions, which are closed together. */
export interface Forks<S> extends AsyncDisposable {
  readonly sessions: readonly S[];
}

type Source = NonNullable<DeepPartial<ForkSessionRequest>['source']>;
type MakeSession<S> = (connection: Connection, id: string, agentToken: string) => S;

/**
 * Forks, over restarts of the service: the request's id gives the same sessions again, and what can't be made now
 * is tried again when the service says so.
 */
export async function* forkEach<S>(
  connection: Connection,
  source: Source,
  options: ForkOptions,
  makeSession: MakeSession<S>,
): AsyncGenerator<ForkResult<S>, void, undefined> {
  const { signal, timeoutMs, count = 1 } = options;
  const request = {
    source,
    count,
    requestId: options.requestId ?? newId('req'),
    labels: { ...options.labels },
    env: { ...options.env },
    secretEnv: { ...options.secretEnv },
    ...durationField('ttl', options.ttlMs),
    ...durationField('idleTimeout', options.idleTimeoutMs),
  };
  const told = new Set<number>();
  let giveUp: number | undefined;
  for (let attempt = 0; ; attempt++) {
    const failed = new Map<number, ForkError>();
    let broken: CodesetClientError | undefined;
    try {
      for await (const answer of connection.sessions.forkSession(request, { signal, timeoutMs })) {
        const { index, result } = answer;
        if (told.has(index)) continue;
        if (result?.$case === 'error') failed.set(index, result.value);
        if (result?.$case !== 'forked') continue;
        told.add(index);
        yield { index, session: sessionOf(connection, answer, makeSession) };
      }
    } catch (error) {
      // Before the first answer of all there may be no server.
      if (!(error instanceof CodesetClientError) || error.code !== 'UNAVAILABLE' || !connection.answered)
        throw error;
      broken = error;
    }
    if (told.size === count) return;
    const delays = [...failed.values()].filter(({ retryable }) => retryable).map((e) => msOf(e.retryDelay));
    giveUp ??= Date.now() + connection.reconnectTimeoutMs;
    const waitMs = Math.max(broken?.retryAfterMs ?? 0, ...delays, backoffMs(attempt));
    if ((broken === undefined && delays.length === 0) || Date.now() + waitMs > giveUp) {
      if (broken !== undefined) throw broken;
      for (const [index, error] of failed) yield { index, error: errorOf(error) };
      return;
    }
    await pause(waitMs, signal);
  }
}

/** All of them or none. */
export async function forkAll<S extends { close(): Promise<void> }>(
  results: AsyncIterable<ForkResult<S>>,
): Promise<Forks<S>> {
  const sessions: S[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(sessions.map((session) => session.close()));
  };
  let failure: { readonly error: unknown } | undefined;
  try {
    for await (const { index, session, error } of results) {
      if (session !== undefined) sessions[index] = session;
      else failure ??= { error };
    }
  } catch (error) {
    failure = { error };
  }
  if (failure === undefined) return { sessions, [Symbol.asyncDispose]: close };
  // What failed first is what is worth telling.
  await Promise.allSettled(sessions.map((session) => session.close()));
  throw failure.error;
}

function sessionOf<S>(
  connection: Connection,
  { result }: ForkSessionResponse,
  makeSession: MakeSession<S>,
): S {
  const forked = result?.$case === 'forked' ? result.value : undefined;
  return makeSession(connection, forked?.session?.sessionId ?? '', forked?.agentToken ?? '');
}

const FULL = /_LIMIT$|^DISK_FULL$|^TOO_LARGE$/;

function errorOf({ reason, message, retryable, retryDelay }: ForkError): CodesetClientError {
  const extras = retryable ? { retryAfterMs: msOf(retryDelay) } : {};
  return FULL.test(reason)
    ? new ResourceExhaustedError('RESOURCE_EXHAUSTED', reason, message, extras)
    : new UnavailableError('UNAVAILABLE', reason, message, extras);
}
