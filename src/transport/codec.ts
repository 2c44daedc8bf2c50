import { BinaryReader } from '@bufbuild/protobuf/wire';
import type { ServiceDefinition } from 'nice-grpc';
import { CodesetError, invalidFields } from '../core/errors.js';
import { MIB } from './checker.js';

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
  fromPartial(object: never): unknown;
}

interface GeneratedService {
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
        readonly options: object;
      }
    >
  >;
}

/**
 * A generated service definition with codecs of ours: a message that is malformed or too large becomes a
 * BadMessage instead of grpc-js's INTERNAL, and an answer is handed on without a copy.
 *
 * @param serializers by method, for answers that have a faster way; undefined falls back to the generated one.
 * @returns the same type, since only the codecs differ.
 */
export function withCodecs<S extends GeneratedService>(
  service: S,
  serializers: Partial<Record<keyof S['methods'], (message: never) => Uint8Array | undefined>> = {},
): S {
  const definition: Record<string, unknown> = {};
  for (const [key, method] of Object.entries(service.methods)) {
    const fast = serializers[key];
    definition[key] = {
      path: `/${service.fullName}/${method.name}`,
      requestStream: method.requestStream,
      responseStream: method.responseStream,
      requestDeserialize: (bytes: Uint8Array) => decode(method.requestType, bytes),
      responseDeserialize: (bytes: Uint8Array) => method.responseType.decode(bytes),
      requestSerialize: (message: never) => encode(method.requestType, message),
      responseSerialize: (message: never) =>
        handOver(fast?.(message) ?? encode(method.responseType, message)),
      options: method.options,
    } satisfies ServiceDefinition[string];
  }
  return definition as unknown as S;
}

function decode(type: MessageType, bytes: Uint8Array): unknown {
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
    return type.decode(new BinaryReader(bytes) as never);
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

function encode(type: MessageType, message: never): Uint8Array {
  return type.encode(type.fromPartial(message) as never).finish();
}

/**
 * nice-grpc makes a Buffer of what a serialiser returns by `Buffer.from`, which copies arrays and not
 * ArrayBuffers. Where the array is all of its memory, the memory itself is handed over.
 */
function handOver(bytes: Uint8Array): Uint8Array {
  const whole = bytes.byteOffset === 0 && bytes.byteLength === bytes.buffer.byteLength;
  return whole ? (bytes.buffer as unknown as Uint8Array) : bytes;
}
