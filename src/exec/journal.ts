import { mkdir, open, readFile, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import type { ExecExit, ExecSpec, TerminalSize } from '../core/exec.js';

/** One line of a journal. */
export type JournalEntry =
  | { readonly t: 'start'; readonly key: number; readonly spec: ExecSpec; readonly time: number }
  /** A client held the exec: it is ended for want of one. */
  | { readonly t: 'held'; readonly key: number }
  | {
      readonly t: 'exit';
      readonly key: number;
      readonly exit: ExecExit;
      readonly started: number;
      readonly ended: number;
      readonly totals: readonly [number, number];
      /** The size of its terminal, when a resize has changed it. */
      readonly terminal?: TerminalSize;
      /** Base64 of short output that is in no file of its own; both streams or none. */
      readonly output?: readonly [string, string];
    };

/**
 * What is known of an owner's execs, appended line by line and never awaited on the way of a command: init keeps
 * what is not acknowledged, so an entry may come late, but the acknowledgement comes after it.
 */
export class Journal {
  readonly #folder: string;
  #file: FileHandle | undefined;
  #waiting: { text: string; done: (() => void) | undefined }[] = [];
  #writing: Promise<void> | undefined;
  #closed = false;
  #problem: unknown;
  #torn = false;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Reads what is there. A last line that was cut by a kill was acknowledged by nobody and is dropped. */
  async load(): Promise<JournalEntry[]> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    const path = join(this.#folder, 'journal');
    const content = await readFile(path).catch(() => Buffer.alloc(0));
    const whole = content.lastIndexOf(0x0a) + 1;
    this.#file = await open(path, 'a', 0o600);
    if (whole < content.length) await this.#file.truncate(whole);
    const entries: JournalEntry[] = [];
    for (const line of content.toString('utf8', 0, whole).split('\n')) {
      if (line === '') continue;
      try {
        entries.push(JSON.parse(line) as JournalEntry);
      } catch {
        // A line that a full disk left damaged: what it told is found out again, or marked LOST.
      }
    }
    return entries;
  }

  /** @param done called when the entry outlives this process; never when the disk refuses it. */
  append(entry: JournalEntry, done?: () => void): void {
    if (this.#closed) return;
    this.#waiting.push({ text: `${JSON.stringify(entry)}\n`, done });
  }

  get problem(): unknown {
    return this.#problem;
  }

  /** Writes what waits; resolves when all of it is written. */
  async flush(): Promise<void> {
    while (this.#waiting.length > 0 || this.#writing !== undefined) {
      this.#writing ??= this.#write().finally(() => (this.#writing = undefined));
      await this.#writing;
      if (this.#problem !== undefined) return;
    }
  }

  async close(): Promise<void> {
    await this.flush();
    this.#closed = true;
    await this.#file?.close();
    this.#file = undefined;
  }

  async #write(): Promise<void> {
    const batch = this.#waiting;
    this.#waiting = [];
    try {
      this.#problem = undefined;
      // A line break in front ends what a failed write may have left.
      await this.#file?.appendFile((this.#torn ? '\n' : '') + batch.map((item) => item.text).join(''));
      this.#torn = false;
    } catch (error) {
      this.#problem = error;
      this.#torn = true;
      this.#waiting = [...batch, ...this.#waiting];
      return;
    }
    for (const item of batch) item.done?.();
  }
}
