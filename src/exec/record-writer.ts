import type { Log } from '../core/ports/log.js';
import type { Exec } from './exec.js';
import type { Journal } from './journal.js';

const FLUSH_MS = 10;

/** Writes the records of one sandbox's execs some milliseconds behind them, many at a time. */
export class RecordWriter {
  readonly #journal: Journal;
  readonly #log: Log;
  readonly #ownerId: string;
  readonly #due = new Set<Exec>();
  #timer: NodeJS.Timeout | undefined;
  #flushing: Promise<void> | undefined;
  #complained = false;

  constructor(journal: Journal, log: Log, ownerId: string) {
    this.#journal = journal;
    this.#log = log;
    this.#ownerId = ownerId;
  }

  due(exec: Exec): void {
    this.#due.add(exec);
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      void this.#flush(false);
    }, FLUSH_MS);
  }

  /** Everything, before the record is closed. */
  async flushAll(): Promise<void> {
    // The second round has what the journal's first acknowledged.
    await this.#flush(true);
    await this.#flush(true);
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** The disk refuses. It is tried again with every tick; said once. */
  complain(error: unknown): void {
    if (this.#complained) return;
    this.#complained = true;
    this.#log.error('The record of commands cannot be written; commands wait at their output windows.', {
      ownerId: this.#ownerId,
      error: String(error),
    });
  }

  /** One flush at a time; what is still open after it comes again with the next tick. */
  async #flush(final: boolean): Promise<void> {
    while (this.#flushing !== undefined) await this.#flushing;
    this.#flushing = this.#flushOnce(final).finally(() => (this.#flushing = undefined));
    await this.#flushing;
  }

  async #flushOnce(final: boolean): Promise<void> {
    const due = [...this.#due];
    this.#due.clear();
    try {
      const again = await Promise.all(due.map((exec) => exec.flush(final)));
      await this.#journal.flush();
      const problem = this.#journal.problem;
      if (problem === undefined) this.#complained = false;
      else this.complain(problem);
      if (!final) {
        due.forEach((exec, i) => {
          if (again[i] === true || problem !== undefined) this.due(exec);
        });
      }
    } catch (error) {
      this.complain(error);
    }
  }
}
