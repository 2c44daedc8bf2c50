import { OutputStream } from '../../gen/codeset/v1/exec.js';
import type {
  DeepPartial,
  ExecAttach,
  ExecRequest,
  ExecResponse,
  ExecStart,
} from '../../gen/codeset/v1/session_service.js';
import type { SessionClient } from './connection.js';
import { CodesetClientError } from './errors.js';
import { Outgoing } from './outgoing.js';

export type ExecOpening =
  | { readonly $case: 'start'; readonly value: DeepPartial<ExecStart> & { readonly sessionId: string } }
  | { readonly $case: 'attach'; readonly value: DeepPartial<ExecAttach> & { readonly sessionId: string } };

/** How long a broken stream is taken up again, in milliseconds: less than the lease that ends the command. */
const REATTACH_MS = 8000;
const REATTACH_PAUSE_MS = 200;

/**
 * One command, streamed both ways. A connection that breaks is taken up where it was, unless stdin is being
 * sent: `responses` gives each byte of the outputs once, and `started` once.
 */
export class ExecCall {
  readonly #sessions: SessionClient;
  readonly #opening: ExecOpening;
  readonly #abort = new AbortController();
  #outgoing = new Outgoing<DeepPartial<ExecRequest>>();
  #execId: string | undefined;
  #stdout = 0n;
  #stderr = 0n;
  #sendsInput = false;

  constructor(sessions: SessionClient, opening: ExecOpening) {
    this.#sessions = sessions;
    this.#opening = opening;
  }

  /** Resolves when the connection has taken it. @param data at most 1 MiB. */
  sendInput(data: Uint8Array): Promise<void> {
    this.#sendsInput = true;
    return this.#outgoing.push({ frame: { $case: 'stdin', value: { data: Buffer.from(data) } } });
  }

  async endInput(): Promise<void> {
    await this.#outgoing.push({ frame: { $case: 'endOfInput', value: {} } });
    this.#sendsInput = false;
  }

  /** @param signal by name, `SIGINT`. */
  async signal(signal: string): Promise<void> {
    await this.#outgoing.push({ frame: { $case: 'signal', value: { signal } } });
  }

  /** Ends the stream on this side; what that does to the command depends on its `detach`. */
  cancel(): void {
    this.#abort.abort();
  }

  /** Everything that the service says, `exited` last. To be read once. @throws CodesetClientError */
  async *responses(): AsyncGenerator<ExecResponse, void, undefined> {
    let frame: DeepPartial<ExecRequest>['frame'] = this.#opening;
    let giveUp: number | undefined;
    for (;;) {
      try {
        for await (const response of this.#once(frame)) {
          giveUp = undefined;
          const again = response.frame?.$case === 'started' && this.#execId !== undefined;
          this.#keep(response);
          if (!again) yield response;
          if (response.frame?.$case === 'exited') return;
        }
        throw new CodesetClientError('UNAVAILABLE', '', 'The stream ended before the command did.');
      } catch (error) {
        giveUp ??= Date.now() + REATTACH_MS;
        if (!this.#mayReattach(error) || Date.now() > giveUp) throw error;
        await new Promise((resolve) => setTimeout(resolve, REATTACH_PAUSE_MS));
        frame = {
          $case: 'attach',
          value: {
            sessionId: this.#opening.value.sessionId,
            execId: this.#execId ?? '',
            stdoutOffset: this.#stdout,
            stderrOffset: this.#stderr,
          },
        };
      }
    }
  }

  async *#once(frame: DeepPartial<ExecRequest>['frame']): AsyncGenerator<ExecResponse, void, undefined> {
    // What waits for the first stream is kept for it; what waited in a broken one went with it.
    if (this.#execId !== undefined) this.#outgoing = new Outgoing();
    const outgoing = this.#outgoing;
    async function* requests(): AsyncGenerator<DeepPartial<ExecRequest>> {
      yield { frame };
      yield* outgoing;
    }
    try {
      yield* this.#sessions.exec(requests(), { signal: this.#abort.signal });
    } finally {
      outgoing.close();
    }
  }

  #keep({ frame }: ExecResponse): void {
    if (frame?.$case === 'started') this.#execId = frame.value.execId;
    else if (frame?.$case === 'output')
      this.#advance(frame.value.stream, frame.value.offset + BigInt(frame.value.data.length));
    else if (frame?.$case === 'gap') this.#advance(frame.value.stream, frame.value.toOffset);
  }

  #advance(stream: OutputStream, offset: bigint): void {
    if (stream === OutputStream.STDERR) this.#stderr = offset;
    else this.#stdout = offset;
  }

  #mayReattach(error: unknown): boolean {
    return (
      error instanceof CodesetClientError &&
      error.code === 'UNAVAILABLE' &&
      this.#execId !== undefined &&
      !this.#sendsInput &&
      !this.#abort.signal.aborted
    );
  }
}
