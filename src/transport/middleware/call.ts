import type { CallContext, ServerMiddleware, ServerMiddlewareCall } from 'nice-grpc-common';
import { ServerError, Status } from 'nice-grpc-common';
import { CodesetError } from '../../core/errors.js';
import { newId } from '../../core/ids.js';
import type { Principal } from '../../core/key.js';
import type { Log } from '../../core/ports.js';
import type { Caller } from '../call-context.js';
import { readable } from '../codec.js';
import { isDefect, toServerError } from '../status.js';
import type { KeyUseCases } from '../use-cases.js';
import { authenticate, EVERYBODY } from './authenticate.js';
import { shuttingDown, type OpenCall, type OpenCalls } from './open-calls.js';
import { authorize, isOpen } from './roles.js';

export interface CallOptions {
  /** Undefined turns keys off. */
  readonly keys: KeyUseCases | undefined;
  readonly calls: OpenCalls;
  readonly log: Log;
}

/**
 * Around every call: who is it, may it, what went wrong, and a line in the log. One middleware and not five,
 * since each costs something for every message of a stream.
 */
export function callMiddleware(options: CallOptions): ServerMiddleware<Caller> {
  return async function* call<Request, Response>(
    call: ServerMiddlewareCall<Request, Response, Caller>,
    context: CallContext,
  ) {
    const requestId = newId('req');
    // Kept, because handlers get a context whose signal the stop aborts too.
    const client = context.signal;
    const began = performance.now();
    let failure: unknown;
    let principal: Principal | undefined;
    let open: OpenCall | undefined;
    try {
      open = options.calls.begin(client, call.responseStream);
      principal = await identify(options, call.method.path, context);
      const extended = Object.assign(context, { principal, requestId, signal: open.signal });
      // The cast holds: the generic stands for one of the two shapes that `requestStream` tells apart.
      const request = call.requestStream ? checked(call.request) : readable(call.request);
      const next = call.next(request as never, extended);
      const answer = call.responseStream ? yield* next : await once(next, open);
      // A stream that the stop cut short must not look complete.
      if (open.stopped) throw shuttingDown();
      return answer;
    } catch (error) {
      failure = open?.stopped === true && !(error instanceof CodesetError) ? shuttingDown() : error;
      throw clientGone(client, failure) ? gone() : toServerError(failure, requestId);
    } finally {
      open?.[Symbol.dispose]();
      record(options.log, {
        method: call.method.path,
        requestId,
        keyId: principal?.keyId,
        ms: Math.round(performance.now() - began),
        cancelled: client.aborted,
        failure,
      });
    }
  };
}

async function identify(options: CallOptions, path: string, context: CallContext): Promise<Principal> {
  if (isOpen(path) || options.keys === undefined) return EVERYBODY;
  const principal = await authenticate(options.keys, context.metadata);
  authorize(path, principal);
  return principal;
}

/** A single answer, or SHUTTING_DOWN when the service will not wait for it any longer. */
async function once<Response>(
  next: AsyncGenerator<Response, Response | void, undefined>,
  open: OpenCall,
): Promise<Response | void> {
  let abort = (): void => undefined;
  const aborted = new Promise<never>((_resolve, reject) => {
    abort = () => reject(open.stopped ? shuttingDown() : gone());
    open.signal.addEventListener('abort', abort);
  });
  try {
    return (await Promise.race([next.next(), aborted])).value;
  } finally {
    open.signal.removeEventListener('abort', abort);
  }
}

/** Whoever reads a stream meets its bad messages as errors. */
async function* checked<T>(messages: AsyncIterable<T>): AsyncIterable<T> {
  for await (const message of messages) yield readable(message);
}

function clientGone(client: AbortSignal, error: unknown): boolean {
  return client.aborted && !(error instanceof CodesetError);
}

function gone(): ServerError {
  return new ServerError(Status.CANCELLED, 'The client has gone.');
}

interface CallRecord {
  readonly method: string;
  readonly requestId: string;
  readonly keyId: string | undefined;
  readonly ms: number;
  readonly cancelled: boolean;
  readonly failure: unknown;
}

function record(log: Log, call: CallRecord): void {
  const { failure, ...fields } = call;
  if (failure === undefined || call.cancelled) log.debug('call', fields);
  else if (isDefect(failure)) log.error('call failed', { ...fields, err: failure });
  else if (failure instanceof CodesetError) {
    log.debug('call refused', { ...fields, reason: failure.reason, message: failure.message });
  } else log.debug('call refused', { ...fields, message: String(failure) });
}
