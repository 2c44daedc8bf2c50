import type { Context } from './call-context.js';
import type { FramedMessage } from './framed-message.js';

interface MessageType {
  decode(input: Uint8Array): unknown;
  fromPartial(object: never): unknown;
}

interface MethodType {
  readonly requestType: MessageType;
  readonly requestStream: boolean;
  readonly responseType: MessageType;
  readonly responseStream: boolean;
}

type Request<M extends MethodType> = ReturnType<M['requestType']['decode']>;
type Response<M extends MethodType> = Parameters<M['responseType']['fromPartial']>[0];

/**
 * What answers one method: a message or a stream of them, for a message or a stream of them. Fields that an answer
 * leaves out have their defaults.
 */
export type Handler<M extends MethodType> = (
  request: M['requestStream'] extends true ? AsyncIterable<Request<M>> : Request<M>,
  context: Context,
) => M['responseStream'] extends true ? AsyncIterable<Response<M> | FramedMessage> : Promise<Response<M>>;

/** A generated service definition, as far as its handlers go. */
export interface Served {
  readonly methods: Readonly<Record<string, MethodType>>;
}

/** A handler for every method of a generated service definition. */
export type Service<D extends Served> = {
  readonly [K in keyof D['methods']]: Handler<D['methods'][K]>;
};
