import { CodesetError, failedPrecondition, notFound } from '../core/errors.js';
import {
  completeSpec,
  type BoundedOutput,
  type ExecEvent,
  type ExecInfo,
  type ExecSpec,
  type SignalName,
  type TerminalSize,
} from '../core/exec.js';
import type {
  AttachOptions,
  ExecHostOptions,
  InternalProcess,
  InternalSpec,
  SandboxExecs,
  StdinWriter,
} from '../core/ports/execs.js';
import type { Log } from '../core/ports/log.js';
import { ChangeNotices } from './change-notices.js';
import { readExec } from './exec-reader.js';
import { Exec, type ExecContext } from './exec.js';
import { DirectProcess } from './internal-process.js';
import type { EndedExec, Logs } from './ended-exec.js';
import { ExecStore } from './exec-store.js';
import { Forgetter } from './forgetter.js';
import { SIGKILL } from './linux.js';
import { bounded } from './output-view.js';
import { RecordWriter } from './record-writer.js';
import type { KnownExec } from './link-target.js';
import { SandboxLink } from './sandbox-link.js';
import { programOf, shellKey, Shells } from './shells.js';
import { encodeSpawn } from './spawn-frame.js';
import { canonical, checkSpec, requireFits, resolveCwd } from './spec-checks.js';

export interface RecordedExecsSettings {
  readonly log: Log;
  readonly leaseMs: number;
  /** What the output of all commands of one owner may take on disk. */
  readonly outputBytes: number;
}

/** Commands that run at one time in one sandbox. */
const MAX_RUNNING = 1024;
/** How long `end` waits for what it killed. */
const END_WAIT_MS = 2000;

/** The commands of one sandbox: those that are recorded, and our own. */
export class RecordedExecs implements SandboxExecs {
  readonly #options: ExecHostOptions;
  readonly #link: SandboxLink;
  readonly #store: ExecStore;
  readonly #shells = new Shells();
  readonly #context: ExecContext;
  readonly #execs = new Map<string, Exec | EndedExec>();
  readonly #byKey = new Map<number, Exec | EndedExec>();
  /** Those that run, and those that init has not told all of yet. */
  readonly #live = new Set<Exec>();
  readonly #running = new Set<Exec>();
  readonly #internal = new Set<DirectProcess>();
  readonly #writer: RecordWriter;
  readonly #notices: ChangeNotices;
  /** Keys that the journal says were held by a client when the last life of the service ended. */
  readonly #held = new Set<number>();
  /** Output on disk of execs that the journal does not know, by key. */
  #unclaimed: ReadonlyMap<number, Logs> = new Map();
  #lastOutOfMemoryKills = 0;
  #state: 'open' | 'lost' | 'ended' | 'detached' = 'open';

  private constructor(folder: string, options: ExecHostOptions, settings: RecordedExecsSettings) {
    this.#options = options;
    this.#store = new ExecStore({
      folder,
      ownerId: options.ownerId,
      limit: settings.outputBytes,
      running: () => this.#live,
      onRecorded: (key) => this.#recorded(key),
      onFailure: (error) => this.#writer.complain(error),
    });
    this.#writer = new RecordWriter(this.#store.journal, settings.log, options.ownerId);
    this.#notices = new ChangeNotices(options.onChange);
    this.#link = new SandboxLink({
      dial: options.dial,
      onUnknown: (known) => this.#found(known),
      onLost: (message) => this.#lost(message),
    });
    this.#context = {
      ownerId: options.ownerId,
      link: this.#link,
      journal: this.#store.journal,
      shells: this.#shells,
      leaseMs: settings.leaseMs,
      due: (exec) => this.#writer.due(exec),
      outOfMemory: () => this.#outOfMemory(),
      changed: (exec) => this.#changed(exec),
      settled: (exec) => this.#settled(exec),
    };
  }

  /** Takes up what an earlier life of the service left, then opens the link. */
  static async open(
    folder: string,
    options: ExecHostOptions,
    settings: RecordedExecsSettings,
  ): Promise<RecordedExecs> {
    const execs = new RecordedExecs(folder, options, settings);
    await execs.#load();
    options
      .outOfMemoryKills()
      .then((count) => (execs.#lastOutOfMemoryKills = Math.max(0, count)))
      .catch(() => undefined);
    const { signal } = options;
    const giveUp = (): void => execs.#link.close();
    signal?.addEventListener('abort', giveUp, { once: true });
    try {
      signal?.throwIfAborted();
      await execs.#link.open();
      execs.#settleUnknown();
    } catch (error) {
      // What `#lost` marked is recorded; nobody gets these execs, so nobody else closes the record.
      await execs.detach();
      throw error;
    } finally {
      signal?.removeEventListener('abort', giveUp);
    }
    return execs;
  }

  // ------------------------------------------------------------ the port

  async start(asked: ExecSpec): Promise<ExecInfo> {
    // What is recorded and shown is what was used, not what was left to the session's defaults.
    const { cwd, user } = this.#options.defaults;
    const spec = {
      ...asked,
      // In a shell that is where the command before it has left it.
      cwd: asked.shellName !== '' && asked.cwd === '' ? '' : resolveCwd(cwd, asked.cwd),
      user: asked.user === '' ? user : asked.user,
    };
    const before = this.#execs.get(spec.execId);
    if (before !== undefined) {
      if (canonical(before.spec) === canonical(spec)) return before.info();
      throw new CodesetError(
        'already-exists',
        'EXEC_ID_REUSED',
        `The exec id "${spec.execId}" names another command of this session; choose a new one.`,
        { metadata: { exec_id: spec.execId } },
      );
    }
    this.#requireOpen();
    checkSpec(spec);
    if (this.#running.size >= MAX_RUNNING) {
      throw new CodesetError(
        'resource-exhausted',
        'EXEC_LIMIT',
        `${MAX_RUNNING} commands run in this session already; wait for one to end.`,
        { retryAfterMs: 1000 },
      );
    }
    const key = this.#store.newKey();
    const time = Date.now();
    const frame = encodeSpawn({
      ...programOf(spec, this.#options),
      execId: spec.execId,
      user: spec.user,
      stdin: spec.stdin,
      tty: spec.tty,
      note: JSON.stringify({ spec, time }),
    });
    requireFits(frame);
    const exec = new Exec(this.#context, key, spec, this.#store.records(key), time, frame);
    this.#add(exec);
    this.#running.add(exec);
    exec.begin();
    this.#notices.changed(exec);
    return exec.info();
  }

  attach(execId: string, options: AttachOptions): AsyncIterable<ExecEvent> {
    const exec = this.#find(execId);
    if (!exec.mayReach(options.from)) {
      const { stdoutBytes, stderrBytes } = exec.info();
      throw new CodesetError('out-of-range', 'OFFSET_OUT_OF_RANGE', 'The command wrote less than that.', {
        metadata: { stdout_bytes: String(stdoutBytes), stderr_bytes: String(stderrBytes) },
      });
    }
    return readExec(exec, options, () => this.#state === 'detached');
  }

  openStdin(execId: string): StdinWriter {
    return this.#find(execId).openStdin();
  }

  async wait(execId: string, signal?: AbortSignal): Promise<ExecInfo> {
    return await this.#find(execId).wait(signal);
  }

  get(execId: string): ExecInfo {
    return this.#find(execId).info();
  }

  get running(): number {
    return this.#running.size;
  }

  list(): readonly ExecInfo[] {
    return [...this.#execs.values()].map((exec) => exec.info());
  }

  async signal(execId: string, signal: SignalName): Promise<boolean> {
    return await this.#find(execId).signal(signal);
  }

  resize(execId: string, size: TerminalSize): void {
    this.#find(execId).resize(size);
  }

  async cancel(execId: string): Promise<void> {
    const exec = this.#find(execId);
    exec.stop('CANCELLED');
    await exec.wait();
  }

  async output(execId: string, limit: number): Promise<{ stdout: BoundedOutput; stderr: BoundedOutput }> {
    const [stdout, stderr] = await this.#find(execId).open();
    return { stdout: await bounded(stdout, limit), stderr: await bounded(stderr, limit) };
  }

  async spawn(spec: InternalSpec): Promise<InternalProcess> {
    this.#requireOpen();
    const key = this.#store.newKey();
    const mark = `internal-${key}`;
    const frame = encodeSpawn({
      execId: mark,
      argv: spec.argv ?? [],
      orShell: false,
      env: { ...this.#options.defaults.env, ...spec.env },
      cwd: resolveCwd(this.#options.defaults.cwd, spec.cwd),
      user: spec.user === '' ? this.#options.defaults.user : spec.user,
      stdin: spec.stdin,
      tty: undefined,
      turn: '',
      note: '',
    });
    requireFits(frame);
    const process: DirectProcess = DirectProcess.start(this.#link, key, mark, spec, frame, () =>
      this.#internal.delete(process),
    );
    this.#internal.add(process);
    return process;
  }

  async end(): Promise<void> {
    if (this.#state === 'ended' || this.#state === 'detached') return;
    if (this.#state === 'open') {
      this.#state = 'ended';
      const running = [...this.#running];
      for (const exec of running) exec.expectEnd('SESSION_ENDED');
      if (running.length > 0) await this.#killAll(running);
      for (const exec of [...this.#running]) exec.lost('The session has ended.');
      for (const process of [...this.#internal]) process.lost('The session has ended.');
    }
    this.#state = 'ended';
    await this.#close();
  }

  async detach(): Promise<void> {
    if (this.#state === 'ended' || this.#state === 'detached') return;
    // Of a sandbox that is gone only the record is left to be closed.
    if (this.#state === 'lost') return this.#close();
    this.#state = 'detached';
    for (const exec of this.#running) exec.suspend();
    for (const process of this.#internal) process.kill();
    await this.#close();
    for (const process of [...this.#internal]) process.lost('The service is being restarted.');
  }

  async #close(): Promise<void> {
    this.#notices.flush();
    await this.#writer.flushAll();
    this.#link.close();
    await this.#store.close();
    for (const exec of this.#live) await Promise.all(exec.records.map((record) => record.release()));
  }

  // ------------------------------------------------------------ restoring

  async #load(): Promise<void> {
    const left = await this.#store.load();
    this.#unclaimed = left.unclaimed;
    for (const exec of left.ended) {
      this.#add(exec);
      const { exit, startTime } = exec.info();
      if (exit !== undefined) this.#shells.restore(exec.spec, exit, startTime !== undefined);
    }
    for (const { key, spec, time, held, logs } of left.unended) {
      const exec = new Exec(this.#context, key, spec, this.#store.records(key, logs), time, undefined);
      this.#add(exec);
      this.#running.add(exec);
      if (held) this.#held.add(key);
    }
    for (const info of this.#options.stored) {
      // Known to the database alone. One that may still run is settled when init has told what it has.
      if (info.exit !== undefined && !this.#execs.has(info.execId)) {
        this.#add(this.#store.ended(this.#store.newKey(), info, 0, undefined));
      }
    }
  }

  /** Init has told what it has: what it does not know, and had no recorded end, is lost. */
  #settleUnknown(): void {
    this.#unclaimed = new Map();
    const message = 'The sandbox knows nothing of this command any more.';
    for (const exec of [...this.#running]) if (!exec.adopted) exec.lost(message);
    for (const info of this.#options.stored) {
      if (this.#execs.has(info.execId)) continue;
      const key = this.#store.newKey();
      const time = info.createTime.getTime();
      const exec = new Exec(this.#context, key, info.spec, this.#store.records(key), time, undefined);
      this.#add(exec);
      this.#store.journal.append({ t: 'start', key, spec: info.spec, time });
      exec.lost(message);
    }
  }

  /** Init has an exec that nothing here listens to. */
  #found(known: KnownExec): void {
    this.#store.keyTaken(known.key);
    const before = this.#byKey.get(known.key);
    if (before instanceof Exec) {
      before.adopt(known, this.#held.has(known.key), this.#turnOf(before));
      return;
    }
    if (before !== undefined) {
      this.#foundEnded(before, known);
      return;
    }
    if (known.note !== '') {
      // Started in the last moments of an earlier life of the service: init's note is all there is of it.
      const note = JSON.parse(known.note) as { spec: ExecSpec; time: number };
      const spec = completeSpec(note.spec);
      if (!this.#execs.has(spec.execId)) {
        const records = this.#store.records(known.key, this.#unclaimed.get(known.key));
        const exec = new Exec(this.#context, known.key, spec, records, note.time, undefined);
        this.#add(exec);
        this.#running.add(exec);
        this.#store.journal.append({ t: 'start', key: known.key, spec, time: note.time });
        exec.adopt(known, false, this.#turnOf(exec));
        return;
      }
    }
    // One of our own commands, whose caller is gone.
    const orphan: InternalSpec = { argv: [], env: {}, cwd: '', user: '', stdin: false, timeoutMs: 0 };
    const mark = `internal-${known.key}`;
    const process: DirectProcess = DirectProcess.takeOver(this.#link, known.key, mark, orphan, () =>
      this.#internal.delete(process),
    );
    this.#internal.add(process);
    process.kill();
  }

  /** When the turn of a command that an earlier life of the service started came, as late as it may have been. */
  #turnOf(exec: Exec): number | undefined {
    if (exec.spec.shellName === '') return undefined;
    let before: ExecInfo | undefined;
    for (const [key, other] of this.#byKey) {
      if (key < exec.key && other.spec.shellName !== '' && shellKey(other.spec) === shellKey(exec.spec)) {
        if (before === undefined || other.info().createTime >= before.createTime) before = other.info();
      }
    }
    if (before === undefined) return undefined;
    return Math.max(exec.info().createTime.getTime(), before.endTime?.getTime() ?? Date.now());
  }

  /** Its end is recorded, which init has not heard, or something that it started holds its output open. */
  #foundEnded(ended: EndedExec, known: KnownExec): void {
    if (ended.complete) {
      this.#link.register(known.key, new Forgetter(this.#link, known.key, ended.info()));
      return;
    }
    this.#store.retention.forget(ended);
    const { spec, createTime } = ended.info();
    const records = this.#store.records(known.key, ended.logs);
    const exec = new Exec(this.#context, known.key, spec, records, createTime.getTime(), undefined);
    exec.restoreExit(ended.info());
    this.#add(exec);
    exec.adopt(known, false);
  }

  // ------------------------------------------------------------ bookkeeping

  #recorded(key: number): void {
    const exec = this.#byKey.get(key);
    exec?.acknowledge(0);
    exec?.acknowledge(1);
  }

  #add(exec: Exec | EndedExec): void {
    this.#execs.set(exec.spec.execId, exec);
    this.#byKey.set(exec.key, exec);
    if (exec instanceof Exec) this.#live.add(exec);
  }

  /** From here on its output is on disk alone. */
  #settled(exec: Exec): void {
    if (!this.#live.delete(exec)) return;
    const [stdout, stderr] = exec.records;
    this.#add(this.#store.ended(exec.key, exec.info(), exec.stdin.offset, [stdout.log, stderr.log]));
    void Promise.all([stdout.release(), stderr.release()]);
  }

  #find(execId: string): Exec | EndedExec {
    const exec = this.#execs.get(execId);
    if (exec === undefined) throw notFound('EXEC_NOT_FOUND', 'command', execId);
    return exec;
  }

  #requireOpen(): void {
    if (this.#state === 'open') return;
    if (this.#state === 'detached') {
      throw new CodesetError('unavailable', 'SHUTTING_DOWN', 'The service is being restarted; try again.', {
        retryAfterMs: 1000,
      });
    }
    throw this.#state === 'lost'
      ? failedPrecondition('SESSION_LOST', 'The sandbox of this session is gone.')
      : failedPrecondition('SESSION_ENDED', 'This session has ended.');
  }

  #changed(exec: Exec): void {
    if (exec.exit !== undefined) this.#running.delete(exec);
    this.#notices.changed(exec);
  }

  async #outOfMemory(): Promise<boolean> {
    const count = await this.#options.outOfMemoryKills();
    const grown = count > this.#lastOutOfMemoryKills;
    this.#lastOutOfMemoryKills = Math.max(this.#lastOutOfMemoryKills, count);
    return grown;
  }

  #lost(message: string): void {
    if (this.#state === 'ended' || this.#state === 'detached') return;
    this.#state = 'lost';
    for (const exec of [...this.#running]) exec.lost(message);
    for (const process of [...this.#internal]) process.lost(message);
    this.#options.onLost(message);
  }

  async #killAll(running: readonly Exec[]): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, END_WAIT_MS)));
    const killed = async (): Promise<void> => {
      const problem = await this.#link.killAll(SIGKILL);
      if (problem !== 0) {
        await Promise.all(running.map((exec) => this.#link.killTree(exec.key, exec.spec.execId, SIGKILL)));
      }
      await Promise.all(running.map((exec) => exec.wait()));
    };
    await Promise.race([killed().catch(() => undefined), late]);
    clearTimeout(timer);
  }
}
