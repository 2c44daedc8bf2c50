import { paceField, specOf, type CommandLine, type CommandOptions, type Pace } from './command.js';
import type { Connection } from './connection.js';
import { ExecCall } from './exec-call.js';
import type { TerminalSize } from './exec-input.js';
import { RunningCommand } from './running-command.js';

const KILL_GRACE_MS = 2000;

/** How a command is started whose streams are used while it runs. */
export interface SpawnOptions extends CommandOptions {
  /** Whether `stdin` will be used. Default false: the command reads `/dev/null`. */
  readonly stdin?: boolean | undefined;
  /** What a slow reader does to the command. Default `backpressure`. */
  readonly pace?: Pace | undefined;
  /**
   * A terminal of that size, `true` for 24 lines of 80 characters: it is the command's stdin, stdout and stderr,
   * all output comes as stdout, and `child.stdin.end()` types its end-of-file character. Default: pipes.
   */
  readonly tty?: boolean | TerminalSize | undefined;
  /** Whether it goes on when this program, its connection or the RunningCommand goes. Default false. */
  readonly detach?: boolean | undefined;
}

/** How a command that runs, or has run, is taken part in. */
export interface AttachOptions {
  /** Where to begin in its stdout, in bytes. Default 0. */
  readonly stdoutOffset?: number | undefined;
  /** Where to begin in its stderr, in bytes. Default 0. */
  readonly stderrOffset?: number | undefined;
  /** Whether `stdin` will be used: one writer at a time. Default false. */
  readonly stdin?: boolean | undefined;
  /** What a slow reader does to the command. Default `backpressure`. */
  readonly pace?: Pace | undefined;
  /** Leaves the command when it is aborted; `exited` rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** Starts a command. */
export function spawn(
  connection: Connection,
  sessionId: string,
  command: CommandLine,
  options: SpawnOptions,
): Promise<RunningCommand> {
  const { stdin = false, detach = false, tty = false, signal } = options;
  const terminal = tty === false ? {} : { tty: tty === true ? {} : { ...tty } };
  const spec = { ...specOf(command, options, connection.reconnectTimeoutMs), stdin, detach, ...terminal };
  const call = new ExecCall(connection, {
    $case: 'start',
    value: { sessionId, spec, ...paceField(options.pace) },
  });
  return RunningCommand.open(call, {
    stdin: stdin || tty !== false,
    tty: tty !== false,
    endsWithOwner: !detach,
    signal,
    killGraceMs: options.killGraceMs ?? KILL_GRACE_MS,
    stopSignal: options.stopSignal ?? (tty === false ? 'SIGTERM' : 'SIGHUP'),
  });
}

/** Takes part in a command that was started, also by others. */
export function attach(
  connection: Connection,
  sessionId: string,
  execId: string,
  options: AttachOptions,
): Promise<RunningCommand> {
  const value = {
    sessionId,
    execId,
    stdoutOffset: BigInt(options.stdoutOffset ?? 0),
    stderrOffset: BigInt(options.stderrOffset ?? 0),
    ...paceField(options.pace),
  };
  const call = new ExecCall(connection, { $case: 'attach', value }, { signal: options.signal });
  const hasTerminal = async (): Promise<boolean> => {
    const { exec } = await connection.sessions.getExec({ sessionId, execId });
    return exec?.tty !== undefined;
  };
  return RunningCommand.open(call, {
    stdin: options.stdin ?? false,
    tty: hasTerminal,
    endsWithOwner: false,
  });
}
