import { spawn } from 'node:child_process';
import { openSync, closeSync } from 'node:fs';
import type { Readable, Writable } from 'node:stream';

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
    try {
      await feed(options.stdin, child.stdin, closed);
    } catch (error) {
      broken = error;
      child.kill('SIGKILL');
    }
  }
  const code = await closed;
  if (broken !== undefined) throw broken;
  return { code, stdout, stderr };
}

/**
 * Writes a source into a program's stdin. A program may close it before the source's end (tar stops at the end of
 * its archive): its exit tells why, and after a good one the source is read to its end, so that a failure there is
 * not lost. @throws the source's own failure, a source that broke off among them.
 */
async function feed(source: Readable, stdin: Writable, ended: Promise<number | undefined>): Promise<void> {
  let open = true;
  const closed = new Promise<void>((resolve) => {
    const close = (): void => {
      open = false;
      resolve();
    };
    stdin.once('close', close).once('error', close);
  });
  try {
    for await (const chunk of source) {
      if (open && !stdin.write(chunk)) {
        await Promise.race([new Promise((resolve) => stdin.once('drain', resolve)), closed]);
      }
      if (!open && (await ended) !== 0) return;
    }
  } finally {
    stdin.end();
  }
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
