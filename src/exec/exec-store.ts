import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { completeSpec, type ExecInfo, type ExecSpec } from '../core/exec.js';
import { EndedExec, type Logs } from './ended-exec.js';
import { Journal, type ExitEntry } from './journal.js';
import { OutputRecord } from './output-record.js';
import { Retention, type Expendable } from './retention.js';
import { SegmentLog } from './segment-log.js';

export type Records = readonly [OutputRecord, OutputRecord];

/** An exec that an earlier life of the service began and has recorded no end of. */
export interface UnendedExec {
  readonly key: number;
  readonly spec: ExecSpec;
  readonly time: number;
  readonly held: boolean;
  readonly logs: Logs;
}

/** What an earlier life of the service left. */
export interface Left {
  readonly unended: readonly UnendedExec[];
  readonly ended: readonly EndedExec[];
  /** Output of execs that the journal does not know, by key. */
  readonly unclaimed: ReadonlyMap<number, Logs>;
}

export interface ExecStoreOptions {
  /** One owner's: in it the journal, and a folder for each exec with more than a little output. */
  readonly folder: string;
  readonly ownerId: string;
  /** Bytes that the output of all its execs may take on disk. */
  readonly limit: number;
  readonly running: () => Iterable<Expendable>;
  /** Called when more of an exec's output is on disk. */
  readonly onRecorded: (key: number) => void;
  readonly onFailure: (error: unknown) => void;
}

/** What is on disk of one owner's execs. */
export class ExecStore {
  readonly journal: Journal;
  readonly retention: Retention;
  readonly #options: ExecStoreOptions;
  #nextKey = 1;

  constructor(options: ExecStoreOptions) {
    this.#options = options;
    this.journal = new Journal(options.folder);
    this.retention = new Retention(options.limit, options.running, options.onFailure);
  }

  /** Never used twice in a sandbox. */
  newKey(): number {
    return this.#nextKey++;
  }

  /** Init knows of an exec with that key. */
  keyTaken(key: number): void {
    this.#nextKey = Math.max(this.#nextKey, key + 1);
  }

  async load(): Promise<Left> {
    const entries = await this.journal.load();
    const folders = new Set<number>();
    for (const name of await readdir(this.#options.folder)) {
      const key = Number(name);
      if (Number.isSafeInteger(key) && key > 0) folders.add(key);
    }
    const unended = new Map<number, UnendedExec>();
    const exits = new Map<number, ExitEntry>();
    for (const entry of entries) {
      this.keyTaken(entry.key);
      if (entry.t === 'start') {
        const spec = completeSpec(entry.spec);
        const logs = this.#logs(entry.key);
        if (folders.delete(entry.key)) await loadBoth(logs);
        unended.set(entry.key, { key: entry.key, spec, time: entry.time, held: false, logs });
        continue;
      }
      const exec = unended.get(entry.key);
      if (exec === undefined) continue;
      if (entry.t === 'held') unended.set(entry.key, { ...exec, held: true });
      // One whose output was complete only later has a second exit, with its output.
      else exits.set(entry.key, entry);
    }
    const ended: EndedExec[] = [];
    for (const entry of exits.values()) {
      const exec = unended.get(entry.key);
      unended.delete(entry.key);
      if (exec !== undefined) ended.push(this.#restore(exec, entry));
    }
    const unclaimed = new Map<number, Logs>();
    for (const key of folders) {
      this.keyTaken(key);
      const logs = this.#logs(key);
      await loadBoth(logs);
      unclaimed.set(key, logs);
    }
    return { unended: [...unended.values()], ended, unclaimed };
  }

  async close(): Promise<void> {
    await this.retention.settled();
    await this.journal.close();
  }

  /** @param logs undefined for an exec that has written nothing yet. */
  records(key: number, logs: Logs = this.#logs(key)): Records {
    const { onRecorded, onFailure } = this.#options;
    const record = (log: SegmentLog): OutputRecord => new OutputRecord(log, () => onRecorded(key), onFailure);
    return [record(logs[0]), record(logs[1])];
  }

  /** An exec is over and all of it recorded. */
  ended(
    key: number,
    info: ExecInfo,
    stdinOffset: number,
    logs: Logs | undefined,
    complete = true,
  ): EndedExec {
    const onDisk = logs?.some((log) => log.onDisk) === true ? logs : undefined;
    const inJournal = this.journal.outputBytes(key);
    const clear = () => rm(join(this.#options.folder, String(key)), { recursive: true, force: true });
    if (inJournal > 0 && onDisk !== undefined) {
      void Promise.all(onDisk.map((log) => log.cut('all')))
        .then(clear)
        .catch(this.#options.onFailure);
    }
    const kept = inJournal > 0 ? undefined : onDisk;
    const exec = new EndedExec(key, info, stdinOffset, {
      journal: this.journal,
      logs: kept,
      complete,
      onBytes: this.retention.changed,
      clear,
    });
    if (kept !== undefined || inJournal > 0) this.retention.ended(exec);
    this.retention.changed(inJournal);
    return exec;
  }

  #restore(exec: UnendedExec, entry: ExitEntry): EndedExec {
    const [stdout, stderr] = exec.logs;
    if (entry.output === undefined) {
      stdout.extend(entry.totals[0]);
      stderr.extend(entry.totals[1]);
    }
    const info: ExecInfo = {
      execId: exec.spec.execId,
      sessionId: this.#options.ownerId,
      command: exec.spec.argv ?? ['sh', '-c', exec.spec.shell ?? ''],
      spec: exec.spec,
      state: entry.exit.reason === 'LOST' ? 'LOST' : 'EXITED',
      exit: entry.exit,
      terminal: entry.terminal,
      stdoutBytes: Math.max(entry.totals[0], stdout.end),
      stderrBytes: Math.max(entry.totals[1], stderr.end),
      createTime: new Date(exec.time),
      startTime: entry.started === 0 ? undefined : new Date(entry.started),
      endTime: new Date(entry.ended),
    };
    return this.ended(exec.key, info, 0, exec.logs, entry.output !== undefined);
  }

  #logs(key: number): Logs {
    const folder = join(this.#options.folder, String(key));
    const log = (stream: string): SegmentLog =>
      new SegmentLog(folder, stream, undefined, this.retention.changed);
    return [log('out'), log('err')];
  }
}

async function loadBoth(logs: Logs): Promise<void> {
  await Promise.all([logs[0].load(), logs[1].load()]);
}
