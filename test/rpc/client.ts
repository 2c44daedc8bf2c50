import { createChannel, createClientFactory, Metadata, type Channel, type Client } from 'nice-grpc';
import {
  errorDetailsClientMiddleware,
  RichClientError,
  type BadRequest,
  type ErrorInfo,
  type RetryInfo,
} from 'nice-grpc-error-details';
import { SampleServiceDefinition } from '../../gen/codeset/v1/sample_service.js';
import { SessionServiceDefinition } from '../../gen/codeset/v1/session_service.js';
import { VerificationServiceDefinition } from '../../gen/codeset/v1/verification_service.js';

/** A stock client: generated code and nice-grpc, nothing of ours between. */
export interface TestClient extends Disposable {
  readonly channel: Channel;
  readonly samples: Client<typeof SampleServiceDefinition>;
  readonly sessions: Client<typeof SessionServiceDefinition>;
  readonly verifications: Client<typeof VerificationServiceDefinition>;
}

export function connect(address: string, key?: string): TestClient {
  // nice-grpc takes what follows a single colon for a port.
  const channel = createChannel(address.replace(/^unix:(?=\/)/, 'unix://'));
  const factory = createClientFactory().use(errorDetailsClientMiddleware);
  const options = {
    '*': key === undefined ? {} : { metadata: Metadata({ authorization: `Bearer ${key}` }) },
  };
  return {
    channel,
    samples: factory.create(SampleServiceDefinition, channel, options),
    sessions: factory.create(SessionServiceDefinition, channel, options),
    verifications: factory.create(VerificationServiceDefinition, channel, options),
    [Symbol.dispose]: () => channel.close(),
  };
}

export interface Refusal {
  readonly code: number;
  readonly text: string;
  readonly reason: string | undefined;
  readonly fields: readonly string[];
  readonly retry: boolean;
}

/** How a call failed: code, reason and fields together. Fails when it did not. */
export async function refusal(call: Promise<unknown> | AsyncIterable<unknown>): Promise<Refusal> {
  try {
    if (Symbol.asyncIterator in call) for await (const _ of call);
    else await call;
  } catch (error) {
    if (!(error instanceof RichClientError)) throw error;
    const one = <T>(type: string): T | undefined =>
      error.extra.find((extra) => extra.$type === type) as T | undefined;
    return {
      code: error.code,
      text: error.details,
      reason: one<ErrorInfo>('google.rpc.ErrorInfo')?.reason,
      fields: (one<BadRequest>('google.rpc.BadRequest')?.fieldViolations ?? []).map(({ field }) => field),
      retry: one<RetryInfo>('google.rpc.RetryInfo') !== undefined,
    };
  }
  throw new Error('The call succeeded, where a refusal was expected.');
}
