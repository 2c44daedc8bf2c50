import { CodesetError, invalidFields } from '../core/errors.js';
import { MIB } from './checker.js';
import { framed } from './framed-message.js';

/** What grpc-js lets in; beyond it the answer has no details, so that our own limit lies below. */
export const RECEIVE_LIMIT = 16 * MIB;
/** What a request message may have. */
export const MESSAGE_LIMIT = 4 * MIB;

/** Stands for a message that could not be read. `readable` throws its error, where it becomes a status. */
export class BadMessage {
  readonly error: CodesetError;

  constructor(error: CodesetError) {
    this.error = error;
  }
}

/** @throws the error of a message that could not be read. */
export function readable<T>(message: T): T {
  if (message instanceof BadMessage) throw message.error;
  return message;
}

interface MessageType {
  encode(message: never): { finish(): Uint8Array };
  decode(input: Uint8Array): unknown;
  fromPartial?(object: never): unknown;
}

export interface GeneratedService {
  readonly name: string;
  readonly fullName: string;
  readonly methods: Readonly<
    Record<
      string,
      {
        readonly name: string;
        readonly requestType: MessageType;
        readonly requestStream: boolean;
        readonly responseType: MessageType;
        readonly responseStream: boolean;
      }
    >
  >;
}

/** A method as grpc-js wants it. */
export interface Method {
  readonly path: string;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
  requestSerialize(message: unknown): Buffer;
  requestDeserialize(bytes: Buffer): unknown;
  responseSerialize(message: unknown): Buffer;
  responseDeserialize(bytes: Buffer): unknown;
}

/**
 * The methods of a generated service with codecs of ours: a message that is malformed or too large becomes a
 * BadMessage instead of grpc-js's INTERNAL.
 *
 * @param decoders by method, for requests that have a faster way.
 */
export function methodsOf(
  service: GeneratedService,
  decoders: Readonly<Record<string, ((bytes: Uint8Array) => unknown) | undefined>> = {},
): Readonly<Record<string, Method>> {
  const methods: Record<string, Method> = {};
  for (const [key, method] of Object.entries(service.methods)) {
    const decoder = decoders[key] ?? ((bytes: Uint8Array) => method.requestType.decode(bytes));
    methods[key] = {
      path: `/${service.fullName}/${method.name}`,
      requestStream: method.requestStream,
      responseStream: method.responseStream,
      requestDeserialize: (bytes) => decode(decoder, bytes),
      responseDeserialize: (bytes) => method.responseType.decode(bytes),
      requestSerialize: (message) => encode(method.requestType, message as never),
      responseSerialize: (message) =>
        framed(message) ? message.body : encode(method.responseType, message as never),
    };
  }
  return methods;
}

function decode(decoder: (bytes: Uint8Array) => unknown, bytes: Uint8Array): unknown {
  if (bytes.length > MESSAGE_LIMIT) {
    return new BadMessage(
      new CodesetError(
        'resource-exhausted',
        'TOO_LARGE',
        `A message has ${bytes.length} bytes, ${MESSAGE_LIMIT} are allowed; send it in pieces.`,
        { metadata: { limit_bytes: String(MESSAGE_LIMIT) } },
      ),
    );
  }
  try {
    return decoder(bytes);
  } catch (error) {
    const violation = { field: '', description: 'The message is not of the type that this call takes.' };
    const invalid = invalidFields([violation]);
    return new BadMessage(
      new CodesetError(invalid.kind, invalid.reason, violation.description, {
        violations: [violation],
        cause: error,
      }),
    );
  }
}

function encode(type: MessageType, message: never): Buffer {
  const whole = type.fromPartial === undefined ? message : (type.fromPartial(message) as never);
  const bytes = type.encode(whole).finish();
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
