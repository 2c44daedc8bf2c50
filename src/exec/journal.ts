import { mkdir, open, readFile, rename, rm, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import type { ExecExit, ExecSpec, TerminalSize } from '../core/exec.js';

export interface StartEntry {
  readonly t: 'start';
  readonly key: number;
  readonly spec: ExecSpec;
  readonly time: number;
}

export interface ExitEntry {
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
}

/** One line of a journal. */
export type JournalEntry =
  | StartEntry
  /** A client held the exec: it is ended for want of one. */
  | { readonly t: 'held'; readonly key: number }
  | ExitEntry;

/** A line of the file. */
interface Span {
  readonly at: number;
  readonly length: number;
}

/** Less than this of what nobody needs any more is left where it is. */
const GARBAGE_BYTES = 4 * 1024 * 1024;
/** So many are written anew at a time, others having their turn between. */
const COMPACT_LINES = 256;

/**
 * What is known of an owner's execs, appended line by line and never awaited on the way of a command: init keeps
 * what is not acknowledged, so an entry may come late, but the acknowledgement comes after it. Written anew when
 * half of it is of no more use.
 */
export class Journal {
  readonly #folder: string;
  #garbageBytes: number;
  #file: FileHandle | undefined;
  #size = 0;
  #garbage = 0;
  /** Where the output of an ended exec lies, by key. */
  #outputs = new Map<number, Span>();
  readonly #held = new Set<number>();
  #waiting: { entry: JournalEntry; text: string; done: (() => void) | undefined }[] = [];
  /** One at a time uses the file. */
  #turn: Promise<unknown> = Promise.resolve();
  #closed = false;
  #problem: unknown;
  #torn = false;

  constructor(folder: string, garbageBytes: number = GARBAGE_BYTES) {
    this.#folder = folder;
    this.#garbageBytes = garbageBytes;
  }

  /** Reads what is there. A last line that was cut by a kill was acknowledged by nobody and is dropped. */
  async load(): Promise<JournalEntry[]> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    const content = await readFile(this.#path).catch(() => Buffer.alloc(0));
    this.#size = content.lastIndexOf(0x0a) + 1;
    this.#file = await open(this.#path, 'a+', 0o600);
    if (this.#size < content.length) await this.#file.truncate(this.#size);
    const entries: JournalEntry[] = [];
    for (const { at, length } of lines(content.subarray(0, this.#size))) {
      try {
        const entry = JSON.parse(content.toString('utf8', at, at + length)) as JournalEntry;
        this.#note(entry, { at, length });
        entries.push(entry);
      } catch {
        // A line that a full disk left damaged: what it told is found out again, or marked LOST.
      }
    }
    return entries;
  }

  /** @param done called when the entry outlives this process; never when the disk refuses it. */
  append(entry: JournalEntry, done?: () => void): void {
    if (this.#closed) return;
    this.#waiting.push({ entry, text: `${JSON.stringify(entry)}\n`, done });
  }

  get problem(): unknown {
    return this.#problem;
  }

  /** What short output of an ended exec takes here; 0 when it is not here. */
  outputBytes(key: number): number {
    return this.#outputs.get(key)?.length ?? 0;
  }

  /** Both streams of an exec whose output is here; undefined when it is not, or was given up. */
  async output(key: number): Promise<readonly [Buffer, Buffer] | undefined> {
    return await this.#exclusive(async () => {
      const span = this.#outputs.get(key);
      if (span === undefined || this.#file === undefined) return undefined;
      const line = Buffer.allocUnsafe(span.length);
      const { bytesRead } = await this.#file.read(line, 0, span.length, span.at);
      const entry = JSON.parse(line.toString('utf8', 0, bytesRead)) as ExitEntry;
      const [stdout = '', stderr = ''] = entry.output ?? [];
      return [Buffer.from(stdout, 'base64'), Buffer.from(stderr, 'base64')] as const;
    });
  }

  /** The exec's output is needed no more; its exit stays. */
  dropOutput(key: number): void {
    this.#garbage += this.outputBytes(key);
    this.#outputs.delete(key);
  }

  /** Writes what waits; resolves when all of it is written. */
  async flush(): Promise<void> {
    while (this.#waiting.length > 0) {
      await this.#exclusive(() => this.#write());
      if (this.#problem !== undefined) return;
    }
    await this.#turn;
    if (this.#garbage > this.#garbageBytes && this.#garbage * 2 > this.#size) {
      await this.#exclusive(() => this.#compact());
    }
  }

  async close(): Promise<void> {
    await this.flush();
    this.#closed = true;
    await this.#exclusive(async () => {
      await this.#file?.close();
      this.#file = undefined;
    });
  }

  get #path(): string {
    return join(this.#folder, 'journal');
  }

  #exclusive<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => undefined);
    return result;
  }

  async #write(): Promise<void> {
    const batch = this.#waiting;
    if (batch.length === 0) return;
    this.#waiting = [];
    const texts = batch.map((item) => Buffer.from(item.text));
    // A line break in front ends what a failed write may have left.
    const whole = Buffer.concat(this.#torn ? [Buffer.from('\n'), ...texts] : texts);
    try {
      this.#problem = undefined;
      await this.#file?.appendFile(whole);
    } catch (error) {
      this.#problem = error;
      this.#torn = true;
      this.#waiting = [...batch, ...this.#waiting];
      return;
    }
    // What a failed write left is counted by nobody else.
    if (this.#torn) this.#size = (await this.#file?.stat())?.size ?? 0;
    else this.#size += whole.length;
    this.#torn = false;
    let at = this.#size - texts.reduce((sum, text) => sum + text.length, 0);
    batch.forEach((item, i) => {
      const length = texts[i]?.length ?? 0;
      this.#note(item.entry, { at, length });
      at += length;
      item.done?.();
    });
  }

  #note(entry: JournalEntry, span: Span): void {
    if (entry.t === 'held') {
      // Of use until the exec has ended, and small: most end soon.
      this.#held.add(entry.key);
      this.#garbage += span.length;
    } else if (entry.t === 'exit') {
      this.#held.delete(entry.key);
      if (entry.output !== undefined) this.#outputs.set(entry.key, span);
    }
  }

  /** Everything of use into a new file, which takes the old one's place in one step. */
  async #compact(): Promise<void> {
    const content = (await readFile(this.#path)).subarray(0, this.#size);
    const path = `${this.#path}.new`;
    let file: FileHandle | undefined;
    try {
      await rm(path, { force: true });
      file = await open(path, 'a+', 0o600);
      const outputs = new Map<number, Span>();
      let pieces: Buffer[] = [];
      let size = 0;
      for (const { at, length } of lines(content)) {
        const line = this.#keep(content.subarray(at, at + length), at);
        if (line === undefined) continue;
        pieces.push(line.text);
        if (line.output !== undefined) outputs.set(line.output, { at: size, length: line.text.length });
        size += line.text.length;
        if (pieces.length < COMPACT_LINES) continue;
        await file.appendFile(Buffer.concat(pieces));
        pieces = [];
      }
      await file.appendFile(Buffer.concat(pieces));
      await file.datasync();
      await rename(path, this.#path);
      await this.#file?.close();
      this.#take(file, size, outputs);
    } catch {
      // A full disk: the old one stays, and is good. Tried again when there is more to win.
      await file?.close();
      this.#garbageBytes = this.#garbage * 2;
    }
  }

  #take(file: FileHandle, size: number, outputs: Map<number, Span>): void {
    const before = this.#outputs;
    this.#file = file;
    this.#size = size;
    this.#garbage = 0;
    this.#outputs = outputs;
    // Given up while the file was being written.
    for (const key of outputs.keys()) if (!before.has(key)) this.dropOutput(key);
  }

  /** A line as it is of use; `output`: the key of the exec whose output it holds. */
  #keep(line: Buffer, at: number): { text: Buffer; output?: number } | undefined {
    let entry: JournalEntry;
    try {
      entry = JSON.parse(line.toString()) as JournalEntry;
    } catch {
      return undefined;
    }
    if (entry.t === 'held') return this.#held.has(entry.key) ? { text: line } : undefined;
    if (entry.t === 'start') return { text: line };
    // Of two exits of an exec the later one counts, which has the output.
    if (entry.output === undefined) return this.#outputs.has(entry.key) ? undefined : { text: line };
    if (this.#outputs.get(entry.key)?.at === at) return { text: line, output: entry.key };
    const { output: _gone, ...rest } = entry;
    return { text: Buffer.from(`${JSON.stringify(rest)}\n`) };
  }
}

/** Where each line of the content lies, its line break included. */
function* lines(content: Buffer): Generator<Span> {
  for (let at = 0; at < content.length;) {
    const length = content.indexOf(0x0a, at) + 1 - at;
    if (length > 1) yield { at, length };
    at += length;
  }
}
