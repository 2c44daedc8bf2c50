import { resolve } from 'node:path';
import { createChannel, createClientFactory, Metadata, type Channel, type Client } from 'nice-grpc';
import type { CallOptions, ClientMiddlewareCall } from 'nice-grpc-common';
import { errorDetailsClientMiddleware } from 'nice-grpc-error-details';
import { SampleServiceDefinition } from '../../gen/codeset/v1/sample_service.js';
import { SessionServiceDefinition } from '../../gen/codeset/v1/session_service.js';
import { VerificationServiceDefinition } from '../../gen/codeset/v1/verification_service.js';
import { asClientError } from './errors.js';

export type SampleClient = Client<typeof SampleServiceDefinition>;
export type SessionClient = Client<typeof SessionServiceDefinition>;
export type VerificationClient = Client<typeof VerificationServiceDefinition>;

export interface ConnectionOptions {
  /** `HOST:PORT` or `unix:PATH`. */
  readonly address: string;
  /** The key that calls carry; none for a server without keys. */
  readonly apiKey?: string | undefined;
}

const CHANNEL_OPTIONS = {
  // A stream's window: with the default one a fast output is held back by the round trips.
  'grpc-node.flow_control_window': 8 * 1024 * 1024,
  'grpc.max_receive_message_length': 16 * 1024 * 1024,
  'grpc.enable_channelz': 0,
  // A proxy of the environment is for the world, not for a server on this machine.
  'grpc.enable_http_proxy': 0,
  // A server that was just started is found soon.
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 2000,
};

/**
 * The three services of one server over one channel. Connects at the first call; calls fail with
 * `CodesetClientError`.
 *
 *     using connection = new Connection({ address: '127.0.0.1:50051', apiKey });
 *     const { session } = await connection.sessions.createSession({
 *       source: { $case: 'sample', value: { sampleId: 'median-of-even-lists' } },
 *     });
 */
export class Connection implements Disposable {
  readonly address: string;
  readonly samples: SampleClient;
  readonly sessions: SessionClient;
  readonly verifications: VerificationClient;
  readonly #channel: Channel;

  constructor({ address, apiKey }: ConnectionOptions) {
    this.address = address;
    this.#channel = createChannel(targetOf(address), undefined, CHANNEL_OPTIONS);
    const factory = createClientFactory().use(errorDetailsClientMiddleware).use(decodeErrors);
    const defaults = {
      '*': apiKey === undefined ? {} : { metadata: Metadata({ authorization: `Bearer ${apiKey}` }) },
    };
    this.samples = factory.create(SampleServiceDefinition, this.#channel, defaults);
    this.sessions = factory.create(SessionServiceDefinition, this.#channel, defaults);
    this.verifications = factory.create(VerificationServiceDefinition, this.#channel, defaults);
  }

  close(): void {
    this.#channel.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** nice-grpc takes what follows a single colon for a port, so that sockets need gRPC's long form. */
function targetOf(address: string): string {
  const socket = /^unix:(?:\/\/(?=\/))?(.+)$/s.exec(address)?.[1];
  return socket === undefined ? address : `unix://${resolve(socket)}`;
}

async function* decodeErrors<Request, Response>(
  call: ClientMiddlewareCall<Request, Response>,
  options: CallOptions,
): AsyncGenerator<Response, Response | void, undefined> {
  try {
    return yield* call.next(call.request, options);
  } catch (error) {
    throw asClientError(error);
  }
}
