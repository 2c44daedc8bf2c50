import { OutputPace, type ExecSpec } from '../../gen/codeset/v1/exec.js';
import type { DeepPartial } from '../../gen/codeset/v1/session_service.js';
import { durationField } from './wire-duration.js';

/**
 * What runs: a string is a line for bash (sh where there is none), an array a program and its arguments with no
 * shell between.
 */
export type CommandLine = string | readonly string[];

/** How a command runs. */
export interface CommandOptions {
  /** Where it runs, absolute or relative to the session's working directory. Default: there. */
  readonly cwd?: string | undefined;
  /** Variables on top of the session's. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** Who runs it: `agent`, `root` (the sandbox's own) or a name the image has. Default: the session's user. */
  readonly user?: string | undefined;
  /** How long it may run, in milliseconds; then it is ended with reason TIMEOUT. Default: while the session lives. */
  readonly timeoutMs?: number | undefined;
  /**
   * How long it may go without a byte of output or input, in milliseconds; then it is ended with reason
   * IDLE_TIMEOUT. Default: no limit.
   */
  readonly idleTimeoutMs?: number | undefined;
  /**
   * How many bytes it may write, both outputs together; then it is killed with reason OUTPUT_LIMIT. Default: no
   * limit.
   */
  readonly outputLimitBytes?: number | undefined;
  /**
   * How long it goes on after its connection broke and nobody attached, in milliseconds, at most an hour; then it
   * is ended with reason CANCELLED. Default: as long as this client tries to be back, `reconnectTimeoutMs`, but 10
   * seconds at least.
   */
  readonly leaseMs?: number | undefined;
  /** How long it has between `stopSignal` and SIGKILL when it is being ended, in milliseconds. Default 2000. */
  readonly killGraceMs?: number | undefined;
  /** The signal that asks it to end. Default SIGTERM, with a terminal SIGHUP. */
  readonly stopSignal?: string | undefined;
  /**
   * A remembering shell by name, `[A-Za-z0-9._-]{1,64}`: commands that name one run one after another in the same
   * bash, and what they change there lasts; `Session.shell` says more. Default: a process of its own.
   */
  readonly shell?: string | undefined;
  /** An id of your choice, unique in the session: the same command sent again with it runs once. Default: a new one. */
  readonly execId?: string | undefined;
  /** Ends the command when it is aborted; what waits for it throws the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** How fast a command may go when its reader is slow. */
export type Pace =
  /** It waits for its reader: nothing is lost. */
  | 'backpressure'
  /** It does not wait; what was not read in time is a gap. */
  | 'detached';

const PACES: Readonly<Record<Pace, OutputPace>> = {
  backpressure: OutputPace.BACKPRESSURE,
  detached: OutputPace.DETACHED,
};

/** The pace as a field of a request. */
export function paceField(pace: Pace | undefined): { readonly pace?: OutputPace } {
  return pace === undefined ? {} : { pace: PACES[pace] };
}

const MIN_LEASE_MS = 10_000;
const MAX_LEASE_MS = 3_600_000;

/** A lease that outlives the time in which the client tries to be back, in milliseconds. */
export function leaseMs(reconnectTimeoutMs: number): number {
  return Math.min(Math.max(reconnectTimeoutMs, MIN_LEASE_MS), MAX_LEASE_MS);
}

/**
 * @param reconnectTimeoutMs for how long the client will try to be back.
 * @throws TypeError for a command that is none.
 */
export function specOf(
  command: CommandLine,
  options: CommandOptions,
  reconnectTimeoutMs: number,
): DeepPartial<ExecSpec> {
  return {
    command: commandOf(command),
    execId: options.execId ?? '',
    env: { ...options.env },
    workdir: options.cwd ?? '',
    user: options.user ?? '',
    shell: options.shell ?? '',
    stopSignal: options.stopSignal ?? '',
    ...durationField('timeout', options.timeoutMs),
    ...durationField('killGrace', options.killGraceMs),
    ...durationField('idleTimeout', options.idleTimeoutMs),
    ...durationField('lease', options.leaseMs ?? leaseMs(reconnectTimeoutMs)),
    maxOutputBytes: BigInt(options.outputLimitBytes ?? 0),
  };
}

function commandOf(command: CommandLine): NonNullable<ExecSpec['command']> {
  if (typeof command === 'string') return { $case: 'shellLine', value: command };
  if (!Array.isArray(command) || !command.every((word) => typeof word === 'string'))
    throw new TypeError(
      'A command is a string (a shell line) or an array of strings (a program, its arguments).',
    );
  return { $case: 'argv', value: { args: [...(command as readonly string[])] } };
}
