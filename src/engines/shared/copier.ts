import { readFile } from 'node:fs/promises';
import { CodesetError } from '../../core/errors.js';
import { diskFull } from './disk-full.js';

/** Above this a copy would hold a sandbox for too long, and most of it is made while the sandbox runs. */
const LONG_BYTES = 16 * 1024 ** 2;

/** From a folder to one that is not there yet. */
export interface Copy {
  readonly from: string;
  readonly to: string;
}

/** Holds still what is copied while `work` runs, which is told the processes that it holds, where they are known. */
export interface Hold {
  readonly during: <T>(
    work: (pids: readonly number[] | undefined) => Promise<T>,
    /** The copy is of the moment of this hold. */
    decisive: boolean,
  ) => Promise<T>;
  /** Aborted when what is copied is about to go. */
  readonly signal: AbortSignal;
}

export interface RunOptions {
  /** Aborted: the program is killed. */
  readonly signal?: AbortSignal;
  /** Called at the first bytes of stdout; stdin is one byte when `go` is called. Without it stdin is empty. */
  readonly onReady?: (go: () => void) => void;
  readonly cwd?: string;
}

/** Runs a program where the trees lie and answers when it is gone. */
export type RunProgram = (
  argv: readonly string[],
  options: RunOptions,
) => Promise<{ readonly code: number | undefined; readonly stderr: string }>;

/** What becomes of codeset-init's `copy`; init/copy.c says how it works. */
export class Copier {
  readonly #initPath: string;
  readonly #runProgram: RunProgram;

  /** @param initPath as `runProgram` finds it */
  constructor(initPath: string, runProgram: RunProgram) {
    this.#initPath = initPath;
    this.#runProgram = runProgram;
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
    const since = bytes < LONG_BYTES ? undefined : await hold.during(tellingMoment, false);
    hold.signal.throwIfAborted();
    if (since === undefined) {
      await hold.during(() => this.#run(this.command(copies), hold.signal), true);
      return;
    }
    const args = ['copy', 'twice', String(since), ...copies.flatMap(({ from, to }) => [from, to])];
    await this.#run([this.#initPath, ...args], hold.signal, (again) => hold.during(again, true));
  }

  /** Copies what stands still, by a command line that ends in `command`'s. */
  still(command: readonly string[], cwd: string): Promise<void> {
    return this.#run(command, undefined, undefined, cwd);
  }

  async #run(
    argv: readonly string[],
    signal: AbortSignal | undefined,
    hold?: (again: () => Promise<void>) => Promise<void>,
    cwd = '/',
  ): Promise<void> {
    const { code, stderr } = await (hold === undefined
      ? this.#runProgram(argv, { cwd, ...(signal === undefined ? {} : { signal }) })
      : this.#runHeld(argv, signal, hold, cwd));
    if (signal?.aborted === true) throw endedMeanwhile();
    if (code !== 0) throw failure(code, stderr);
  }

  async #runHeld(
    argv: readonly string[],
    signal: AbortSignal | undefined,
    hold: (again: () => Promise<void>) => Promise<void>,
    cwd: string,
  ): Promise<{ readonly code: number | undefined; readonly stderr: string }> {
    const givenUp = new AbortController();
    const signals = signal === undefined ? [givenUp.signal] : [signal, givenUp.signal];
    let onReady: (go: () => void) => void = () => undefined;
    const ready = new Promise<() => void>((resolve) => void (onReady = resolve));
    const ended = this.#runProgram(argv, { cwd, signal: AbortSignal.any(signals), onReady });
    try {
      const go = await Promise.race([ready, ended.then(() => undefined)]);
      if (go !== undefined && signal?.aborted !== true) {
        await hold(async () => {
          go();
          await ended;
        });
      }
    } catch (error) {
      givenUp.abort();
      await ended.catch(() => undefined);
      throw error;
    }
    return ended;
  }
}

/**
 * Milliseconds since 1970, of now, when nothing is under way that could change a file without its change time:
 * undefined while a file is, or may be, mapped for writing, whose pages change unseen.
 */
async function tellingMoment(pids: readonly number[] | undefined): Promise<number | undefined> {
  if (pids === undefined) return undefined;
  const maps = await Promise.all(pids.map(mapsOf));
  return maps.some((text) => text === undefined || mapsFileForWriting(text)) ? undefined : Date.now();
}

/** Undefined where it can't be known. */
async function mapsOf(pid: number): Promise<string | undefined> {
  try {
    return await readFile(`/proc/${pid}/maps`, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    return code === 'ENOENT' || code === 'ESRCH' ? '' : undefined;
  }
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

function failure(code: number | undefined, stderr: string): CodesetError {
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
