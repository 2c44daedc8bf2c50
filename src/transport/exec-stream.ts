import type { ExecRequest, ExecResponse } from '../../gen/codeset/v1/session_service.js';
import { CodesetError, type ErrorReason } from '../core/errors.js';
import type { ExecEvent, ExecSpec } from '../core/exec.js';
import type { AttachOptions, SandboxExecs, StdinWriter } from '../core/ports/execs.js';
import { mustOwnSession, type Context } from './call-context.js';
import { Checker, MIB } from './checker.js';
import {
  execSpecFromProto,
  exitToProto,
  outputStreams,
  paceFromProto,
  signalFromProto,
  terminalFromProto,
} from './convert/exec.js';
import { frameOutput } from './exec-output-codec.js';
import type { FramedMessage } from './framed-message.js';
import { invalidStream } from './upload.js';
import type { SessionUseCases } from './use-cases.js';

const MAX_STDIN_FRAME_BYTES = MIB;
const LATE: ReadonlySet<ErrorReason> = new Set(['STDIN_CLOSED', 'EXEC_ENDED']);

/** Nobody reads why; without one each abort would make an error and its stack. */
const OVER = 'over';

interface Opening {
  readonly sessionId: string;
  /** Set when a command is to be started. */
  readonly spec: ExecSpec | undefined;
  readonly execId: string;
  readonly from: AttachOptions['from'];
  readonly pace: AttachOptions['pace'];
}

/**
 * One Exec call. Output goes out as the caller of this generator asks for it, so that a slow client holds back
 * its own command and nothing else; input is pumped beside it, and a wrong input message ends the call.
 */
export async function* execStream(
  sessions: SessionUseCases,
  requests: AsyncIterable<ExecRequest>,
  context: Context,
): AsyncGenerator<ExecResponse | FramedMessage, void, undefined> {
  const messages = requests[Symbol.asyncIterator]();
  const first = await messages.next();
  const opening = open(first.done === true ? undefined : first.value);
  mustOwnSession(context, opening.sessionId);
  const execs = await sessions.execs(opening.sessionId);
  if (opening.spec !== undefined) await execs.start(opening.spec);

  const stop = new AbortController();
  const abort = (): void => stop.abort(OVER);
  context.signal.addEventListener('abort', abort);
  if (context.signal.aborted) abort();
  const input = new ExecInput(execs, opening.execId);
  let failure: { readonly error: unknown } | undefined;
  try {
    const events = execs.attach(opening.execId, {
      from: opening.from,
      signal: stop.signal,
      hold: true,
      pace: opening.pace,
    });
    for await (const event of events) {
      // The pump begins after `started`, whose stdin_offset it counts from.
      if (event.type === 'started') {
        yield toResponse(event);
        input.startAt(event.stdinOffset);
        input.pump(messages).catch((error: unknown) => {
          failure = { error };
          abort();
        });
        continue;
      }
      yield toResponse(event);
      if (event.type === 'exited') return;
    }
    if (failure !== undefined) throw failure.error;
  } finally {
    context.signal.removeEventListener('abort', abort);
    abort();
    input.release();
  }
}

function open(message: ExecRequest | undefined): Opening {
  const check = new Checker();
  switch (message?.frame?.$case) {
    case 'start': {
      const start = message.frame.value;
      check.id('start.session_id', start.sessionId);
      const { spec } = execSpecFromProto(check, 'start.spec', start.spec);
      const pace = paceFromProto(check, 'start.pace', start.pace);
      check.done();
      const from = { stdout: 0, stderr: 0 };
      return { sessionId: start.sessionId, spec, execId: spec.execId, from, pace };
    }
    case 'attach': {
      const attach = message.frame.value;
      check.id('attach.session_id', attach.sessionId);
      check.id('attach.exec_id', attach.execId);
      const from = {
        stdout: check.offset('attach.stdout_offset', attach.stdoutOffset),
        stderr: check.offset('attach.stderr_offset', attach.stderrOffset),
      };
      const pace = paceFromProto(check, 'attach.pace', attach.pace);
      check.done();
      return { sessionId: attach.sessionId, spec: undefined, execId: attach.execId, from, pace };
    }
    default:
      throw invalidStream('The first message must be `start` or `attach`.');
  }
}

/** The client's side of a call, after its first message. */
class ExecInput {
  readonly #execs: SandboxExecs;
  readonly #execId: string;
  #writer: StdinWriter | undefined;
  #offset = 0;
  #ended = false;
  #released = false;

  constructor(execs: SandboxExecs, execId: string) {
    this.#execs = execs;
    this.#execId = execId;
  }

  startAt(offset: number): void {
    this.#offset = offset;
  }

  /** The end of the messages says nothing: neither that the input is complete nor that the client is well. */
  async pump(messages: AsyncIterator<ExecRequest>): Promise<void> {
    for (;;) {
      const next = await messages.next();
      if (next.done === true || this.#released) return;
      await this.#take(next.value);
    }
  }

  release(): void {
    this.#released = true;
    this.#writer?.release();
  }

  /** A command that has ended takes no more input, which its client could not know: `exited` tells it. */
  async #take(message: ExecRequest): Promise<void> {
    try {
      await this.#handle(message);
    } catch (error) {
      const late = error instanceof CodesetError && LATE.has(error.reason);
      if (!late || this.#execs.get(this.#execId).exit === undefined) throw error;
    }
  }

  async #handle(message: ExecRequest): Promise<void> {
    const { frame } = message;
    switch (frame?.$case) {
      case 'stdin': {
        const { data, offset } = frame.value;
        if (this.#ended) throw invalidStream('No `stdin` may follow `end_of_input`.');
        if (data.length > MAX_STDIN_FRAME_BYTES) {
          throw invalidStream(`A \`stdin\` has ${data.length} bytes, ${MAX_STDIN_FRAME_BYTES} are allowed.`);
        }
        const check = new Checker();
        const at = offset === undefined ? this.#offset : check.offset('stdin.offset', offset);
        check.done();
        await this.#stdin().write(at, data);
        this.#offset = Math.max(this.#offset, at + data.length);
        return;
      }
      case 'endOfInput':
        if (this.#ended) throw invalidStream('`end_of_input` may come once.');
        this.#ended = true;
        await this.#stdin().end();
        return;
      case 'signal': {
        const check = new Checker();
        const signal = signalFromProto(check, 'signal.signal', frame.value.signal);
        check.done();
        // To a command that has just ended a signal is nothing wrong: `exited` is on its way.
        await this.#execs.signal(this.#execId, signal);
        return;
      }
      case 'resize': {
        const check = new Checker();
        const { size } = frame.value;
        if (size === undefined) check.fail('resize.size', 'is required');
        const terminal = terminalFromProto(check, 'resize.size', size ?? { rows: 0, columns: 0 });
        check.done();
        this.#execs.resize(this.#execId, terminal);
        return;
      }
      case 'start':
      case 'attach':
        throw invalidStream('`start` and `attach` may only come first.');
      case undefined:
        throw invalidStream('The message is empty.');
    }
  }

  #stdin(): StdinWriter {
    this.#writer ??= this.#execs.openStdin(this.#execId);
    return this.#writer;
  }
}

function toResponse(event: ExecEvent): ExecResponse | FramedMessage {
  switch (event.type) {
    case 'started':
      return {
        frame: {
          $case: 'started',
          value: { execId: event.execId, stdinOffset: BigInt(event.stdinOffset) },
        },
      };
    case 'output':
      return frameOutput(event);
    case 'gap':
      return {
        frame: {
          $case: 'gap',
          value: {
            stream: outputStreams.toProto(event.stream),
            fromOffset: BigInt(event.from),
            toOffset: BigInt(event.to),
          },
        },
      };
    case 'exited':
      return {
        frame: {
          $case: 'exited',
          value: {
            result: exitToProto(event.exit),
            stdoutBytes: BigInt(event.stdoutBytes),
            stderrBytes: BigInt(event.stderrBytes),
            truncated: event.truncated,
          },
        },
      };
  }
}
