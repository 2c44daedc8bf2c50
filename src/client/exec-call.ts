import { OutputStream } from '../../gen/codeset/v1/exec.js';
import type {
  DeepPartial,
  ExecAttach,
  ExecRequest,
  ExecResponse,
  ExecStart,
} from '../../gen/codeset/v1/session_service.js';
import type { Connection } from './connection.js';
import { CodesetClientError, ConnectionError, DisconnectedError } from './errors.js';
import { ExecInput, type TerminalSize } from './exec-input.js';
import { newId } from './new-id.js';
import { backoffMs, pause } from './pause.js';

export type { TerminalSize } from './exec-input.js';

export type ExecOpening =
  | { readonly $case: 'start'; readonly value: DeepPartial<ExecStart> & { readonly sessionId: string } }
  | {
      readonly $case: 'attach';
      readonly value: DeepPartial<ExecAttach> & { readonly sessionId: string; readonly execId: string };
    };

export interface ExecCallOptions {
  /** Ends the stream: `responses` throws its reason. */
  readonly signal?: AbortSignal | undefined;
  /** Told when the stream broke and is being taken up again, and when it goes on. */
  readonly onConnection?: ((state: 'lost' | 'back', error?: CodesetClientError) => void) | undefined;
}

/**
 * One command, streamed both ways. A connection that breaks is taken up again where it was, both ways, for as
 * long as the connection's `reconnectTimeoutMs`: `responses` gives each byte of the outputs once and `started`
 * once, and the command gets each byte of its input once. A start is sent with an exec_id, so that sent again it
 * happens once.
 */
export class ExecCall {
  readonly sessionId: string;
  readonly execId: string;
  readonly #connection: Connection;
  readonly #opening: ExecOpening;
  readonly #onConnection: NonNullable<ExecCallOptions['onConnection']>;
  readonly #abort = new AbortController();
  readonly #input = new ExecInput();
  readonly #release: () => void;
  /** Where to go on in the outputs, in bytes. */
  #stdout: bigint;
  #stderr: bigint;
  #started = false;
  #streams = 0;
  #connected = new Gate();

  constructor(connection: Connection, opening: ExecOpening, options: ExecCallOptions = {}) {
    this.#connection = connection;
    this.sessionId = opening.value.sessionId;
    if (opening.$case === 'start') {
      const spec = opening.value.spec ?? {};
      this.execId = spec.execId === undefined || spec.execId === '' ? newId('exe') : spec.execId;
      this.#opening = { $case: 'start', value: { ...opening.value, spec: { ...spec, execId: this.execId } } };
    } else {
      this.execId = opening.value.execId;
      this.#opening = opening;
    }
    this.#stdout = opening.$case === 'attach' ? BigInt(opening.value.stdoutOffset ?? 0) : 0n;
    this.#stderr = opening.$case === 'attach' ? BigInt(opening.value.stderrOffset ?? 0) : 0n;
    this.#onConnection = options.onConnection ?? (() => undefined);
    const { signal } = options;
    const abort = (): void => this.#abort.abort(signal?.reason);
    signal?.addEventListener('abort', abort);
    this.#release = () => signal?.removeEventListener('abort', abort);
    if (signal?.aborted === true) abort();
  }

  /**
   * Resolves when the connection has taken it. What the command no longer reads is dropped.
   * @param data copied before this resolves.
   */
  sendInput(data: Uint8Array): Promise<void> {
    return this.#input.write(data);
  }

  endInput(): Promise<void> {
    return this.#input.end();
  }

  /** Gives the command's terminal another size. To a command without one it is an error that ends the stream. */
  resize(size: TerminalSize): void {
    this.#input.resize(size);
  }

  /**
   * Sends a signal to the command's process group, past any input that waits. Resolves when it was delivered;
   * while the connection is broken it waits for that.
   * @param signal by name, `SIGINT`. @throws FailedPreconditionError EXEC_ENDED
   */
  async signal(signal: string): Promise<void> {
    await this.#connected.open();
    const { sessionId, execId } = this;
    await this.#connection.sessions.signalExec({ sessionId, execId, signal });
  }

  /** Ends the stream on this side; what that does to the command depends on its `detach`. Idempotent. */
  cancel(reason: unknown = new DOMException('The call was cancelled.', 'AbortError')): void {
    this.#abort.abort(reason);
  }

  /** Everything that the service says, `exited` last. To be read once. @throws CodesetClientError */
  async *responses(): AsyncGenerator<ExecResponse, void, undefined> {
    const { signal } = this.#abort;
    let frame: DeepPartial<ExecRequest>['frame'] = this.#opening;
    let giveUp: number | undefined;
    let attempt = 0;
    try {
      for (;;) {
        try {
          for await (const response of this.#once(frame)) {
            if (giveUp !== undefined) this.#onConnection('back');
            giveUp = undefined;
            attempt = 0;
            const again = response.frame?.$case === 'started' && this.#started;
            this.#note(response);
            if (!again) yield response;
            if (response.frame?.$case === 'exited') return;
          }
          throw new ConnectionError('The stream ended before the command did.');
        } catch (error) {
          if (signal.aborted) throw signal.reason;
          if (!this.#mayGoOn(error)) throw error;
          const first = giveUp === undefined;
          giveUp ??= Date.now() + this.#connection.reconnectTimeoutMs;
          const waitMs =
            error.reason === 'STDIN_CLOSED' ? 0 : Math.max(error.retryAfterMs ?? 0, backoffMs(attempt++));
          if (Date.now() + waitMs > giveUp) throw this.#lost(error);
          if (first) this.#onConnection('lost', error);
          await pause(waitMs, signal);
          if (this.#started) frame = this.#attach();
        }
      }
    } finally {
      this.#release();
      this.#input.close();
      this.#connected.release();
    }
  }

  /** One stream, from its first frame to its end. */
  async *#once(first: DeepPartial<ExecRequest>['frame']): AsyncGenerator<ExecResponse, void, undefined> {
    const input = this.#input;
    this.#streams++;
    async function* requests(): AsyncGenerator<DeepPartial<ExecRequest>> {
      yield { frame: first };
      for await (const frame of input.frames()) yield { frame };
    }
    try {
      yield* this.#connection.sessions.exec(requests(), { signal: this.#abort.signal });
    } finally {
      input.pause();
      this.#connected.shut();
    }
  }

  #attach(): DeepPartial<ExecRequest>['frame'] {
    const { sessionId, execId } = this;
    return {
      $case: 'attach',
      value: {
        sessionId,
        execId,
        stdoutOffset: this.#stdout,
        stderrOffset: this.#stderr,
        ...(this.#opening.value.pace === undefined ? {} : { pace: this.#opening.value.pace }),
      },
    };
  }

  #note({ frame }: ExecResponse): void {
    if (frame?.$case === 'started') {
      this.#input.resume(Number(frame.value.stdinOffset));
      this.#started = true;
      this.#connected.pass();
    } else if (frame?.$case === 'output') {
      this.#advance(frame.value.stream, frame.value.offset + BigInt(frame.value.data.length));
    } else if (frame?.$case === 'gap') {
      this.#advance(frame.value.stream, frame.value.toOffset);
    }
  }

  #advance(stream: OutputStream, offset: bigint): void {
    if (stream === OutputStream.STDERR) this.#stderr = offset;
    else this.#stdout = offset;
  }

  #mayGoOn(error: unknown): error is CodesetClientError {
    if (!(error instanceof CodesetClientError)) return false;
    // Before the first answer there may be no server, or the start may be wrong.
    if (error.code === 'UNAVAILABLE') return this.#started || this.#connection.answered;
    if (!this.#started || this.#streams < 2) return false;
    // The service has not noticed yet that the stream before is gone, which has the hold on stdin.
    if (error.reason === 'STDIN_BUSY') return true;
    if (error.reason !== 'STDIN_CLOSED') return false;
    // The end of the input had arrived before the stream broke, or the command has closed it.
    this.#input.close();
    return true;
  }

  #lost(error: CodesetClientError): CodesetClientError {
    if (!this.#started) return error;
    const { sessionId, execId } = this;
    const stdoutOffset = Number(this.#stdout);
    const stderrOffset = Number(this.#stderr);
    return new DisconnectedError(
      `${error.message} It was not back in time; the command may run on as ${execId}, and attaching takes it up.`,
      { sessionId, execId, stdoutOffset, stderrOffset },
      error,
    );
  }
}

/** Waits until a stream stands. */
class Gate {
  #state: 'shut' | 'open' | 'released' = 'shut';
  #waiting: (() => void)[] = [];

  open(): Promise<void> {
    if (this.#state !== 'shut') return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  shut(): void {
    if (this.#state === 'open') this.#state = 'shut';
  }

  pass(): void {
    this.#state = 'open';
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  /** The command has ended, or nobody waits for it any more: the service answers what is asked now. */
  release(): void {
    this.pass();
    this.#state = 'released';
  }
}
