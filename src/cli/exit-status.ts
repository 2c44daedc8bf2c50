import { CodesetClientError, DisconnectedError } from '../client/errors.js';
import { ConfigError } from '../config.js';
import { CodesetError } from '../core/errors.js';
import { nextStep } from './next-step.js';

/** 0 done · 1 a negative answer · 2 wrong usage · 3 the server or network failed, or gave no verdict · 4 see UNTOLD. */
export const DONE = 0;
export const NEGATIVE = 1;
export const USAGE = 2;
export const FAILED = 3;

/** As of a process that SIGPIPE ended. */
export const OUTPUT_CLOSED = 141;

/** What a command was told that it can't take. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** Something that this command can't go on without; the sentence says what to do. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  readonly status: number;

  constructor(message: string, status: number = FAILED, options: ErrorOptions = {}) {
    super(message, options);
    this.status = status;
  }
}

/** Refusals that are an answer about the things named, not a failure of the service. */
const REFUSALS: ReadonlySet<string> = new Set([
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'FAILED_PRECONDITION',
  'INVALID_ARGUMENT',
  'OUT_OF_RANGE',
]);

/** The exit status of a command that ended with this error. */
export function statusOf(error: unknown): number {
  if (error instanceof UsageError || error instanceof ConfigError) return USAGE;
  if (error instanceof CommandError) return error.status;
  if (error instanceof CodesetClientError) {
    if (error.reason === 'INVALID_FIELD') return USAGE;
    return REFUSALS.has(error.code) ? NEGATIVE : FAILED;
  }
  // Found on this side: a manifest, a folder, a repository.
  if (error instanceof CodesetError && error.kind !== 'failed-precondition') return NEGATIVE;
  return FAILED;
}

/** What to tell a person; the first line is a sentence. */
export function sentenceOf(error: unknown, address: string): string {
  if (error instanceof DisconnectedError) {
    const { sessionId, execId } = error;
    return `The server at ${address} was not back in time. The command may run on: \`codeset attach ${sessionId} ${execId}\` takes it up.`;
  }
  if (error instanceof CodesetClientError && error.unreachable) {
    return `There is no server at ${address}: start one with \`codeset serve\`, or name another with --address.`;
  }
  if (error instanceof CodesetClientError && error.reason === 'KEY_MISSING')
    return "There is no key: name the server's data folder, for its admin.key, with --data-dir, or give one with --api-key.";
  const message = error instanceof Error ? error.message : String(error);
  const violations =
    error instanceof CodesetClientError || error instanceof CodesetError ? error.violations : [];
  const next = error instanceof CodesetClientError ? nextStep(error.reason) : undefined;
  if (next !== undefined) return `${message}\n${next}`;
  if (violations.length < 2) return message;
  return [message, ...violations.map(({ field, description }) => `  ${field}: ${description}`)].join('\n');
}

const SIGNALS: Readonly<Record<string, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGILL: 4,
  SIGTRAP: 5,
  SIGABRT: 6,
  SIGBUS: 7,
  SIGFPE: 8,
  SIGKILL: 9,
  SIGUSR1: 10,
  SIGSEGV: 11,
  SIGUSR2: 12,
  SIGPIPE: 13,
  SIGALRM: 14,
  SIGTERM: 15,
  SIGSTKFLT: 16,
  SIGXCPU: 24,
  SIGXFSZ: 25,
  SIGVTALRM: 26,
  SIGPROF: 27,
  SIGIO: 29,
  SIGPWR: 30,
  SIGSYS: 31,
};

/** The service could not run the command. */
export const EXEC_FAILED = 125;
const EXEC_TIMED_OUT = 124;

export interface CommandEnd {
  /** A word of ExitReason. */
  readonly reason: string;
  readonly exitCode?: number;
  readonly signal?: string;
}

/** The command's own status; 128+n after signal n, 124 after a time-out, 125 when how it ended is unknown. */
export function statusOfCommand(end: CommandEnd): number {
  if (end.reason === 'TIMEOUT' || end.reason === 'IDLE_TIMEOUT') return EXEC_TIMED_OUT;
  if (end.reason === 'LOST') return EXEC_FAILED;
  if (end.exitCode !== undefined) return end.exitCode;
  const number = SIGNALS[end.signal ?? ''] ?? Number(/^SIG(\d+)$/.exec(end.signal ?? '')?.[1] ?? Number.NaN);
  return Number.isNaN(number) ? EXEC_FAILED : 128 + number;
}

/** It ended, and this key is not shown how. */
export const UNTOLD = 4;

/** For `verify`: only a verdict may say 0 or 1. */
export function statusOfVerification(state: string): number {
  if (state === 'PASSED') return DONE;
  if (state === 'ENDED') return UNTOLD;
  return state === 'FAILED' || state === 'TIMED_OUT' ? NEGATIVE : FAILED;
}
