import type { TerminalSize } from '../core/exec.js';
import { readOffset } from './frames.js';

const FLAG_SIGNALLED = 1;
const FLAG_SHELL_KEPT = 2;
const FLAG_SHELL_FRESH = 4;
const FLAG_NEVER_RAN = 8;
const PHASE_RUNNING = 1;
const PHASE_EXITED = 2;

/** How a command ended, by `waitpid`. */
export interface ExitReport {
  readonly code: number | undefined;
  /** Linux number. */
  readonly signal: number | undefined;
  readonly cpuTimeUs: number;
  readonly peakMemoryBytes: number;
  /** How far stdout and stderr went at the moment of the exit. */
  readonly outputEnds: readonly [number, number];
  /** Of a command in a shell: undefined when it ended before its turn came. */
  readonly shell: ShellReport | undefined;
}

/** What became of the shell that a command ran in. */
export interface ShellReport {
  /** It lives on. */
  readonly kept: boolean;
  /** It was started for this command. */
  readonly fresh: boolean;
}

/** What init knows of an exec when a link opens. */
export interface KnownExec {
  readonly key: number;
  /** Its program ran, or has run. */
  readonly started: boolean;
  readonly produced: readonly [number, number];
  readonly stdinReceived: number;
  readonly stdinClosed: boolean;
  readonly stdinEnded: boolean;
  readonly note: string;
  /** The size of its terminal, when it has one. */
  readonly terminal: TerminalSize | undefined;
}

/** Whoever takes the frames of one exec. After a reconnect any of them may come a second time. */
export interface LinkTarget {
  started(pid: number): void;
  startFailed(stage: number, errno: number): void;
  /** `data` is good during the call only. Bytes below what was had already may come again. */
  output(stream: 0 | 1, offset: number, data: Buffer): void;
  outputEnd(stream: 0 | 1, total: number): void;
  exited(report: ExitReport): void;
  stdinCredit(offset: number): void;
  stdinClosed(): void;
  /** How many bytes of each stream need not be sent again. */
  resumeOffsets(): readonly [number, number];
  /** The link is open again; undefined: init does not know the exec (it never came, or is forgotten). */
  resumed(known: KnownExec | undefined): void;
}

/** The payload of an EXEC_STATE frame. */
export function parseKnown(key: number, phase: number, payload: Buffer): KnownExec {
  const flags = payload.readUInt32LE(24);
  const noteEnd = 32 + payload.readUInt32LE(28);
  return {
    key,
    started: phase === PHASE_RUNNING || phase === PHASE_EXITED,
    produced: [readOffset(payload, 0), readOffset(payload, 8)],
    stdinReceived: readOffset(payload, 16),
    stdinClosed: (flags & 1) !== 0,
    stdinEnded: (flags & 2) !== 0,
    note: payload.toString('utf8', 32, noteEnd),
    terminal: parseSize(payload, noteEnd),
  };
}

function parseSize(payload: Buffer, at: number): TerminalSize | undefined {
  if (payload.length < at + 4) return undefined;
  const rows = payload.readUInt16LE(at);
  const columns = payload.readUInt16LE(at + 2);
  return rows === 0 && columns === 0 ? undefined : { rows, columns };
}

/** The payload of an EXITED frame. */
export function parseExit(payload: Buffer): ExitReport {
  const flags = payload.readUInt32LE(0);
  const signalled = (flags & FLAG_SIGNALLED) !== 0;
  const neverRan = (flags & FLAG_NEVER_RAN) !== 0;
  const status = payload.readUInt32LE(4);
  return {
    code: signalled ? undefined : status,
    signal: signalled ? status : undefined,
    cpuTimeUs: readOffset(payload, 8) + readOffset(payload, 16),
    peakMemoryBytes: readOffset(payload, 24),
    outputEnds: [readOffset(payload, 32), readOffset(payload, 40)],
    shell: neverRan
      ? undefined
      : { kept: (flags & FLAG_SHELL_KEPT) !== 0, fresh: (flags & FLAG_SHELL_FRESH) !== 0 },
  };
}
