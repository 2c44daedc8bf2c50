import { resolve } from 'node:path';
import { createChannel, createClientFactory, Metadata, type Channel, type Client } from 'nice-grpc';
import type { CallOptions, ClientMiddlewareCall } from 'nice-grpc-common';
import { errorDetailsClientMiddleware } from 'nice-grpc-error-details';
import { SampleServiceDefinition } from '../../gen/codeset/v1/sample_service.js';
import {
  SessionServiceDefinition,
  type DeepPartial,
  type ExecRequest,
  type ExecResponse,
} from '../../gen/codeset/v1/session_service.js';
import { VerificationServiceDefinition } from '../../gen/codeset/v1/verification_service.js';
import { endInTime, type CallControl } from './deadline.js';
import { errorOfStatus } from './error-of-status.js';
import { CodesetClientError } from './errors.js';
import { ExecWire } from './exec-wire.js';
import { retry } from './retry.js';

/** What each call of a stub takes besides its request. */
export type StubOptions = Omit<CallOptions, 'signal'> & CallControl;

/** A generated client whose calls take a CallControl. */
type Stub<Raw> = {
  readonly [Method in keyof Raw]: Raw[Method] extends (
    request: infer Request,
    options?: CallOptions,
  ) => infer Answer
    ? (request: Request, options?: StubOptions) => Answer
    : never;
};

export type SampleClient = Stub<Client<typeof SampleServiceDefinition>>;
export type SessionClient = Stub<Client<typeof SessionServiceDefinition>>;
export type VerificationClient = Stub<Client<typeof VerificationServiceDefinition>>;

export interface ConnectionOptions {
  /** `HOST:PORT` or `unix:PATH`. */
  readonly address: string;
  /** The key that calls carry; none for a server without keys. */
  readonly apiKey?: string | undefined;
  /**
   * For how long a call or a stream whose connection broke is tried again, in milliseconds. Default 30,000; 0:
   * never.
   */
  readonly reconnectTimeoutMs?: number | undefined;
}

const RECONNECT_MS = 30_000;

const CHANNEL_OPTIONS = {
  // A stream's window: with the default one a fast output is held back by the round trips.
  'grpc-node.flow_control_window': 8 * 1024 * 1024,
  'grpc.max_receive_message_length': 16 * 1024 * 1024,
  'grpc.enable_channelz': 0,
  // A server that vanished without a word is noticed while a call waits for it.
  'grpc.keepalive_time_ms': 20_000,
  'grpc.keepalive_timeout_ms': 10_000,
  // A proxy of the environment is for the world, not for a server on this machine.
  'grpc.enable_http_proxy': 0,
  // A server that was just started is found soon.
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 2000,
};

/**
 * The three services of one server over one channel: the generated stubs, with keys, deadlines, repetition and
 * errors of classes. Connects at the first call.
 *
 * @example
 * using connection = new Connection({ address: '127.0.0.1:50051', apiKey });
 * const { session } = await connection.sessions.createSession({
 *   source: { $case: 'sample', value: { sampleId: 'median-of-even-lists' } },
 * });
 */
export class Connection implements Disposable {
  readonly address: string;
  readonly reconnectTimeoutMs: number;
  readonly samples: SampleClient;
  readonly sessions: SessionClient;
  readonly verifications: VerificationClient;
  readonly #channel: Channel;
  readonly #calls = new Set<{ abort(): void }>();
  #answered = false;
  #closed = false;

  constructor({ address, apiKey, reconnectTimeoutMs }: ConnectionOptions) {
    this.address = address;
    this.reconnectTimeoutMs = reconnectTimeoutMs ?? RECONNECT_MS;
    this.#channel = createChannel(targetOf(address), undefined, CHANNEL_OPTIONS);
    const answered = (): boolean => this.#answered;
    const factory = createClientFactory()
      .use(errorDetailsClientMiddleware)
      .use((call, options) => this.#observe(call, options))
      .use(retry({ timeoutMs: this.reconnectTimeoutMs, answered }))
      .use(endInTime);
    const defaults = {
      '*': apiKey === undefined ? {} : { metadata: Metadata({ authorization: `Bearer ${apiKey}` }) },
    };
    this.samples = factory.create(SampleServiceDefinition, this.#channel, defaults) as SampleClient;
    const sessions = factory.create(SessionServiceDefinition, this.#channel, defaults) as SessionClient;
    this.sessions = {
      ...sessions,
      exec: (requests, options) =>
        options?.timeoutMs === undefined
          ? this.#exec(requests, apiKey, options?.signal)
          : sessions.exec(requests, options),
    };
    this.verifications = factory.create(
      VerificationServiceDefinition,
      this.#channel,
      defaults,
    ) as VerificationClient;
  }

  /** Whether the server has answered any call of this connection. */
  get answered(): boolean {
    return this.#answered;
  }

  /** Ends every call that is open, with CANCELLED. Idempotent. */
  close(): void {
    this.#closed = true;
    for (const call of this.#calls) call.abort();
    this.#channel.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Makes errors of statuses, notes that somebody is there, and ends calls with the connection. */
  async *#observe<Request, Response>(
    call: ClientMiddlewareCall<Request, Response>,
    options: CallOptions,
  ): AsyncGenerator<Response, Response | void, undefined> {
    if (this.#closed) throw closed();
    const { signal } = options;
    const stop = new AbortController();
    const abort = (): void => stop.abort(signal?.reason);
    signal?.addEventListener('abort', abort);
    if (signal?.aborted === true) abort();
    this.#calls.add(stop);
    const observed = {
      ...options,
      signal: stop.signal,
      onHeader: (header: Metadata) => {
        this.#answered = true;
        options.onHeader?.(header);
      },
    };
    try {
      return yield* call.next(call.request, observed);
    } catch (error) {
      throw this.#told(error);
    } finally {
      this.#calls.delete(stop);
      signal?.removeEventListener('abort', abort);
    }
  }

  #told(error: unknown): unknown {
    if (this.#closed) return closed(error);
    const told = errorOfStatus(error, (details) => this.#lost(details));
    if (told instanceof CodesetClientError && !told.unreachable) this.#answered = true;
    return told;
  }

  /** The stream that carries bulk, and most of the short commands: nothing is put between. */
  #exec(
    requests: AsyncIterable<DeepPartial<ExecRequest>>,
    apiKey: string | undefined,
    signal: AbortSignal | undefined,
  ): AsyncIterable<ExecResponse> {
    if (this.#closed) throw closed();
    const wire: ExecWire = new ExecWire(requests, {
      channel: this.#channel,
      apiKey,
      signal,
      onHeader: () => (this.#answered = true),
      onEnd: () => this.#calls.delete(wire),
      toError: (error) => this.#told(error),
    });
    this.#calls.add(wire);
    return wire;
  }

  #lost(details: string): string {
    const said = details === '' ? '' : ` (${details})`;
    return this.#answered
      ? `The connection to the server at ${this.address} broke${said}.`
      : `There is no server at ${this.address}: start one with \`codeset serve\`, or name another address${said}.`;
  }
}

function closed(cause?: unknown): CodesetClientError {
  return new CodesetClientError('CANCELLED', '', 'The client was closed.', { cause });
}

/** nice-grpc takes what follows a single colon for a port, so that sockets need gRPC's long form. */
function targetOf(address: string): string {
  const socket = /^unix:(?:\/\/(?=\/))?(.+)$/s.exec(address)?.[1];
  return socket === undefined ? address : `unix://${resolve(socket)}`;
}
