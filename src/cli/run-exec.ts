import { writeFile } from 'node:fs/promises';
import type { Connection } from '../client/connection.js';
import { CodesetClientError } from '../client/errors.js';
import { ExecCall, type ExecOpening } from '../client/exec-call.js';
import type { ExecExited, ExecResponse } from '../client/types.js';
import { exitReason, isStderr } from '../client/words.js';
import type { CommandContext } from './context.js';
import { EscapeKeys } from './escape-keys.js';
import { ExecSignals } from './exec-signals.js';
import { EXEC_FAILED, statusOf, statusOfCommand, USAGE, type CommandEnd } from './exit-status.js';
import { LocalTerminal, type RawMode } from './local-terminal.js';
import { OutputClosed } from './output.js';

const CTRL_C = 0x03;
const ESCAPES = 'behind Enter: ~. leaves, ~~ types a tilde, ~? shows this.';

export interface StreamOptions {
  /** Whether this process's stdin is the command's. */
  readonly input: boolean;
  /** Whether the command has a terminal. */
  readonly tty: boolean;
  /** Whether some keys are this program's, where this terminal is the command's: see EscapeKeys. Default: none is. */
  readonly escapes?: boolean;
  /** Where to write how it ended, as JSON. */
  readonly statusFile?: string | undefined;
}

/** Streams a command to this process's outputs, and its input, signals and size to the command. @returns the exit status. */
export async function streamExec(
  context: CommandContext,
  connection: Connection,
  opening: ExecOpening,
  options: StreamOptions,
): Promise<number> {
  const stream = new ExecStream(context, connection, opening, options);
  try {
    return await stream.run();
  } finally {
    stream.close();
  }
}

/** Any failure of the service or of the way to it; never a status that a command may have as its own by custom. */
export function execErrorStatus(error: unknown): number {
  return statusOf(error) === USAGE ? USAGE : EXEC_FAILED;
}

class ExecStream {
  readonly #context: CommandContext;
  readonly #options: StreamOptions;
  readonly #call: ExecCall;
  readonly #signals: ExecSignals;
  readonly #terminal: LocalTerminal;
  readonly #reconnectTimeoutMs: number;
  #raw: RawMode | undefined;
  #resizing: Disposable | undefined;
  #over = false;

  constructor(context: CommandContext, connection: Connection, opening: ExecOpening, options: StreamOptions) {
    this.#context = context;
    this.#options = options;
    this.#reconnectTimeoutMs = connection.reconnectTimeoutMs;
    this.#call = new ExecCall(connection, opening, { onConnection: (state) => this.#connection(state) });
    this.#terminal = new LocalTerminal(context.io);
    this.#signals = new ExecSignals(context.io, this.#call, () => this.#continued());
  }

  async run(): Promise<number> {
    const { statusFile } = this.#options;
    const { execId } = this.#call;
    try {
      for await (const response of this.#call.responses()) {
        const room = this.#show(response);
        if (room !== undefined) await room;
        if (response.frame?.$case !== 'exited') continue;
        const exited = response.frame.value;
        this.close();
        if (statusFile !== undefined) {
          const { protoJson } = await import('../client/proto-json.js');
          await writeStatus(statusFile, { execId, exited: protoJson('ExecExited', exited) });
        }
        return this.#end(exited);
      }
      return EXEC_FAILED;
    } catch (error) {
      this.close();
      if (this.#signals.status !== undefined) return this.#signals.status;
      if (error instanceof OutputClosed) throw error;
      if (statusFile !== undefined) await writeStatus(statusFile, { execId, error: errorJson(error) });
      throw error;
    }
  }

  /** The terminal is as before. Idempotent. */
  close(): void {
    this.#over = true;
    this.#raw?.[Symbol.dispose]();
    this.#resizing?.[Symbol.dispose]();
    this.#signals[Symbol.dispose]();
  }

  /** @returns undefined, or what resolves when there is room for more. */
  #show(response: ExecResponse): Promise<void> | undefined {
    const { out } = this.#context;
    const { frame } = response;
    if (frame?.$case === 'started') this.#started();
    if (out.json) return out.message('ExecResponse', response, false);
    if (frame?.$case === 'output') {
      return out.write(frame.value.data, isStderr(frame.value.stream) ? 'stderr' : 'stdout');
    }
    if (frame?.$case === 'gap') {
      const { fromOffset, toOffset, stream } = frame.value;
      const name = isStderr(stream) ? 'stderr' : 'stdout';
      this.#note(`${toOffset - fromOffset} bytes of ${name} are no longer kept.`);
    }
    return undefined;
  }

  #started(): void {
    this.#signals.connected = true;
    const { input, tty } = this.#options;
    if (tty) {
      this.#resizing = this.#terminal.onResize((size) => this.#call.resize(size));
      const { size } = this.#terminal;
      // It may have changed since the start was sent, and of one that others started it is theirs.
      if (size !== undefined) this.#call.resize(size);
      if (input && this.#context.io.stdin.isTTY === true) this.#raw = this.#terminal.raw();
    }
    if (input) {
      // Not awaited: a command may end while its input goes on.
      this.#pump().catch((error: unknown) => {
        if (!this.#over) this.#note(`stdin can't be read: ${String(error)}`);
        void this.#call.endInput();
      });
    }
  }

  async #pump(): Promise<void> {
    const escapes = new EscapeKeys();
    for await (const chunk of this.#context.io.stdin as AsyncIterable<Buffer | string>) {
      if (this.#over) return;
      const data = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
      // Nobody is there to take the key as what it is, and the person must not be held.
      if (this.#raw !== undefined && !this.#signals.connected && data.includes(CTRL_C))
        return this.#signals.leave('SIGINT');
      if (this.#raw === undefined || this.#options.escapes !== true) {
        await this.#call.sendInput(data);
        continue;
      }
      const { data: keys, asked } = escapes.take(data);
      if (keys.length > 0) await this.#call.sendInput(keys);
      if (asked === 'leave') return this.#leave();
      if (asked === 'help') this.#note(ESCAPES);
    }
    await this.#call.endInput();
  }

  /** The command loses its terminal, as when a window is closed, and nobody waits for it. */
  #leave(): void {
    this.#note('left.');
    this.#signals.hangUp();
  }

  #connection(state: 'lost' | 'back'): void {
    this.#signals.connected = state === 'back';
    if (state === 'back') return this.#note('connected again.');
    const seconds = Math.round(this.#reconnectTimeoutMs / 1000);
    const way = this.#raw === undefined ? 'Ctrl-C twice' : 'Ctrl-C';
    this.#note(`the connection to the server broke; trying again for ${seconds} s (${way} leaves).`);
  }

  #continued(): void {
    this.#raw?.enter();
    const { size } = this.#terminal;
    if (this.#options.tty && size !== undefined) this.#call.resize(size);
  }

  /** A line for the person; in raw mode a line feed alone would not go to its beginning. */
  #note(text: string): void {
    this.#context.out.note(
      this.#raw === undefined || this.#over ? `codeset: ${text}` : `\r\ncodeset: ${text}\r`,
    );
  }

  #end({ result }: ExecExited): number {
    if (result === undefined) return EXEC_FAILED;
    const { status, message } = result;
    const reason = exitReason(result.reason);
    const end: CommandEnd = {
      reason,
      ...(status?.$case === 'exitCode' ? { exitCode: status.value } : {}),
      ...(status?.$case === 'signal' ? { signal: status.value } : {}),
    };
    const said = message === '' ? EXPLANATIONS[reason] : message;
    if (said !== undefined && !this.#context.out.json) this.#note(said);
    if (result.shellReset && !this.#context.out.json)
      this.#note('What the shell remembered is lost; it begins anew.');
    return statusOfCommand(end);
  }
}

const EXPLANATIONS: Readonly<Record<string, string>> = {
  TIMEOUT: 'The command ran into its time-out.',
  IDLE_TIMEOUT: 'The command was idle for too long.',
  OUTPUT_LIMIT: 'The command wrote more than it may.',
  CANCELLED: 'The command was cancelled.',
  OUT_OF_MEMORY: 'The command was killed while the sandbox ran out of memory.',
  SESSION_ENDED: 'The session ended while the command ran.',
  LOST: 'The service lost sight of the command; how it ended is unknown.',
};

async function writeStatus(file: string, status: Record<string, unknown>): Promise<void> {
  await writeFile(file, `${JSON.stringify(status)}\n`);
}

function errorJson(error: unknown): Record<string, unknown> {
  const message = error instanceof Error ? error.message : String(error);
  return error instanceof CodesetClientError
    ? { code: error.code, reason: error.reason, message }
    : { message };
}
