import { ServerError, Status } from 'nice-grpc-common';
import { CodesetError } from '../../core/errors.js';
import { newId } from '../../core/ids.js';
import type { Principal } from '../../core/key.js';
import type { Log } from '../../core/ports/log.js';
import type { Context } from '../call-context.js';
import { isDefect, toServerError } from '../status.js';
import type { KeyUseCases } from '../use-cases.js';
import { authenticate, EVERYBODY } from './authenticate.js';
import { shuttingDown, type OpenCall, type OpenCalls } from './open-calls.js';
import { authorize, isOpen } from './roles.js';

export interface CallGateOptions {
  /** Undefined turns keys off. */
  readonly keys: KeyUseCases | undefined;
  readonly calls: OpenCalls;
  readonly log: Log;
}

/** Around every call, of whatever shape: who is it, may it, what went wrong, and a line in the log. */
export class CallGate {
  readonly #options: CallGateOptions;

  constructor(options: CallGateOptions) {
    this.#options = options;
  }

  /** @param streams whether the answer is a stream. */
  enter(path: string, streams: boolean): Passage {
    return new Passage(this.#options, path, this.#options.calls.begin(streams));
  }
}

/** One call on its way through the gate; what runs the call disposes it. */
export class Passage implements Disposable {
  readonly open: OpenCall;
  readonly #options: CallGateOptions;
  readonly #path: string;
  readonly #began = performance.now();
  #requestId: string | undefined;
  #principal: Principal | undefined;
  #failure: unknown;

  constructor(options: CallGateOptions, path: string, open: OpenCall) {
    this.#options = options;
    this.#path = path;
    this.open = open;
  }

  /** Lets the caller in. @param header `authorization`. @throws SHUTTING_DOWN, KEY_…, ROLE_INSUFFICIENT */
  async admit(header: string | undefined): Promise<Context> {
    this.#options.calls.admit();
    const principal = await this.#identify(header);
    const { open } = this;
    return {
      principal,
      requestId: this.requestId,
      get signal() {
        return open.signal;
      },
    };
  }

  get requestId(): string {
    return (this.#requestId ??= newId('req'));
  }

  /** What a call that was cut short by the stop or by its client fails with. */
  cutShort(): Error {
    return this.open.stopped ? shuttingDown() : gone();
  }

  /** What the client is told of a failure. */
  failed(error: unknown): ServerError {
    this.#failure = this.open.stopped && !(error instanceof CodesetError) ? shuttingDown() : error;
    const left = this.open.clientGone && !(error instanceof CodesetError);
    return left ? gone() : toServerError(this.#failure, this.requestId);
  }

  [Symbol.dispose](): void {
    this.open[Symbol.dispose]();
    const { log } = this.#options;
    const failure = this.#failure;
    const fields = {
      method: this.#path,
      requestId: this.requestId,
      keyId: this.#principal?.keyId,
      ms: Math.round(performance.now() - this.#began),
      cancelled: this.open.clientGone,
    };
    if (failure === undefined || fields.cancelled) log.debug('call', fields);
    else if (isDefect(failure)) log.error('call failed', { ...fields, err: failure });
    else if (failure instanceof CodesetError) {
      log.debug('call refused', { ...fields, reason: failure.reason, message: failure.message });
    } else log.debug('call refused', { ...fields, message: String(failure) });
  }

  async #identify(header: string | undefined): Promise<Principal> {
    const { keys } = this.#options;
    if (isOpen(this.#path) || keys === undefined) return (this.#principal = EVERYBODY);
    const principal = (this.#principal = await authenticate(keys, header));
    authorize(this.#path, principal);
    return principal;
  }
}

function gone(): ServerError {
  return new ServerError(Status.CANCELLED, 'The client has gone.');
}
