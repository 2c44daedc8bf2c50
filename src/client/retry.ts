import type { CallOptions, ClientMiddleware, ClientMiddlewareCall } from 'nice-grpc-common';
import { CodesetClientError } from './errors.js';
import { backoffMs, pause } from './pause.js';

/**
 * Calls that may be sent twice when nobody answered the first time: they read, or end in the same state, or carry
 * an id of the client's choice.
 */
const REPEATABLE =
  /\/(Get|List|Stat$|ReadFile$|WriteFile$|WaitExec$|RunCommand$|CreateSession$|CreateSnapshot$|StartVerification$|ExtendSession$|CloseSession|CancelVerification$)/;

/** Those whose repetition is only harmless with the id. */
const WITH_ID: Readonly<Record<string, (request: Record<string, unknown>) => unknown>> = {
  RunCommand: ({ spec }) => (spec as { execId?: string } | undefined)?.execId,
  CreateSession: ({ requestId }) => requestId,
  CreateSnapshot: ({ requestId }) => requestId,
  StartVerification: ({ requestId }) => requestId,
};

/** What decides whether and how long a call is tried again. */
export interface RetryPolicy {
  /** For how long after the first failure, in milliseconds. 0: never. */
  readonly timeoutMs: number;
  /** Whether this client has had an answer before: without one there may be no server at all. */
  answered(): boolean;
}

/**
 * Middleware: tries unary calls again where the service says when (RetryInfo), and repeatable ones when the
 * connection broke.
 */
export function retry(policy: RetryPolicy): ClientMiddleware {
  return async function* retrying<Request, Response>(
    call: ClientMiddlewareCall<Request, Response>,
    options: CallOptions,
  ): AsyncGenerator<Response, Response | void, undefined> {
    if (call.requestStream || call.responseStream) return yield* call.next(call.request as never, options);
    const repeatable = isRepeatable(call.method.path, call.request as Record<string, unknown>);
    let giveUp: number | undefined;
    for (let attempt = 0; ; attempt++) {
      try {
        return yield* call.next(call.request, options);
      } catch (error) {
        if (!(error instanceof CodesetClientError)) throw error;
        const broken = error.unreachable && repeatable && policy.answered();
        if (error.retryAfterMs === undefined && !broken) throw error;
        const waitMs = Math.max(error.retryAfterMs ?? 0, backoffMs(attempt));
        giveUp ??= Date.now() + policy.timeoutMs;
        if (Date.now() + waitMs > giveUp) throw error;
        await pause(waitMs, options.signal);
      }
    }
  };
}

function isRepeatable(path: string, request: Record<string, unknown>): boolean {
  if (!REPEATABLE.test(path)) return false;
  const id = WITH_ID[path.slice(path.lastIndexOf('/') + 1)];
  return id === undefined || (id(request) ?? '') !== '';
}
