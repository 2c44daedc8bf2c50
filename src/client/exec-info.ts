import type { Exec } from '../../gen/codeset/v1/exec.js';
import type { CommandLine } from './command.js';
import { execState, exitReason } from './words.js';
import type { ExitReason } from './command-exit.js';

/** A command of a session as the service sees it. */
export interface ExecInfo {
  readonly execId: string;
  /** LOST: the service lost sight of it and can't know how it ended. */
  readonly state: 'STARTING' | 'RUNNING' | 'EXITED' | 'LOST' | 'UNRECOGNIZED';
  /** A shell line, or a program and its arguments; in lists cut to 4 KiB. */
  readonly command: CommandLine;
  /** Empty when it is where its `shell` stands. */
  readonly cwd: string;
  /** The remembering shell that it runs in; empty: none. */
  readonly shell: string;
  readonly user: string;
  readonly createTime: Date | undefined;
  /** When the program was executed. */
  readonly startTime: Date | undefined;
  readonly endTime: Date | undefined;
  /** Set when it has ended. */
  readonly exit:
    | {
        readonly exitCode: number | undefined;
        readonly signal: string | undefined;
        readonly reason: ExitReason;
        readonly message: string;
      }
    | undefined;
  /** How many bytes it wrote so far. */
  readonly written: { readonly stdout: number; readonly stderr: number };
}

export function execInfo(exec: Exec): ExecInfo {
  const { command, result } = exec;
  const status = result?.status;
  return {
    execId: exec.execId,
    state: execState(exec.state) as ExecInfo['state'],
    command: command?.$case === 'argv' ? command.value.args : (command?.value ?? ''),
    cwd: exec.workdir,
    shell: exec.shell,
    user: exec.user,
    createTime: exec.createTime,
    startTime: exec.startTime,
    endTime: exec.endTime,
    exit:
      result === undefined
        ? undefined
        : {
            exitCode: status?.$case === 'exitCode' ? status.value : undefined,
            signal: status?.$case === 'signal' ? status.value : undefined,
            reason: exitReason(result.reason) as ExitReason,
            message: result.message,
          },
    written: { stdout: Number(exec.stdoutBytes), stderr: Number(exec.stderrBytes) },
  };
}
