import type { CallOptions, ClientMiddlewareCall } from 'nice-grpc-common';
import { DeadlineExceededError } from './errors.js';

/** What every call of the library takes. */
export interface CallControl {
  /** Ends the call: it throws the signal's reason. What the service does by then is not undone. */
  readonly signal?: AbortSignal | undefined;
  /** How long the call may take in all, tries again included, in milliseconds. Default: as long as it takes. */
  readonly timeoutMs?: number | undefined;
}

/** Middleware: ends calls by their `signal` and `timeoutMs`, and makes what they throw then worth catching. */
export async function* endInTime<Request, Response>(
  call: ClientMiddlewareCall<Request, Response>,
  { timeoutMs, ...options }: CallOptions & CallControl,
): AsyncGenerator<Response, Response | void, undefined> {
  const { signal } = options;
  signal?.throwIfAborted();
  if (timeoutMs === undefined) {
    try {
      return yield* call.next(call.request, options);
    } catch (error) {
      throw signal?.aborted === true ? signal.reason : error;
    }
  }
  const stop = new AbortController();
  const abort = (): void => stop.abort(signal?.reason);
  signal?.addEventListener('abort', abort);
  const timer = setTimeout(() => stop.abort(late(timeoutMs)), timeoutMs);
  try {
    return yield* call.next(call.request, { ...options, signal: stop.signal });
  } catch (error) {
    throw stop.signal.aborted ? stop.signal.reason : error;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', abort);
  }
}

/** What a call throws whose `timeoutMs` has passed. */
export function late(timeoutMs: number): DeadlineExceededError {
  const message = `It took longer than the ${timeoutMs} ms that timeoutMs allows.`;
  return new DeadlineExceededError('DEADLINE_EXCEEDED', '', message);
}
