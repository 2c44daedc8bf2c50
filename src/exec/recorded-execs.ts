import { CodesetError, failedPrecondition } from '../core/errors.js';
import {
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
import { ExecRecovery } from './exec-recovery.js';
import { ExecStore } from './exec-store.js';
import { ExecTable } from './exec-table.js';
import { InternalProcesses } from './internal-processes.js';
import { SIGKILL } from './linux.js';
import { bounded } from './output-view.js';
import { RecordWriter } from './record-writer.js';
import { SandboxLink } from './sandbox-link.js';
import { programOf, Shells } from './shells.js';
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
  readonly #table = new ExecTable();
  readonly #context: ExecContext;
  readonly #internal: InternalProcesses;
  readonly #recovery: ExecRecovery;
  readonly #writer: RecordWriter;
  readonly #notices: ChangeNotices;
  #lastOutOfMemoryKills = 0;
  #state: 'open' | 'lost' | 'ended' | 'detached' = 'open';

  private constructor(folder: string, options: ExecHostOptions, settings: RecordedExecsSettings) {
    this.#options = options;
    this.#store = new ExecStore({
      folder,
      ownerId: options.ownerId,
      limit: settings.outputBytes,
      running: () => this.#table.live,
      onRecorded: (key) => this.#recorded(key),
      onFailure: (error) => this.#writer.complain(error),
    });
    this.#writer = new RecordWriter(this.#store.journal, settings.log, options.ownerId);
    this.#notices = new ChangeNotices(options.onChange);
    this.#link = new SandboxLink({
      dial: options.dial,
      onUnknown: (known) => this.#recovery.found(known),
      onLost: (message) => this.#lost(message),
    });
    this.#context = {
      ownerId: options.ownerId,
      link: this.#link,
      journal: this.#store.journal,
      shells: new Shells(),
      leaseMs: settings.leaseMs,
      due: (exec) => this.#writer.due(exec),
      outOfMemory: () => this.#outOfMemory(),
      changed: (exec) => this.#changed(exec),
      settled: (exec) => this.#settled(exec),
    };
    this.#internal = new InternalProcesses(this.#link, options.defaults);
    this.#recovery = new ExecRecovery({
      context: this.#context,
      store: this.#store,
      table: this.#table,
      internal: this.#internal,
      stored: options.stored,
    });
  }

  /** Takes up what an earlier life of the service left, then opens the link. */
  static async open(
    folder: string,
    options: ExecHostOptions,
    settings: RecordedExecsSettings,
  ): Promise<RecordedExecs> {
    const execs = new RecordedExecs(folder, options, settings);
    await execs.#recovery.load();
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
      execs.#recovery.settleUnknown();
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
    const before = this.#table.find(spec.execId);
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
    if (this.running >= MAX_RUNNING) {
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
    this.#table.addRunning(exec);
    exec.begin();
    this.#notices.changed(exec);
    return exec.info();
  }

  attach(execId: string, options: AttachOptions): AsyncIterable<ExecEvent> {
    const exec = this.#table.get(execId);
    if (!exec.mayReach(options.from)) {
      const { stdoutBytes, stderrBytes } = exec.info();
      throw new CodesetError('out-of-range', 'OFFSET_OUT_OF_RANGE', 'The command wrote less than that.', {
        metadata: { stdout_bytes: String(stdoutBytes), stderr_bytes: String(stderrBytes) },
      });
    }
    return readExec(exec, options, () => this.#state === 'detached');
  }

  openStdin(execId: string): StdinWriter {
    return this.#table.get(execId).openStdin();
  }

  async wait(execId: string, signal?: AbortSignal): Promise<ExecInfo> {
    return await this.#table.get(execId).wait(signal);
  }

  get(execId: string): ExecInfo {
    return this.#table.get(execId).info();
  }

  get running(): number {
    return this.#table.running.size;
  }

  list(): readonly ExecInfo[] {
    return [...this.#table.all()].map((exec) => exec.info());
  }

  async signal(execId: string, signal: SignalName): Promise<boolean> {
    return await this.#table.get(execId).signal(signal);
  }

  resize(execId: string, size: TerminalSize): void {
    this.#table.get(execId).resize(size);
  }

  async cancel(execId: string): Promise<void> {
    const exec = this.#table.get(execId);
    exec.stop('CANCELLED');
    await exec.wait();
  }

  async output(execId: string, limit: number): Promise<{ stdout: BoundedOutput; stderr: BoundedOutput }> {
    const [stdout, stderr] = await this.#table.get(execId).open();
    return { stdout: await bounded(stdout, limit), stderr: await bounded(stderr, limit) };
  }

  async spawn(spec: InternalSpec): Promise<InternalProcess> {
    this.#requireOpen();
    return this.#internal.start(this.#store.newKey(), spec);
  }

  async end(): Promise<void> {
    if (this.#state === 'ended' || this.#state === 'detached') return;
    if (this.#state === 'open') {
      this.#state = 'ended';
      const running = [...this.#table.running];
      for (const exec of running) exec.expectEnd('SESSION_ENDED');
      if (running.length > 0) await this.#killAll(running);
      for (const exec of [...this.#table.running]) exec.lost('The session has ended.');
      this.#internal.lost('The session has ended.');
    }
    this.#state = 'ended';
    await this.#close();
  }

  async detach(): Promise<void> {
    if (this.#state === 'ended' || this.#state === 'detached') return;
    // Of a sandbox that is gone only the record is left to be closed.
    if (this.#state === 'lost') return this.#close();
    this.#state = 'detached';
    for (const exec of this.#table.running) exec.suspend();
    this.#internal.kill();
    await this.#close();
    this.#internal.lost('The service is being restarted.');
  }

  async #close(): Promise<void> {
    this.#notices.flush();
    await this.#writer.flushAll();
    this.#link.close();
    await this.#store.close();
    for (const exec of this.#table.live) await Promise.all(exec.records.map((record) => record.release()));
  }

  // ------------------------------------------------------------ bookkeeping

  #recorded(key: number): void {
    const exec = this.#table.byKey(key);
    exec?.acknowledge(0);
    exec?.acknowledge(1);
  }

  /** From here on its output is on disk alone. */
  #settled(exec: Exec): void {
    if (!this.#table.settled(exec)) return;
    const [stdout, stderr] = exec.records;
    this.#table.add(this.#store.ended(exec.key, exec.info(), exec.stdin.offset, [stdout.log, stderr.log]));
    void Promise.all([stdout.release(), stderr.release()]);
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
    if (exec.exit !== undefined) this.#table.exited(exec);
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
    for (const exec of [...this.#table.running]) exec.lost(message);
    this.#internal.lost(message);
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
