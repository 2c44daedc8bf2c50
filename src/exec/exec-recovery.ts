import { completeSpec, type ExecInfo, type ExecSpec } from '../core/exec.js';
import type { EndedExec, Logs } from './ended-exec.js';
import type { ExecStore } from './exec-store.js';
import type { ExecTable } from './exec-table.js';
import { Exec, type ExecContext } from './exec.js';
import { Forgetter } from './forgetter.js';
import type { InternalProcesses } from './internal-processes.js';
import type { KnownExec } from './link-target.js';
import { shellKey } from './shells.js';

/**
 * Takes up the execs that an earlier life of the service left, of which three know: the disk (`load`), then init
 * (`found`), and the database. In the end `settleUnknown` says what became of those that init knows nothing of.
 */
export class ExecRecovery {
  readonly #context: ExecContext;
  readonly #store: ExecStore;
  readonly #table: ExecTable;
  readonly #internal: InternalProcesses;
  readonly #stored: readonly ExecInfo[];
  /** Keys that the journal says were held by a client when the last life of the service ended. */
  readonly #held = new Set<number>();
  /** Output on disk of execs that the journal does not know, by key. */
  #unclaimed: ReadonlyMap<number, Logs> = new Map();

  /** @param parts.stored what the database has of the sandbox's execs */
  constructor(parts: {
    context: ExecContext;
    store: ExecStore;
    table: ExecTable;
    internal: InternalProcesses;
    stored: readonly ExecInfo[];
  }) {
    this.#context = parts.context;
    this.#store = parts.store;
    this.#table = parts.table;
    this.#internal = parts.internal;
    this.#stored = parts.stored;
  }

  /** What is on disk. */
  async load(): Promise<void> {
    const left = await this.#store.load();
    this.#unclaimed = left.unclaimed;
    for (const exec of left.ended) {
      this.#table.add(exec);
      const { exit, startTime } = exec.info();
      if (exit !== undefined) this.#context.shells.restore(exec.spec, exit, startTime !== undefined);
    }
    for (const { key, spec, time, held, logs } of left.unended) {
      this.#table.addRunning(this.#restored(key, spec, time, logs));
      if (held) this.#held.add(key);
    }
    for (const info of this.#stored) {
      // Known to the database alone. One that may still run is settled when init has told what it has.
      if (info.exit !== undefined && this.#table.find(info.execId) === undefined) {
        this.#table.add(this.#store.ended(this.#store.newKey(), info, 0, undefined));
      }
    }
  }

  /** Init has an exec that nothing here listens to. */
  found(known: KnownExec): void {
    this.#store.keyTaken(known.key);
    const before = this.#table.byKey(known.key);
    if (before instanceof Exec) before.adopt(known, this.#held.has(known.key), this.#turnOf(before));
    else if (before !== undefined) this.#foundEnded(before, known);
    // Else one of our own commands, whose caller is gone.
    else if (!this.#foundNoted(known)) this.#internal.endOrphan(known.key);
  }

  /** Init has told what it has: what it does not know, and had no recorded end, is lost. */
  settleUnknown(): void {
    this.#unclaimed = new Map();
    const message = 'The sandbox knows nothing of this command any more.';
    for (const exec of [...this.#table.running]) if (!exec.adopted) exec.lost(message);
    for (const { execId, spec, createTime } of this.#stored) {
      if (this.#table.find(execId) !== undefined) continue;
      const key = this.#store.newKey();
      const time = createTime.getTime();
      const exec = this.#restored(key, spec, time);
      this.#table.add(exec);
      this.#store.journal.append({ t: 'start', key, spec, time });
      exec.lost(message);
    }
  }

  #restored(key: number, spec: ExecSpec, time: number, logs?: Logs): Exec {
    return new Exec(this.#context, key, spec, this.#store.records(key, logs), time, undefined);
  }

  /** Started in the last moments of an earlier life of the service: init's note is all there is of it. */
  #foundNoted(known: KnownExec): boolean {
    if (known.note === '') return false;
    const note = JSON.parse(known.note) as { spec: ExecSpec; time: number };
    const spec = completeSpec(note.spec);
    if (this.#table.find(spec.execId) !== undefined) return false;
    const exec = this.#restored(known.key, spec, note.time, this.#unclaimed.get(known.key));
    this.#table.addRunning(exec);
    this.#store.journal.append({ t: 'start', key: known.key, spec, time: note.time });
    exec.adopt(known, false, this.#turnOf(exec));
    return true;
  }

  /** Its end is recorded, which init has not heard, or something that it started holds its output open. */
  #foundEnded(ended: EndedExec, known: KnownExec): void {
    const info = ended.info();
    if (ended.complete) {
      const { link } = this.#context;
      link.register(known.key, new Forgetter(link, known.key, info));
      return;
    }
    this.#store.retention.forget(ended);
    const exec = this.#restored(known.key, info.spec, info.createTime.getTime(), ended.logs);
    exec.restoreExit(info);
    this.#table.add(exec);
    exec.adopt(known, false);
  }

  /** When the turn of a command that an earlier life of the service started came, as late as it may have been. */
  #turnOf(exec: Exec): number | undefined {
    if (exec.spec.shellName === '') return undefined;
    let before: ExecInfo | undefined;
    for (const other of this.#table.all()) {
      if (other.key >= exec.key || other.spec.shellName === '') continue;
      if (shellKey(other.spec) !== shellKey(exec.spec)) continue;
      if (before === undefined || other.info().createTime >= before.createTime) before = other.info();
    }
    if (before === undefined) return undefined;
    return Math.max(exec.info().createTime.getTime(), before.endTime?.getTime() ?? Date.now());
  }
}
