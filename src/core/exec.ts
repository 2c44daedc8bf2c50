/** Where an exec stands. LOST: its sandbox or init went away before its exit was known. */
export type ExecState = 'STARTING' | 'RUNNING' | 'EXITED' | 'LOST';

/** Why an exec ended. OUT_OF_MEMORY is a good guess: the session's cgroup counted a kill meanwhile. */
export type ExitReason =
  | 'EXITED'
  | 'SIGNALLED'
  | 'TIMEOUT'
  | 'CANCELLED'
  | 'OUT_OF_MEMORY'
  | 'SESSION_ENDED'
  | 'START_FAILED'
  | 'IDLE_TIMEOUT'
  | 'OUTPUT_LIMIT'
  | 'LOST';

export type OutputStream = 'stdout' | 'stderr';

/** Signals by name; numbers differ between platforms. */
export const SIGNALS = [
  'SIGHUP',
  'SIGINT',
  'SIGQUIT',
  'SIGABRT',
  'SIGKILL',
  'SIGUSR1',
  'SIGUSR2',
  'SIGALRM',
  'SIGTERM',
  'SIGCONT',
  'SIGSTOP',
  'SIGTSTP',
  'SIGWINCH',
] as const;
export type SignalName = (typeof SIGNALS)[number];

/** Lines and characters in a line. */
export interface TerminalSize {
  readonly rows: number;
  readonly columns: number;
}

/** What a command is: exactly one of `argv` and `shell`. */
export interface ExecSpec {
  /** Client-chosen or made by the service; unique in the session until it ends. */
  readonly execId: string;
  readonly argv: readonly string[] | undefined;
  /** A line for `/bin/sh -c` (bash where the environment has it). */
  readonly shell: string | undefined;
  /** Added to, and stronger than, the session's environment. */
  readonly env: Readonly<Record<string, string>>;
  /** Absolute, or relative to the session's workdir; '' is the workdir, in a shell where that stands. */
  readonly cwd: string;
  /** '' is the session's user. */
  readonly user: string;
  /** Whether stdin comes over the stream; otherwise it is /dev/null. Always true with a terminal. */
  readonly stdin: boolean;
  /** 0: none. */
  readonly timeoutMs: number;
  /** Between the stop signal and SIGKILL. */
  readonly killGraceMs: number;
  readonly stopSignal: SignalName;
  /** Goes on when its client vanishes; otherwise it is ended after the lease. */
  readonly detach: boolean;
  /** It gets a terminal of this size, and writes everything to stdout. */
  readonly tty: TerminalSize | undefined;
  /** Without a byte of output or stdin; 0: none. */
  readonly idleTimeoutMs: number;
  /** Of both outputs together; 0: none. */
  readonly maxOutputBytes: number;
  /** How long it goes on without a reader; undefined: as the service has it. */
  readonly leaseMs: number | undefined;
  /** The remembering shell that it runs in, after those that came before it; '' is none. */
  readonly shellName: string;
}

/** A spec that an earlier version of the service stored, with what came later as it was then. */
export function completeSpec(stored: Partial<ExecSpec> & Omit<ExecSpec, NewFields>): ExecSpec {
  return {
    ...stored,
    argv: stored.argv,
    shell: stored.shell,
    tty: stored.tty,
    idleTimeoutMs: stored.idleTimeoutMs ?? 0,
    maxOutputBytes: stored.maxOutputBytes ?? 0,
    leaseMs: stored.leaseMs,
    shellName: stored.shellName ?? '',
  };
}

type NewFields = 'argv' | 'shell' | 'tty' | 'idleTimeoutMs' | 'maxOutputBytes' | 'leaseMs' | 'shellName';

/** How an exec ended. Exactly one of code and signal for EXITED and SIGNALLED. */
export interface ExecExit {
  readonly reason: ExitReason;
  readonly code: number | undefined;
  readonly signal: string | undefined;
  /** A sentence for START_FAILED and LOST; '' otherwise. */
  readonly message: string;
  /** User plus system time, microseconds. */
  readonly cpuTimeUs: number;
  readonly peakMemoryBytes: number;
  /** What its shell remembered is lost. */
  readonly shellReset: boolean;
}

/** A snapshot of an exec for lists and for storage. */
export interface ExecInfo {
  readonly execId: string;
  readonly sessionId: string;
  /** argv, or `["sh", "-c", line]`. */
  readonly command: readonly string[];
  readonly spec: ExecSpec;
  readonly state: ExecState;
  readonly exit: ExecExit | undefined;
  /** The terminal's size when a resize has changed it; undefined: as `spec` says. */
  readonly terminal: TerminalSize | undefined;
  /** Total bytes that the command wrote so far, also where the record dropped some. */
  readonly stdoutBytes: number;
  readonly stderrBytes: number;
  readonly createTime: Date;
  readonly startTime: Date | undefined;
  readonly endTime: Date | undefined;
}

/** What a reader of an exec sees, in order: started first, exited last and exactly once. */
export type ExecEvent =
  | { readonly type: 'started'; readonly execId: string; readonly stdinOffset: number }
  | {
      readonly type: 'output';
      readonly stream: OutputStream;
      readonly offset: number;
      readonly data: Uint8Array;
      /** Where `data` lies, when that is memory for reuse. */
      readonly lent?: Lent;
    }
  | { readonly type: 'gap'; readonly stream: OutputStream; readonly from: number; readonly to: number }
  | {
      readonly type: 'exited';
      readonly exit: ExecExit;
      readonly stdoutBytes: number;
      readonly stderrBytes: number;
      /** True when the record dropped bytes of either stream. */
      readonly truncated: boolean;
    };

/** Memory for one use at a time. Who has no more use for it may give it back, and may as well forget it. */
export interface Lent {
  /** `front` bytes that are free to be written, then the data. */
  readonly memory: Uint8Array;
  readonly front: number;
  readonly giveBack: () => void;
}

/** Output of a finished command, bounded: the head and the tail of a stream. */
export interface BoundedOutput {
  readonly head: Uint8Array;
  readonly tail: Uint8Array;
  /** Offset in the stream where `tail` begins; equals head's length when nothing was cut. */
  readonly tailOffset: number;
  readonly totalBytes: number;
}

/** Where a reader begins: byte offsets per stream. */
export interface AttachOffsets {
  readonly stdout: number;
  readonly stderr: number;
}
