/** gRPC's own header of a message: a byte for compression, four for the length. */
export const MESSAGE_HEADER = 5;

/**
 * A message that is on the wire's form already, gRPC's header in front, in memory that its maker wants back:
 * `written` is called when the connection has taken it, with an error when that is not sure.
 */
export class FramedMessage {
  readonly bytes: Buffer;
  readonly written: (error?: Error | null) => void;

  /** @param bytes begins with `MESSAGE_HEADER` bytes for the header. */
  constructor(bytes: Buffer, giveBack: () => void) {
    bytes[0] = 0;
    bytes.writeUInt32BE(bytes.length - MESSAGE_HEADER, 1);
    this.bytes = bytes;
    this.written = (error) => {
      // After an error the connection may still be at it: that memory is left to the garbage collector.
      if (error === undefined || error === null) giveBack();
    };
  }

  /** Without the header. */
  get body(): Buffer {
    return this.bytes.subarray(MESSAGE_HEADER);
  }
}

export function framed(message: unknown): message is FramedMessage {
  return message instanceof FramedMessage;
}

interface InnerCall {
  serializeMessage?: (message: unknown) => Buffer;
}

/**
 * Has a call of grpc-js take framed messages as they are. By itself it allocates memory for every message and
 * copies the message behind its header, and offers no way around; so this replaces the inner call's method, where
 * there is one of that name. Elsewhere the message's body goes through the serialiser, and costs the copy.
 */
export function frameByHand(call: object): void {
  const inner = (call as { readonly call?: InnerCall }).call;
  const serialize = inner?.serializeMessage;
  if (inner === undefined || typeof serialize !== 'function') return;
  inner.serializeMessage = (message) => (framed(message) ? message.bytes : serialize.call(inner, message));
}
