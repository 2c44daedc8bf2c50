import { writeFile } from 'node:fs/promises';
import type { ExecCall } from '../client/exec-call.js';
import { CodesetClientError } from '../client/errors.js';
import { protoJson } from '../client/proto-json.js';
import type { ExecExited } from '../client/types.js';
import { exitReason, isStderr } from '../client/words.js';
import type { CommandContext } from './context.js';
import { OutputClosed } from './output.js';
import { EXEC_FAILED, statusOf, statusOfCommand, USAGE, type CommandEnd } from './exit-status.js';

const PIECE = 64 * 1024;
const SIGINTS_TO_LEAVE = 3;

/** Streams a command to this process's outputs, and its input and signals to the command. @returns the exit status. */
export async function streamExec(
  context: CommandContext,
  call: ExecCall,
  options: { readonly input: boolean; readonly statusFile?: string | undefined },
): Promise<number> {
  const { io, out } = context;
  let interrupts = 0;
  const ended = new AbortController();
  const release = io.onSignal((signal) => {
    interrupts += signal === 'SIGINT' ? 1 : 0;
    // A command that does not listen must not hold the person.
    if (interrupts >= SIGINTS_TO_LEAVE) call.cancel();
    else call.signal(signal).catch(() => undefined);
  });
  let execId = '';
  try {
    for await (const response of call.responses()) {
      const { frame } = response;
      if (out.json) await out.message('ExecResponse', response, false);
      if (frame?.$case === 'started') {
        execId = frame.value.execId;
        if (options.input) sendInput(context, call, ended.signal);
      } else if (frame?.$case === 'output' && !out.json) {
        await (isStderr(frame.value.stream) ? out.errorBytes(frame.value.data) : out.bytes(frame.value.data));
      } else if (frame?.$case === 'gap' && !out.json) {
        const { fromOffset, toOffset, stream } = frame.value;
        out.note(
          `codeset: ${toOffset - fromOffset} bytes of ${isStderr(stream) ? 'stderr' : 'stdout'} are no longer kept.`,
        );
      } else if (frame?.$case === 'exited') {
        await writeStatus(options.statusFile, { execId, exited: protoJson('ExecExited', frame.value) });
        return endOf(context, frame.value);
      }
    }
    return EXEC_FAILED;
  } catch (error) {
    if (interrupts >= SIGINTS_TO_LEAVE) return 130;
    if (error instanceof OutputClosed) throw error;
    await writeStatus(options.statusFile, { execId, error: errorJson(error) });
    throw error;
  } finally {
    ended.abort();
    release();
  }
}

/** Any failure of the service or of the way to it; never a status that a command may have as its own by custom. */
export function execErrorStatus(error: unknown): number {
  return statusOf(error) === USAGE ? USAGE : EXEC_FAILED;
}

/** Not awaited: a command may end while its input goes on. */
function sendInput({ io, out }: CommandContext, call: ExecCall, ended: AbortSignal): void {
  const pump = async (): Promise<void> => {
    for await (const chunk of io.stdin as AsyncIterable<Buffer | string>) {
      if (ended.aborted) return;
      const data = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
      for (let at = 0; at < data.length; at += PIECE) await call.sendInput(data.subarray(at, at + PIECE));
    }
    await call.endInput();
  };
  pump().catch((error: unknown) => {
    if (!ended.aborted) out.note(`codeset: stdin can't be read: ${String(error)}`);
    void call.endInput();
  });
}

function endOf({ out }: CommandContext, { result }: ExecExited): number {
  if (result === undefined) return EXEC_FAILED;
  const { status, message } = result;
  const reason = exitReason(result.reason);
  const end: CommandEnd = {
    reason,
    ...(status?.$case === 'exitCode' ? { exitCode: status.value } : {}),
    ...(status?.$case === 'signal' ? { signal: status.value } : {}),
  };
  const said = message === '' ? EXPLANATIONS[reason] : message;
  if (said !== undefined && !out.json) out.note(`codeset: ${said}`);
  return statusOfCommand(end);
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

async function writeStatus(file: string | undefined, status: Record<string, unknown>): Promise<void> {
  if (file !== undefined) await writeFile(file, `${JSON.stringify(status)}\n`);
}

function errorJson(error: unknown): Record<string, unknown> {
  const message = error instanceof Error ? error.message : String(error);
  return error instanceof CodesetClientError
    ? { code: error.code, reason: error.reason, message }
    : { message };
}
