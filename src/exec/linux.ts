import type { SignalName } from '../core/exec.js';

/** Linux numbers, as init counts them, whatever this process runs on. */
const SIGNAL_NUMBERS: Readonly<Record<string, number>> = {
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
  SIGCHLD: 17,
  SIGCONT: 18,
  SIGSTOP: 19,
  SIGTSTP: 20,
  SIGTTIN: 21,
  SIGTTOU: 22,
  SIGURG: 23,
  SIGXCPU: 24,
  SIGXFSZ: 25,
  SIGVTALRM: 26,
  SIGPROF: 27,
  SIGWINCH: 28,
  SIGIO: 29,
  SIGPWR: 30,
  SIGSYS: 31,
};

const SIGNAL_NAMES = new Map(Object.entries(SIGNAL_NUMBERS).map(([name, number]) => [number, name]));

export const SIGKILL = 9;

export function signalNumber(name: SignalName): number {
  return SIGNAL_NUMBERS[name] ?? SIGKILL;
}

export function signalName(number: number): string {
  return SIGNAL_NAMES.get(number) ?? `SIG${number}`;
}

export const ENOENT = 2;
export const ESRCH = 3;
const EAGAIN = 11;
const ENOMEM = 12;
const EACCES = 13;

const ERRNO_TEXTS: Readonly<Record<number, string>> = {
  1: 'operation not permitted',
  [ENOENT]: 'no such file or directory',
  7: 'the arguments and environment are too long',
  8: 'not a program that can be run here',
  [EAGAIN]: 'the limit of processes is reached',
  [ENOMEM]: 'out of memory',
  [EACCES]: 'permission denied',
  20: 'not a directory',
  22: 'invalid argument',
  23: 'too many open files',
  24: 'too many open files',
  26: 'the program is being written',
  36: 'the name is too long',
  40: 'too many symbolic links',
};

export function errnoText(errno: number): string {
  return ERRNO_TEXTS[errno] ?? `error ${errno}`;
}
