import type { ExecExited } from '../../gen/codeset/v1/session_service.js';
import { bytesOf } from './bytes-of.js';
import { CollectedOutput } from './collected-output.js';
import { commandExit, type CommandExit } from './command-exit.js';
import { specOf, type CommandLine, type CommandOptions } from './command.js';
import type { Connection } from './connection.js';
import { endOnAbort } from './end-command.js';
import { ExecCall } from './exec-call.js';
import { isStderr } from './words.js';

/** What a command's stdin may be made from: text, bytes, or a stream of either. */
export type InputSource = string | Uint8Array | AsyncIterable<string | Uint8Array>;

export interface RunOptions extends CommandOptions {
  /** The command's whole stdin. Default: none, it reads `/dev/null`. */
  readonly stdin?: InputSource | undefined;
  /**
   * How many bytes of each output are kept; of more, the first and the last half. Default 16 MiB.
   */
  readonly maxOutputBytes?: number | undefined;
  /** Sees each piece as it comes; while the promise it returns waits, the command is held back. */
  readonly onOutput?: ((data: Buffer, stream: 'stdout' | 'stderr') => void | Promise<void>) | undefined;
}

/** A command that has ended, and what it wrote. */
export interface CommandResult extends CommandExit {
  readonly execId: string;
  /** As UTF-8; where bytes had to be left out, a line says how many. */
  readonly stdout: string;
  readonly stderr: string;
  /** As it was written. */
  readonly stdoutBytes: Buffer;
  readonly stderrBytes: Buffer;
  /** Whether bytes of either output are missing: more than `maxOutputBytes` were written. */
  readonly truncated: boolean;
}

const DEFAULT_OUTPUT_BYTES = 16 * 1024 * 1024;

/** Runs a command to its end. @throws CodesetClientError */
export async function runCommand(
  connection: Connection,
  sessionId: string,
  command: CommandLine,
  options: RunOptions,
): Promise<CommandResult> {
  const { stdin, signal, onOutput } = options;
  const limit = options.maxOutputBytes ?? DEFAULT_OUTPUT_BYTES;
  const spec = { ...specOf(command, options, connection.reconnectTimeoutMs), stdin: stdin !== undefined };
  const call = new ExecCall(connection, { $case: 'start', value: { sessionId, spec } });
  using _abort = endOnAbort(call, signal);
  const stdout = new CollectedOutput(limit);
  const stderr = new CollectedOutput(limit);
  let inputFailure: { readonly error: unknown } | undefined;
  for await (const { frame } of call.responses()) {
    if (frame?.$case === 'started' && stdin !== undefined) {
      // Beside the output: a command may answer before its input has ended.
      feed(call, stdin).catch((error: unknown) => {
        inputFailure = { error };
        call.cancel(error);
      });
    } else if (frame?.$case === 'output') {
      const { stream, data } = frame.value;
      (isStderr(stream) ? stderr : stdout).add(data);
      if (onOutput !== undefined) await onOutput(data, isStderr(stream) ? 'stderr' : 'stdout');
    } else if (frame?.$case === 'gap') {
      const { stream, fromOffset, toOffset } = frame.value;
      (isStderr(stream) ? stderr : stdout).skip(Number(toOffset - fromOffset));
    } else if (frame?.$case === 'exited') {
      if (inputFailure !== undefined) throw inputFailure.error;
      return resultOf(call.execId, frame.value, stdout, stderr);
    }
  }
  throw new Error('The stream of the command ended without its end.');
}

/** Sends all of it, then its end. */
export async function feed(call: ExecCall, source: InputSource): Promise<void> {
  if (typeof source === 'string' || source instanceof Uint8Array) {
    await call.sendInput(bytesOf(source));
  } else {
    for await (const piece of source) await call.sendInput(bytesOf(piece));
  }
  await call.endInput();
}

function resultOf(
  execId: string,
  exited: ExecExited,
  stdout: CollectedOutput,
  stderr: CollectedOutput,
): CommandResult {
  return {
    execId,
    ...commandExit(exited),
    stdout: stdout.text(),
    stderr: stderr.text(),
    get stdoutBytes() {
      return stdout.bytes();
    },
    get stderrBytes() {
      return stderr.bytes();
    },
    truncated: stdout.cutBytes > 0 || stderr.cutBytes > 0,
  };
}
