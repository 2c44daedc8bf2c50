import type { EventEmitter } from 'node:events';
import type {
  sendUnaryData,
  ServerDuplexStream,
  ServerReadableStream,
  ServerUnaryCall,
  ServerWritableStream,
  UntypedHandleCall,
} from '@grpc/grpc-js';
import type { Context } from './call-context.js';
import { readable, type Method } from './codec.js';
import { framed, frameByHand } from './framed-message.js';
import type { CallGate, Passage } from './middleware/call-gate.js';
import { Requests } from './requests.js';
import { toStatus } from './status.js';

export type Implementation = (request: never, context: Context) => unknown;
type SingleAnswer = ServerUnaryCall<unknown, unknown> | ServerReadableStream<unknown, unknown>;
type StreamedAnswer = ServerWritableStream<unknown, unknown> | ServerDuplexStream<unknown, unknown>;

/** A method of one of the four shapes, as grpc-js wants it. */
export function handlerOf(method: Method, implementation: Implementation, gate: CallGate): UntypedHandleCall {
  if (method.responseStream) {
    return (call: StreamedAnswer) => void streamed(method, implementation, gate, call);
  }
  return (call: SingleAnswer, callback: sendUnaryData<unknown>) =>
    void single(method, implementation, gate, call, callback);
}

async function single(
  method: Method,
  implementation: Implementation,
  gate: CallGate,
  call: SingleAnswer,
  callback: sendUnaryData<unknown>,
): Promise<void> {
  using passage = gate.enter(method.path, false);
  watch(call, passage);
  try {
    const context = await passage.admit(keyOf(call));
    const answer = implementation(requestOf(method, call, passage), context) as Promise<unknown>;
    callback(null, await orCutShort(answer, passage));
  } catch (error) {
    callback(toStatus(passage.failed(error)));
  }
}

async function streamed(
  method: Method,
  implementation: Implementation,
  gate: CallGate,
  call: StreamedAnswer,
): Promise<void> {
  using passage = gate.enter(method.path, true);
  watch(call, passage);
  frameByHand(call);
  try {
    const context = await passage.admit(keyOf(call));
    const answers = implementation(requestOf(method, call, passage), context) as AsyncIterable<unknown>;
    for await (const answer of answers) {
      if (passage.open.aborted) throw passage.cutShort();
      const more = framed(answer) ? call.write(answer, answer.written) : call.write(answer);
      if (!more) await drained(call, passage);
    }
    // A stream that the stop cut short must not look complete.
    if (passage.open.stopped) throw passage.cutShort();
    call.end();
  } catch (error) {
    call.emit('error', toStatus(passage.failed(error)));
  }
}

function watch(call: EventEmitter & { readonly cancelled: boolean }, passage: Passage): void {
  if (call.cancelled) passage.open.cut('gone');
  else call.on('cancelled', () => passage.open.cut('gone'));
}

function keyOf(call: SingleAnswer | StreamedAnswer): string | undefined {
  const [header] = call.metadata.get('authorization');
  return header?.toString();
}

function requestOf(method: Method, call: SingleAnswer | StreamedAnswer, passage: Passage): never {
  if (!method.requestStream) return readable((call as ServerUnaryCall<unknown, unknown>).request) as never;
  const requests = new Requests(call as ServerReadableStream<unknown, unknown>);
  const { open } = passage;
  // Whoever waits for a client's next message would wait through the stop.
  open.onAbort(() => {
    if (open.stopped) requests.fail(passage.cutShort());
  });
  return requests as never;
}

/** A single answer, or an error when nobody will wait for it any longer. */
function orCutShort<T>(answer: Promise<T>, passage: Passage): Promise<T> {
  return new Promise((resolve, reject) => {
    const cut = (): void => reject(passage.cutShort());
    passage.open.onAbort(cut);
    answer.then(
      (value) => {
        passage.open.offAbort(cut);
        resolve(value);
      },
      (error: unknown) => {
        passage.open.offAbort(cut);
        reject(error);
      },
    );
  });
}

async function drained(call: StreamedAnswer, passage: Passage): Promise<void> {
  await new Promise<void>((resolve) => {
    const done = (): void => {
      call.off('drain', done);
      passage.open.offAbort(done);
      resolve();
    };
    call.on('drain', done);
    passage.open.onAbort(done);
  });
  if (passage.open.aborted) throw passage.cutShort();
}
