import type {
  BoundedOutput,
  ExecExit,
  ExecInfo,
  ExecSpec,
  SignalName,
  TerminalSize,
} from '../../core/exec.js';
import { SIGNALS } from '../../core/exec.js';
import { newId } from '../../core/ids.js';
import * as pb from '../../../gen/codeset/v1/exec.js';
import { DAY, HOUR, KIB, MIB, SECOND, type Checker } from '../checker.js';
import { enumTable } from '../enum-table.js';
import { durationFromMs, textHead } from './time.js';

const DEFAULT_KILL_GRACE_MS = 2 * SECOND;
/** The kernel's limit for one argument, its NUL included. */
const MAX_ARG_BYTES = 128 * KIB - 1;
const SHELL_NAME = /^[A-Za-z0-9._-]{1,64}$/;
const SHOWN_COMMAND_BYTES = 4 * KIB;
const DEFAULT_TERMINAL: TerminalSize = { rows: 24, columns: 80 };
const MAX_TERMINAL = 10_000;

export const execStates = enumTable(pb.ExecState, {
  STARTING: 'STARTING',
  RUNNING: 'RUNNING',
  EXITED: 'EXITED',
  LOST: 'LOST',
});
export const exitReasons = enumTable(pb.ExitReason, {
  EXITED: 'EXITED',
  SIGNALLED: 'SIGNALLED',
  TIMEOUT: 'TIMEOUT',
  CANCELLED: 'CANCELLED',
  OUT_OF_MEMORY: 'OUT_OF_MEMORY',
  SESSION_ENDED: 'SESSION_ENDED',
  START_FAILED: 'START_FAILED',
  IDLE_TIMEOUT: 'IDLE_TIMEOUT',
  OUTPUT_LIMIT: 'OUTPUT_LIMIT',
  LOST: 'LOST',
});
export const outputStreams = enumTable(pb.OutputStream, { stdout: 'STDOUT', stderr: 'STDERR' });
export const outputPaces = enumTable(pb.OutputPace, { backpressure: 'BACKPRESSURE', detached: 'DETACHED' });

export function paceFromProto(
  check: Checker,
  field: string,
  value: pb.OutputPace,
): 'backpressure' | 'detached' {
  if (value === pb.OutputPace.UNSPECIFIED) return 'backpressure';
  const pace = outputPaces.fromProto(value);
  if (pace === undefined) check.fail(field, 'is not a pace that this service knows');
  return pace ?? 'backpressure';
}

export function signalFromProto(check: Checker, field: string, value: string): SignalName {
  const name = SIGNALS.find((known) => known === value);
  if (name === undefined) {
    check.fail(field, value === '' ? 'is required' : `must be one of ${SIGNALS.join(', ')}`);
  }
  return name ?? 'SIGTERM';
}

/** 0 stands for the usual size. */
export function terminalFromProto(check: Checker, field: string, value: pb.TerminalSize): TerminalSize {
  return {
    rows: check.count(`${field}.rows`, value.rows, MAX_TERMINAL) || DEFAULT_TERMINAL.rows,
    columns: check.count(`${field}.columns`, value.columns, MAX_TERMINAL) || DEFAULT_TERMINAL.columns,
  };
}

/** What is wrong with it is noted in `check`; the result is good only when nothing is. */
export function execSpecFromProto(
  check: Checker,
  field: string,
  spec: pb.ExecSpec | undefined,
): { readonly spec: ExecSpec; readonly named: boolean } {
  if (spec === undefined) check.fail(field, 'is required');
  const value = spec ?? pb.ExecSpec.fromPartial({ command: { $case: 'shellLine', value: 'true' } });
  let argv: readonly string[] | undefined;
  let shell: string | undefined;
  switch (value.command?.$case) {
    case 'argv':
      argv = argvFromProto(check, `${field}.argv.args`, value.command.value.args);
      break;
    case 'shellLine':
      shell = check.text(`${field}.shell_line`, value.command.value, { required: true, max: MAX_ARG_BYTES });
      break;
    case undefined:
      check.fail(`${field}.command`, 'is required: argv or shell_line');
  }
  const execId = check.requestId(`${field}.exec_id`, value.execId);
  const tty = value.tty === undefined ? undefined : terminalFromProto(check, `${field}.tty`, value.tty);
  if (tty !== undefined && value.shell !== '') {
    check.fail(`${field}.shell`, 'has no terminal: leave out either `tty` or `shell`');
  }
  const longest = { min: 1, max: 7 * DAY };
  return {
    named: execId !== undefined,
    spec: {
      execId: execId ?? newId('exe'),
      argv,
      shell,
      env: check.env(`${field}.env`, value.env),
      cwd: check.text(`${field}.workdir`, value.workdir, { max: 4096 }),
      user: check.text(`${field}.user`, value.user, { max: 256 }),
      stdin: value.stdin || tty !== undefined,
      timeoutMs: check.duration(`${field}.timeout`, value.timeout, longest) ?? 0,
      killGraceMs:
        check.duration(`${field}.kill_grace`, value.killGrace, { min: 0, max: 60 * SECOND }) ??
        DEFAULT_KILL_GRACE_MS,
      stopSignal:
        value.stopSignal === ''
          ? tty === undefined
            ? 'SIGTERM'
            : 'SIGHUP'
          : signalFromProto(check, `${field}.stop_signal`, value.stopSignal),
      detach: value.detach,
      tty,
      idleTimeoutMs: check.duration(`${field}.idle_timeout`, value.idleTimeout, longest) ?? 0,
      maxOutputBytes: check.offset(`${field}.max_output_bytes`, value.maxOutputBytes),
      leaseMs: check.duration(`${field}.lease`, value.lease, { min: 0, max: HOUR }),
      shellName: check.text(`${field}.shell`, value.shell, {
        max: 64,
        pattern: SHELL_NAME,
        expected: '1 to 64 letters, digits, or any of . _ -',
      }),
    },
  };
}

function argvFromProto(check: Checker, field: string, args: readonly string[]): readonly string[] {
  if (args.length === 0) check.fail(field, 'is required: the program and its arguments');
  else if (args[0] === '') check.fail(`${field}[0]`, 'must name a program');
  let total = 0;
  args.forEach((arg, index) => {
    check.text(`${field}[${index}]`, arg, { max: MAX_ARG_BYTES });
    // A pointer each counts against the kernel's limit too, which bounds the count of empty arguments.
    total += Buffer.byteLength(arg) + 9;
  });
  if (total > MIB + 64 * KIB) check.fail(field, `is ${total} bytes in all, ${MIB} are allowed`);
  return args;
}

/** @param depth `summary` cuts the command, for answers that have to stay small. */
export function execToProto(exec: ExecInfo, depth: 'summary' | 'full'): pb.Exec {
  return {
    execId: exec.execId,
    sessionId: exec.sessionId,
    state: execStates.toProto(exec.state),
    command: commandToProto(exec.spec, depth === 'summary'),
    workdir: exec.spec.cwd,
    user: exec.spec.user,
    detach: exec.spec.detach,
    shell: exec.spec.shellName,
    createTime: exec.createTime,
    startTime: exec.startTime,
    endTime: exec.endTime,
    result: exec.exit === undefined ? undefined : exitToProto(exec.exit),
    stdoutBytes: BigInt(exec.stdoutBytes),
    stderrBytes: BigInt(exec.stderrBytes),
    tty: exec.terminal ?? exec.spec.tty,
  };
}

function commandToProto(spec: ExecSpec, cut: boolean): pb.Exec['command'] {
  if (spec.argv === undefined) {
    const line = spec.shell ?? '';
    return { $case: 'shellLine', value: cut ? textHead(line, SHOWN_COMMAND_BYTES) : line };
  }
  if (!cut) return { $case: 'argv', value: { args: [...spec.argv] } };
  const args: string[] = [];
  let left = SHOWN_COMMAND_BYTES;
  for (const arg of spec.argv) {
    if (left <= 0) break;
    args.push(textHead(arg, left));
    left -= Buffer.byteLength(arg) + 1;
  }
  return { $case: 'argv', value: { args } };
}

export function exitToProto(exit: ExecExit): pb.ExecResult {
  return {
    reason: exitReasons.toProto(exit.reason),
    status:
      exit.code !== undefined
        ? { $case: 'exitCode', value: exit.code }
        : exit.signal !== undefined
          ? { $case: 'signal', value: exit.signal }
          : undefined,
    message: textHead(exit.message, 4 * KIB),
    cpuTime: durationFromMs(exit.cpuTimeUs / 1000),
    peakMemoryBytes: BigInt(exit.peakMemoryBytes),
    shellReset: exit.shellReset,
  };
}

export function outputToProto(output: BoundedOutput): pb.CapturedOutput {
  return {
    head: asBuffer(output.head),
    tail: asBuffer(output.tail),
    tailOffset: BigInt(output.tailOffset),
    totalBytes: BigInt(output.totalBytes),
  };
}

/** The same memory as a Buffer. */
export function asBuffer(data: Uint8Array): Buffer {
  return Buffer.isBuffer(data) ? data : Buffer.from(data.buffer, data.byteOffset, data.byteLength);
}
