import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { CodesetError } from '../../core/errors.js';
import { diskFull } from '../shared/disk-full.js';

/** Above this a copy would hold a sandbox for too long, and most of it is made while the sandbox runs. */
const LONG_BYTES = 16 * 1024 ** 2;

/** From a folder to one that is not there yet. */
export interface Copy {
  readonly from: string;
  readonly to: string;
}

/** Holds still what is copied while `work` runs, which is told the processes that it holds. */
export interface Hold {
  readonly during: <T>(work: (pids: readonly number[]) => Promise<T>) => Promise<T>;
  /** Aborted when what is copied is about to go. */
  readonly signal: AbortSignal;
}

/** What becomes of codeset-init's `copy`; init/copy.c says how it works. */
export class Copier {
  readonly #initPath: string;

  constructor(initPath: string) {
    this.#initPath = initPath;
  }

  /** The command line that copies what stands still. */
  command(copies: readonly Copy[]): readonly string[] {
    return [this.#initPath, 'copy', 'once', ...copies.flatMap(({ from, to }) => [from, to])];
  }

  /**
   * Copies what a sandbox writes, as of one moment of the hold.
   * @param bytes about as much as there is
   * @throws SESSION_LOST when it goes meanwhile, TOO_LARGE, DISK_FULL; the caller removes what was made.
   */
  async copy(copies: readonly Copy[], hold: Hold, bytes: number): Promise<void> {
    const since = bytes < LONG_BYTES ? undefined : await hold.during(tellingMoment);
    hold.signal.throwIfAborted();
    if (since === undefined) {
      await hold.during(() => this.#run(this.command(copies), hold.signal));
      return;
    }
    const args = ['copy', 'twice', String(since), ...copies.flatMap(({ from, to }) => [from, to])];
    await this.#run([this.#initPath, ...args], hold.signal, (again) => hold.during(again));
  }

  /** Copies what stands still, by a command line that ends in `command`'s. */
  still(command: readonly string[], cwd: string): Promise<void> {
    return this.#run(command, undefined, undefined, cwd);
  }

  async #run(
    [program = '', ...args]: readonly string[],
    signal: AbortSignal | undefined,
    hold?: (again: () => Promise<void>) => Promise<void>,
    cwd = '/',
  ): Promise<void> {
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
    const ended = new Promise<number>((resolve) => {
      child.once('error', (error) => {
        stderr += error.message;
        if (child.pid === undefined) resolve(1);
      });
      child.once('close', (code) => resolve(code ?? 1));
    });
    if (hold !== undefined) {
      const ready = new Promise<boolean>((resolve) => void child.stdout.once('data', () => resolve(true)));
      const copied = await Promise.race([ready, ended.then(() => false)]);
      try {
        if (copied && signal?.aborted !== true) {
          await hold(async () => {
            child.stdin.end('g');
            await ended;
          });
        }
      } finally {
        child.stdin.end();
      }
    }
    child.stdout.resume();
    child.stdin.end();
    const code = await ended;
    if (signal?.aborted === true) throw endedMeanwhile();
    if (code === 0) return;
    throw failure(code, stderr);
  }
}

/**
 * Milliseconds since 1970, of now, when nothing is under way that could change a file without its change time:
 * undefined while a file is mapped for writing, whose pages change unseen.
 */
async function tellingMoment(pids: readonly number[]): Promise<number | undefined> {
  const maps = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/maps`, 'utf8').catch(() => '')));
  return maps.some(mapsFileForWriting) ? undefined : Date.now();
}

/** @param maps as /proc/PID/maps has them */
export function mapsFileForWriting(maps: string): boolean {
  return maps
    .split('\n')
    .some((line) => /^\S+ .w.s \S+ \S+ [1-9]/.test(line) && !/ \/(memfd:|dev\/|SYSV)/.test(line));
}

/** For whoever copied from a sandbox that went. */
export function endedMeanwhile(): CodesetError {
  return new CodesetError(
    'failed-precondition',
    'SESSION_LOST',
    'The sandbox ended while what it wrote was copied.',
  );
}

function failure(code: number, stderr: string): CodesetError {
  if (code === 4 || /No space left on device|Disk quota exceeded/.test(stderr)) return diskFull();
  // Paths that no system call takes; whoever made them step by step can do without the copy.
  if (code === 3) {
    return new CodesetError(
      'failed-precondition',
      'TOO_LARGE',
      'What the sandbox wrote could not be copied: its folders are nested too deep.',
    );
  }
  return new CodesetError('internal', 'ENGINE_FAILED', 'What the sandbox wrote could not be copied.', {
    cause: new Error(stderr),
  });
}
