import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';

/** The service first ends what it prepares, which for a large codebase takes its time. */
const STOP_MS = 90_000;

/** Runs a program to its end. @throws with the end of its stderr when it fails. */
export function capture(
  program: string,
  args: readonly string[],
  options: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv } = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(program, args, { maxBuffer: 16 * 1024 * 1024, ...options }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(`${program} ${args[0] ?? ''}: ${stderr.trim().slice(-2000) || error.message}`));
    });
  });
}

/** Starts a program and resolves with its output when it is over; the fastest way to wait for one. */
export function spawned(program: string, args: readonly string[], env?: NodeJS.ProcessEnv): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(env === undefined ? {} : { env }),
    });
    let errors = '';
    child.stdout.resume();
    child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0) resolve();
      else reject(new Error(`${program} ${args.join(' ')} ended with ${code}: ${errors.trim()}`));
    });
  });
}

/** Starts a program and reads its output to the end. @returns how many bytes it wrote. @throws unless it ends with 0. */
export function counted(program: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'ignore'], env });
    let bytes = 0;
    child.stdout.on('data', (chunk: Buffer) => (bytes += chunk.length));
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0) resolve(bytes);
      else reject(new Error(`${program} ${args.join(' ')} ended with ${code}`));
    });
  });
}

/** SIGTERM, and SIGKILL when that does not end it soon. */
export async function stop(child: ChildProcess): Promise<void> {
  child.kill('SIGTERM');
  await ended(child);
}

/** Resolves when it has ended, which was asked of it already; SIGKILL when that takes too long. */
export async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
  await exited;
  clearTimeout(timer);
}
