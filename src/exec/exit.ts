import type { ExecExit, ExecSpec, ExitReason } from '../core/exec.js';
import { ENOENT, errnoText, signalName } from './linux.js';
import type { ExitReport } from './link-target.js';

/** Init's stages of a start, as SPAWN_FAILED names them. */
const STAGE_USER = 3;
const STAGE_CHDIR = 4;
const STAGE_EXEC = 5;

/** @param reason when something other than the command itself brought the end. */
export function exitOfReport(
  report: ExitReport,
  reason: ExitReason | undefined,
  shellReset = false,
): ExecExit {
  return {
    reason: reason ?? (report.signal === undefined ? 'EXITED' : 'SIGNALLED'),
    code: report.code,
    signal: report.signal === undefined ? undefined : signalName(report.signal),
    message: '',
    cpuTimeUs: report.cpuTimeUs,
    peakMemoryBytes: report.peakMemoryBytes,
    shellReset,
  };
}

/** Of a command that nothing is known of any more. */
export function exitOfLost(message: string, shellReset = false): ExecExit {
  return {
    reason: 'LOST',
    code: undefined,
    signal: undefined,
    message,
    cpuTimeUs: 0,
    peakMemoryBytes: 0,
    shellReset,
  };
}

/** 127 for a program that is not there, 126 for everything else, as shells have it. */
export function exitOfFailedStart(
  spec: Pick<ExecSpec, 'argv' | 'cwd' | 'user'>,
  stage: number,
  errno: number,
): ExecExit {
  const program = spec.argv?.[0] ?? 'sh';
  const what =
    stage === STAGE_EXEC
      ? `The program "${program}" could not be run`
      : stage === STAGE_CHDIR
        ? `The working directory "${spec.cwd}" could not be entered`
        : stage === STAGE_USER
          ? `The user "${spec.user}" could not be taken`
          : 'The command could not be started';
  return {
    reason: 'START_FAILED',
    code: stage === STAGE_EXEC && errno === ENOENT ? 127 : 126,
    signal: undefined,
    message: `${what}: ${stage === STAGE_USER && errno === ENOENT ? 'no such user' : errnoText(errno)}.`,
    cpuTimeUs: 0,
    peakMemoryBytes: 0,
    shellReset: false,
  };
}
