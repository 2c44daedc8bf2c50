import { CodesetError, failedPrecondition } from '../core/errors.js';
import type { ExecSpec } from '../core/exec.js';

export function stdinClosed(): CodesetError {
  return failedPrecondition('STDIN_CLOSED', 'This command takes no input, or its input was ended.');
}

/** @throws NO_TERMINAL */
export function requireTerminal(spec: ExecSpec): void {
  if (spec.tty !== undefined) return;
  throw failedPrecondition('NO_TERMINAL', 'This command has no terminal; start it with `tty`.', {
    metadata: { exec_id: spec.execId },
  });
}
