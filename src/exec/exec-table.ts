import { notFound } from '../core/errors.js';
import type { EndedExec } from './ended-exec.js';
import { Exec } from './exec.js';

/** The execs of one sandbox by id and by key, and how far each of them is. */
export class ExecTable {
  readonly #byId = new Map<string, Exec | EndedExec>();
  readonly #byKey = new Map<number, Exec | EndedExec>();
  /** Those that run, and those that init has not told all of yet. */
  readonly #live = new Set<Exec>();
  readonly #running = new Set<Exec>();

  /** Takes the place of one with the same id and key. */
  add(exec: Exec | EndedExec): void {
    this.#byId.set(exec.spec.execId, exec);
    this.#byKey.set(exec.key, exec);
    if (exec instanceof Exec) this.#live.add(exec);
  }

  /** One whose end nobody has told yet. */
  addRunning(exec: Exec): void {
    this.add(exec);
    this.#running.add(exec);
  }

  /** Its end is told; init may have more of its output. */
  exited(exec: Exec): void {
    this.#running.delete(exec);
  }

  /** Init has told all. False when that was known. */
  settled(exec: Exec): boolean {
    return this.#live.delete(exec);
  }

  find(execId: string): Exec | EndedExec | undefined {
    return this.#byId.get(execId);
  }

  /** @throws EXEC_NOT_FOUND */
  get(execId: string): Exec | EndedExec {
    const exec = this.#byId.get(execId);
    if (exec === undefined) throw notFound('EXEC_NOT_FOUND', 'command', execId);
    return exec;
  }

  byKey(key: number): Exec | EndedExec | undefined {
    return this.#byKey.get(key);
  }

  /** In the order of their adding. */
  all(): Iterable<Exec | EndedExec> {
    return this.#byId.values();
  }

  get live(): ReadonlySet<Exec> {
    return this.#live;
  }

  get running(): ReadonlySet<Exec> {
    return this.#running;
  }
}
