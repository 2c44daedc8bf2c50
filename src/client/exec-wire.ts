import { Client, credentials, Metadata, type Channel, type ClientDuplexStream } from '@grpc/grpc-js';
import { ClientError, Metadata as Trailer } from 'nice-grpc-common';
import { errorDetailsClientMiddleware } from 'nice-grpc-error-details';
import {
  SessionServiceDefinition,
  type DeepPartial,
  type ExecRequest,
  type ExecResponse,
} from '../../gen/codeset/v1/session_service.js';
import { encodeExecRequest } from './exec-request-codec.js';
import { decodeExecResponse } from './exec-response-codec.js';
import { takeInPieces } from './message-pieces.js';

const PATH = `/${SessionServiceDefinition.fullName}/${SessionServiceDefinition.methods.exec.name}`;
const METHOD = { path: PATH, requestStream: true, responseStream: true, options: {} } as const;

type Decoded = ReturnType<typeof decodeExecResponse>;
type Call = ClientDuplexStream<DeepPartial<ExecRequest>, Decoded>;
type Result = IteratorResult<ExecResponse, undefined>;

export interface ExecWireOptions {
  readonly channel: Channel;
  readonly apiKey: string | undefined;
  readonly signal: AbortSignal | undefined;
  /** The server has said something. */
  readonly onHeader: () => void;
  /** It is over, or its reader has left. May come more than once. */
  readonly onEnd: () => void;
  /** What a failed call throws, from what gRPC says. */
  readonly toError: (error: unknown) => unknown;
}

/**
 * One Exec stream right on grpc-js: what the stubs put between takes a copy of every message, and most of the time
 * that a short command has. Iterated once; to end early is to cancel.
 */
export class ExecWire implements AsyncIterableIterator<ExecResponse, undefined> {
  readonly #options: ExecWireOptions;
  readonly #call: Call;
  readonly #requests: AsyncIterator<DeepPartial<ExecRequest>>;
  /** Of the message that was read last, what was not handed out yet, in reverse. */
  #rest: ExecResponse[] = [];
  #wake: (() => void) | undefined;
  #ended = false;
  #failure: { readonly error: unknown } | undefined;
  readonly #abort = (): void => this.abort();

  constructor(requests: AsyncIterable<DeepPartial<ExecRequest>>, options: ExecWireOptions) {
    this.#options = options;
    const { apiKey, channel, signal } = options;
    signal?.throwIfAborted();
    const metadata = new Metadata();
    if (apiKey !== undefined) metadata.set('authorization', `Bearer ${apiKey}`);
    const client = new Client('', credentials.createInsecure(), { channelOverride: channel });
    this.#call = client.makeBidiStreamRequest(PATH, encodeExecRequest, decode, metadata);
    this.#requests = requests[Symbol.asyncIterator]();
    this.#call.on('metadata', () => {
      takeInPieces(this.#call);
      options.onHeader();
    });
    this.#call.on('readable', () => this.#wake?.());
    this.#call.on('end', () => this.#finish());
    this.#call.on('close', () => this.#finish());
    this.#call.on('error', (error) => {
      this.#failure ??= { error };
      this.#finish();
    });
    signal?.addEventListener('abort', this.#abort);
    this.#send().catch((error: unknown) => {
      this.#failure ??= { error };
      this.#call.cancel();
    });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Ends it with CANCELLED. */
  abort(): void {
    this.#rest = [];
    this.#call.cancel();
  }

  async next(): Promise<Result> {
    for (;;) {
      const response = this.#rest.pop() ?? this.#read();
      if (response !== undefined) return { done: false, value: response };
      if (this.#failure !== undefined) throw await this.#told(this.#failure.error);
      if (this.#ended) {
        this.#release();
        return { done: true, value: undefined };
      }
      await new Promise<void>((resolve) => (this.#wake = resolve));
      this.#wake = undefined;
    }
  }

  return(): Promise<Result> {
    this.#release();
    this.#call.cancel();
    return Promise.resolve({ done: true, value: undefined });
  }

  #read(): ExecResponse | undefined {
    const decoded = this.#call.destroyed ? null : (this.#call.read() as Decoded | null);
    if (decoded === null) return undefined;
    if ('frame' in decoded) return decoded;
    this.#rest = [...decoded].reverse();
    return this.#rest.pop();
  }

  #finish(): void {
    this.#ended = true;
    this.#wake?.();
  }

  #release(): void {
    this.#ended = true;
    this.#options.signal?.removeEventListener('abort', this.#abort);
    this.#options.onEnd();
    // A generator that waits for something to send ends when that comes, or never: nobody waits for it.
    void this.#requests.return?.();
  }

  async #send(): Promise<void> {
    for (;;) {
      const next = await this.#requests.next();
      if (this.#ended) return;
      if (next.done === true) break;
      if (!this.#call.write(next.value)) await this.#drained();
    }
    this.#call.end();
  }

  async #drained(): Promise<void> {
    await new Promise<void>((resolve) => {
      const done = (): void => {
        this.#call.off('drain', done);
        this.#call.off('close', done);
        resolve();
      };
      this.#call.on('drain', done);
      this.#call.on('close', done);
    });
  }

  async #told(error: unknown): Promise<unknown> {
    this.#release();
    const { signal } = this.#options;
    if (signal?.aborted === true) return signal.reason;
    return this.#options.toError(await withDetails(error));
  }
}

const decode = (bytes: Buffer): Decoded => decodeExecResponse(bytes);

interface StatusError {
  readonly code: number;
  readonly details: string;
  readonly metadata: Metadata;
}

/** A status of grpc-js as the stubs throw it, with the details that came along. */
async function withDetails(error: unknown): Promise<unknown> {
  const status = error as Partial<StatusError>;
  if (typeof status.code !== 'number' || !(status.metadata instanceof Metadata)) return error;
  const [bytes] = status.metadata.get('grpc-status-details-bin');
  const failed = errorDetailsClientMiddleware(
    {
      method: METHOD,
      requestStream: true,
      request: NO_REQUESTS,
      responseStream: true,
      // eslint-disable-next-line require-yield
      next: async function* (_request, options) {
        if (bytes !== undefined)
          options.onTrailer?.(Trailer({ 'grpc-status-details-bin': Buffer.from(bytes) }));
        throw new ClientError(PATH, status.code ?? 2, status.details ?? '');
      },
    },
    {},
  );
  try {
    await failed.next();
  } catch (told) {
    return told;
  }
  return error;
}

const NO_REQUESTS: AsyncIterable<never> = {
  [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => undefined) }),
};
