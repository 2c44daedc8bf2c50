import type { ExecExited } from '../../gen/codeset/v1/session_service.js';
import { msOf } from './wire-duration.js';
import { exitReason } from './words.js';

/** Why a command ended, a word of the proto's ExitReason; `UNRECOGNIZED` is one of a newer server. */
export type ExitReason =
  | 'EXITED'
  | 'SIGNALLED'
  | 'TIMEOUT'
  | 'CANCELLED'
  | 'OUT_OF_MEMORY'
  | 'SESSION_ENDED'
  | 'LOST'
  | 'START_FAILED'
  | 'IDLE_TIMEOUT'
  | 'OUTPUT_LIMIT'
  | 'UNRECOGNIZED';

/** How a command ended. A command that fails is an answer, not an error. */
export interface CommandExit {
  /** 0 to 255; undefined when a signal ended it, or nobody knows. 127 not found, 126 not executable. */
  readonly exitCode: number | undefined;
  /** The signal that ended it, `SIGKILL`. */
  readonly signal: string | undefined;
  readonly reason: ExitReason;
  /** A sentence for START_FAILED and LOST; else empty. */
  readonly message: string;
  /** Whether what its `shell` remembered is lost: the next command begins anew. */
  readonly shellReset: boolean;
  /** User and system time of the command and its children, in milliseconds. */
  readonly cpuTimeMs: number;
  /** The largest resident set, in bytes; 0 when unknown. */
  readonly peakMemoryBytes: number;
  /** How many bytes it wrote. */
  readonly written: { readonly stdout: number; readonly stderr: number };
}

export function commandExit(exited: ExecExited): CommandExit {
  const { result } = exited;
  const status = result?.status;
  return {
    exitCode: status?.$case === 'exitCode' ? status.value : undefined,
    signal: status?.$case === 'signal' ? status.value : undefined,
    reason: exitReason(result?.reason ?? 0) as ExitReason,
    message: result?.message ?? '',
    shellReset: result?.shellReset ?? false,
    cpuTimeMs: msOf(result?.cpuTime),
    peakMemoryBytes: Number(result?.peakMemoryBytes ?? 0n),
    written: { stdout: Number(exited.stdoutBytes), stderr: Number(exited.stderrBytes) },
  };
}
