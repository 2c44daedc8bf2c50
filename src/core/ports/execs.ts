import type { Duplex } from 'node:stream';
import type {
  AttachOffsets,
  BoundedOutput,
  ExecEvent,
  ExecExit,
  ExecInfo,
  ExecSpec,
  SignalName,
  TerminalSize,
} from '../exec.js';

export interface ExecHostOptions {
  /** Session or sandbox that the execs belong to; names the folder of their records. */
  readonly ownerId: string;
  /** Opens a connection to init; see Engine.connect for what its errors mean. */
  /** `Engine.connect`. */
  readonly dial: (received: (chunk: Buffer) => void) => Promise<Duplex>;
  /** For commands that say nothing else. `env` includes PATH and HOME. */
  readonly defaults: {
    readonly env: Readonly<Record<string, string>>;
    readonly cwd: string;
    readonly user: string;
  };
  /** Added to every command, never stored. */
  readonly secretEnv: Readonly<Record<string, string>>;
  /** Counts the kernel's out-of-memory kills; -1 unknown. */
  readonly outOfMemoryKills: () => Promise<number>;
  /** Execs stored by an earlier life of the service, to be taken up again. */
  readonly stored: readonly ExecInfo[];
  /** Aborted: the opening is given up, which would wait for an init that does not answer as long as it takes. */
  readonly signal?: AbortSignal;
  /** Called once when the sandbox is gone for good. */
  readonly onLost: (message: string) => void;
  /** Called a moment after an exec began and after it ended, once when both were soon: idle clock, and storage. */
  readonly onChange: (exec: ExecInfo) => void;
}

/** Opens the link to a sandbox's init. */
export interface ExecHost {
  open(options: ExecHostOptions): Promise<SandboxExecs>;
  /** Removes the records of an owner whose link is closed. Idempotent. */
  forget(ownerId: string): Promise<void>;
  /** Owners that have records, so that a start of the service can forget those that are gone. */
  owners(): Promise<readonly string[]>;
}

/** A hold on an exec's input: one at a time. */
export interface StdinWriter {
  /** Where the next byte goes. */
  readonly offset: number;
  /**
   * Bytes below the current offset are dropped; a hole is INVALID_ARGUMENT STDIN_GAP. Resolves when there is
   * room for more. Bytes to a command that closed its stdin are dropped.
   */
  write(offset: number, data: Uint8Array): Promise<void>;
  /** Closes the command's stdin after what was written. Idempotent. */
  end(): Promise<void>;
  release(): void;
}

export interface AttachOptions {
  readonly from: AttachOffsets;
  /** Aborting ends the iteration. */
  readonly signal?: AbortSignal;
  /**
   * While such a reader is there the exec is not ended for want of one; when the last goes, an exec that is not
   * `detach` is ended after the lease.
   */
  readonly hold: boolean;
  /** `backpressure`: the command waits for this reader; `detached`: the record rolls on and gaps are told. */
  readonly pace: 'backpressure' | 'detached';
}

/** A command of ours inside a sandbox: not listed, not recorded, ended with its link. */
export interface InternalProcess {
  readonly stdin: { write(data: Uint8Array): Promise<void>; end(): Promise<void> };
  /** Must be read to its end; the command waits for the reader. */
  readonly stdout: AsyncIterable<Uint8Array>;
  /** Head of stderr, at most 64 KiB, complete once `exit` has resolved. */
  stderr(): string;
  readonly exit: Promise<ExecExit>;
  kill(): void;
}

export type InternalSpec = Pick<ExecSpec, 'argv' | 'env' | 'cwd' | 'user' | 'stdin' | 'timeoutMs'>;

/** The commands of one sandbox. */
export interface SandboxExecs {
  /** Idempotent by execId: the same spec again gives the first; another spec is EXEC_ID_REUSED. */
  start(spec: ExecSpec): Promise<ExecInfo>;
  /** started … exited; EXEC_NOT_FOUND, OFFSET_OUT_OF_RANGE. */
  attach(execId: string, options: AttachOptions): AsyncIterable<ExecEvent>;
  /** STDIN_BUSY while another holds it; STDIN_CLOSED when the exec has none or it was ended. */
  openStdin(execId: string): StdinWriter;
  /** Resolves at the exec's end, whatever it was. */
  wait(execId: string, signal?: AbortSignal): Promise<ExecInfo>;
  get(execId: string): ExecInfo;
  list(): readonly ExecInfo[];
  /** How many have not ended. */
  readonly running: number;
  /** False when it had ended already. */
  signal(execId: string, signal: SignalName): Promise<boolean>;
  /** Changes the terminal's size; nothing when the exec has ended. @throws NO_TERMINAL. */
  resize(execId: string, size: TerminalSize): void;
  /** Ends an exec and all it started: stop signal, grace, SIGKILL. */
  cancel(execId: string): Promise<void>;
  /** The head and tail of what is recorded, at most `limit` bytes a stream. */
  output(execId: string, limit: number): Promise<{ stdout: BoundedOutput; stderr: BoundedOutput }>;
  spawn(spec: InternalSpec): Promise<InternalProcess>;
  /** Ends every command (SESSION_ENDED), tells readers, closes the link. Records stay until `forget`. */
  end(): Promise<void>;
  /** Lets go of the link and leaves commands running, for a restart of the service. */
  detach(): Promise<void>;
}
