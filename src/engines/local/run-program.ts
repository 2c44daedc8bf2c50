import { spawn } from 'node:child_process';
import type { RunOptions } from '../shared/copier.js';

/** Runs a program on this machine, as the shared Copier wants it run. */
export async function runProgram(
  [program = '', ...args]: readonly string[],
  { signal, onReady, cwd = '/' }: RunOptions,
): Promise<{ readonly code: number | undefined; readonly stderr: string }> {
  const child = spawn(program, args, {
    cwd,
    stdio: ['pipe', 'pipe', 'pipe'],
    killSignal: 'SIGKILL',
    ...(signal === undefined ? {} : { signal }),
  });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    if (stderr.length < 4096) stderr += text;
  });
  child.stdin.on('error', () => undefined);
  if (onReady === undefined) child.stdin.end();
  else child.stdout.once('data', () => onReady(() => void child.stdin.end('g')));
  child.stdout.resume();
  const code = await new Promise<number>((resolve) => {
    child.once('error', (error) => {
      stderr += error.message;
      if (child.pid === undefined) resolve(1);
    });
    child.once('close', (exit) => resolve(exit ?? 1));
  });
  child.stdin.end();
  return { code, stderr };
}
