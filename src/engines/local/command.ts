import { spawn } from 'node:child_process';
import { openSync, closeSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

export interface CommandResult {
  /** Undefined after a signal, and when the program could not be started. */
  readonly code: number | undefined;
  readonly stdout: string;
  /** At most 64 KiB of it. */
  readonly stderr: string;
}

export interface CommandOptions {
  readonly cwd?: string;
  readonly stdin?: Readable;
  /** The program is killed then; default 60 s, 0 for never. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  readonly env?: Readonly<Record<string, string>>;
}

const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const LIMIT = 64 * 1024;

/** Runs a program of the host to its end. Never throws for what the program did; `stdin`'s own failure does. */
export async function run(
  program: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  const child = spawn(program, args, {
    cwd: options.cwd ?? '/',
    env: { PATH, LC_ALL: 'C', ...options.env },
    stdio: [options.stdin === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    ...(options.signal === undefined ? {} : { signal: options.signal, killSignal: 'SIGKILL' as const }),
    ...(options.timeoutMs === 0
      ? {}
      : { timeout: options.timeoutMs ?? 60_000, killSignal: 'SIGKILL' as const }),
  });
  let stdout = '';
  let stderr = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    if (stdout.length < LIMIT * 64) stdout += text;
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    if (stderr.length < LIMIT) stderr += text;
  });
  const closed = new Promise<number | undefined>((resolve) => {
    child.once('error', (error) => {
      stderr += error.message;
      if (child.pid === undefined) resolve(undefined);
    });
    child.once('close', (code) => resolve(code ?? undefined));
  });
  let broken: unknown;
  if (options.stdin !== undefined && child.stdin !== null) {
    const source = options.stdin;
    try {
      await pipeline(source, child.stdin);
    } catch (error) {
      // A program that ends early closes its stdin: its exit tells why. The source's own failure is the caller's.
      if (
        (error as NodeJS.ErrnoException).code !== 'EPIPE' &&
        (error as NodeJS.ErrnoException).code !== 'ERR_STREAM_PREMATURE_CLOSE'
      ) {
        broken = error;
        child.kill('SIGKILL');
      }
    }
  }
  const code = await closed;
  if (broken !== undefined) throw broken;
  return { code, stdout, stderr };
}

/**
 * Runs a program whose children keep its descriptors (a runtime that detaches), so its output goes to a file.
 * @param outputPath stdout and stderr, appended
 */
export async function runDetaching(
  program: string,
  args: readonly string[],
  outputPath: string,
  options: Pick<CommandOptions, 'cwd' | 'signal' | 'timeoutMs'> = {},
): Promise<number | undefined> {
  const output = openSync(outputPath, 'a', 0o600);
  try {
    const child = spawn(program, args, {
      cwd: options.cwd ?? '/',
      env: { PATH, LC_ALL: 'C' },
      stdio: ['ignore', output, output],
      timeout: options.timeoutMs ?? 60_000,
      killSignal: 'SIGKILL',
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    });
    return await new Promise((resolve) => {
      // An abort reports an error before the program has ended; its exit is what counts.
      child.once('error', () => {
        if (child.pid === undefined) resolve(undefined);
      });
      child.once('exit', (code) => resolve(code ?? undefined));
    });
  } finally {
    closeSync(output);
  }
}
