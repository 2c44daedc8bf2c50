import type {
  AttachOffsets,
  ExecExit,
  ExecInfo,
  ExecSpec,
  ExecState,
  SignalName,
  TerminalSize,
} from '../core/exec.js';
import type { StdinWriter } from '../core/ports/execs.js';
import { requireTerminal } from './exec-errors.js';
import { Followers, type Follower } from './exec-followers.js';
import { ExecLimits, type StopReason } from './exec-limits.js';
import { ExecRecorder } from './exec-recorder.js';
import type { Readable } from './exec-reader.js';
import { ExecTermination } from './exec-termination.js';
import { exitOfFailedStart } from './exit.js';
import type { Journal } from './journal.js';
import { signalNumber } from './linux.js';
import type { OutputRecord } from './output-record.js';
import type { ExitReport, KnownExec, LinkTarget } from './link-target.js';
import type { Expendable } from './retention.js';
import type { SandboxLink } from './sandbox-link.js';
import type { Cut } from './segment-log.js';
import type { Shells } from './shells.js';
import { StdinChannel } from './stdin-channel.js';

/** What the execs of one sandbox share. */
export interface ExecContext {
  readonly ownerId: string;
  readonly link: SandboxLink;
  readonly journal: Journal;
  readonly shells: Shells;
  /** Milliseconds that an exec without a holder goes on. */
  readonly leaseMs: number;
  /** `flush` of this exec is due soon. */
  due(exec: Exec): void;
  /** Whether the kernel killed something of this sandbox for want of memory since it was last asked. */
  outOfMemory(): Promise<boolean>;
  changed(exec: Exec): void;
  /** It is over, all of it is recorded, and init has forgotten it. */
  settled(exec: Exec): void;
}

/** One command: its state, its record and its followers. */
export class Exec implements LinkTarget, Readable, Expendable {
  readonly key: number;
  readonly spec: ExecSpec;
  readonly records: readonly [OutputRecord, OutputRecord];
  readonly stdin: StdinChannel;
  readonly #context: ExecContext;
  readonly #createTime: number;
  readonly #limits: ExecLimits;
  readonly #recorder: ExecRecorder;
  readonly #termination: ExecTermination;
  #spawnFrame: Buffer | undefined;
  #startTime: number | undefined;
  #endTime: number | undefined;
  #state: ExecState = 'STARTING';
  #exit: ExecExit | undefined;
  readonly #followers = new Followers();
  /** What a resize has made of the terminal. */
  #terminal: TerminalSize | undefined;
  #wasHeld = false;
  #adopted = false;
  readonly #waiters = new Set<() => void>();

  /** @param spawnFrame what init is sent; undefined for an exec that an earlier life of the service started. */
  constructor(
    context: ExecContext,
    key: number,
    spec: ExecSpec,
    records: readonly [OutputRecord, OutputRecord],
    createTime: number,
    spawnFrame: Buffer | undefined,
  ) {
    this.#context = context;
    this.key = key;
    this.spec = spec;
    this.records = records;
    this.#createTime = createTime;
    this.#spawnFrame = spawnFrame;
    this.#limits = new ExecLimits(spec, context.leaseMs, (reason) => this.stop(reason));
    this.stdin = new StdinChannel(context.link, key, spec.stdin, () => this.#limits.active());
    this.#recorder = new ExecRecorder(context.link, context.journal, key, records, () =>
      context.settled(this),
    );
    this.#termination = new ExecTermination({
      link: context.link,
      key,
      spec,
      records,
      limits: this.#limits,
      outOfMemory: () => context.outOfMemory(),
      finish: (exit) => this.#finish(exit),
    });
  }

  get exit(): ExecExit | undefined {
    return this.#exit;
  }

  get isStarted(): boolean {
    return this.#state !== 'STARTING';
  }

  info(): ExecInfo {
    const date = (time: number | undefined): Date | undefined =>
      time === undefined ? undefined : new Date(time);
    return {
      execId: this.spec.execId,
      sessionId: this.#context.ownerId,
      command: this.spec.argv ?? ['sh', '-c', this.spec.shell ?? ''],
      spec: this.spec,
      state: this.#state,
      exit: this.#exit,
      terminal: this.#terminal,
      stdoutBytes: this.records[0].end,
      stderrBytes: this.records[1].end,
      createTime: new Date(this.#createTime),
      startTime: date(this.#startTime),
      endTime: date(this.#endTime),
    };
  }

  // ------------------------------------------------------------ begin, adopt, restore

  begin(): void {
    this.#context.link.register(this.key, this);
    if (this.#spawnFrame !== undefined) this.#context.link.spawn(this.key, this.#spawnFrame);
    this.#context.journal.append({ t: 'start', key: this.key, spec: this.spec, time: this.#createTime });
    this.#context.due(this);
    // In a shell its time begins with its turn.
    if (this.spec.shellName === '') this.#limits.begin(this.#createTime);
  }

  /** Whether init has it since an earlier life of the service. */
  get adopted(): boolean {
    return this.#adopted;
  }

  /**
   * Takes up a command that runs on since an earlier life of the service.
   * @param since when its turn came, if it has come.
   */
  adopt(known: KnownExec, held: boolean, since: number = this.#createTime): void {
    this.#adopted = true;
    this.#context.link.register(this.key, this);
    this.#recorder.adopt();
    this.stdin.adopt(known);
    this.#wasHeld = held;
    if (this.#exit !== undefined) return;
    this.#terminal = changed(known.terminal, this.spec.tty);
    const queued = this.spec.shellName !== '' && !known.started;
    if (!queued) this.#startTime ??= since;
    if (known.started && this.#state === 'STARTING') this.#state = 'RUNNING';
    if (!queued) this.#limits.begin(since);
    if (held) this.#limits.startLease();
  }

  /** An end that was recorded by an earlier life of the service, of which init has more to tell. */
  restoreExit(info: ExecInfo): void {
    this.#exit = info.exit;
    this.#terminal = info.terminal;
    this.#state = info.state;
    this.#startTime = info.startTime?.getTime();
    this.#endTime = info.endTime?.getTime();
    this.#recorder.restored();
    this.stdin.close();
  }

  // ------------------------------------------------------------ what init tells

  started(): void {
    if (this.#state !== 'STARTING') return;
    this.#state = 'RUNNING';
    this.#spawnFrame = undefined;
    this.#startTime ??= Date.now();
    if (this.spec.shellName !== '') this.#limits.begin(this.#startTime);
    this.#context.changed(this);
    this.#followers.wake();
  }

  startFailed(stage: number, errno: number): void {
    if (this.#exit !== undefined) {
      this.#recorder.acknowledgeExit();
      return;
    }
    this.#finish(exitOfFailedStart(this.spec, stage, errno));
  }

  output(stream: 0 | 1, offset: number, data: Buffer): void {
    if (!this.records[stream].append(offset, data)) return;
    this.#context.due(this);
    this.#followers.wake();
    this.#limits.wrote(this.records[0].end + this.records[1].end);
    this.#termination.settle();
  }

  outputEnd(stream: 0 | 1): void {
    this.records[stream].finish();
    this.#recorder.endTold(stream);
    this.#context.due(this);
  }

  exited(report: ExitReport): void {
    if (this.#exit !== undefined) {
      this.#recorder.acknowledgeExit();
      return;
    }
    // One that ended before its turn came was never started.
    if (report.shell !== undefined) this.started();
    this.#termination.reported(report, this.#context.shells.ended(this.spec, report.shell));
    for (const stream of [0, 1] as const) this.acknowledge(stream);
    this.#termination.settle();
  }

  stdinCredit(offset: number): void {
    this.stdin.credit(offset);
  }

  stdinClosed(): void {
    this.stdin.close();
  }

  resumeOffsets(): readonly [number, number] {
    // Of what init still holds: that which is in memory only would be lost with this process.
    return [this.records[0].recorded, this.records[1].recorded];
  }

  resumed(known: KnownExec | undefined): void {
    if (known !== undefined) {
      this.stdin.resumed(known);
      if (this.#terminal !== undefined) this.#context.link.resize(this.key, this.#terminal);
    } else if (this.#exit !== undefined) {
      this.#context.link.unregister(this.key);
    } else if (this.#state === 'STARTING' && this.#spawnFrame !== undefined) {
      this.#context.link.spawn(this.key, this.#spawnFrame);
      this.stdin.restarted();
      if (this.#terminal !== undefined) this.#context.link.resize(this.key, this.#terminal);
    } else {
      this.lost('The sandbox knows nothing of this command any more.');
    }
  }

  // ------------------------------------------------------------ ending it

  /** The sandbox is gone, or the session has ended before the exit was told. */
  lost(message: string): void {
    if (this.#exit !== undefined) return;
    this.#termination.lost(message);
  }

  async signal(name: SignalName): Promise<boolean> {
    if (this.#exit !== undefined) return false;
    return (await this.#context.link.signal(this.key, signalNumber(name))) === 0;
  }

  /** @throws NO_TERMINAL */
  resize(size: TerminalSize): void {
    requireTerminal(this.spec);
    if (this.#exit !== undefined) return;
    this.#terminal = changed(size, this.spec.tty);
    this.#context.link.resize(this.key, size);
  }

  /** As its spec says how; the first reason stays. */
  stop(reason: StopReason): void {
    if (this.#exit === undefined) this.#termination.stop(reason);
  }

  /** Its end is on its way by other means (the whole sandbox was killed). */
  expectEnd(reason: StopReason): void {
    this.#termination.expect(reason);
  }

  async wait(signal?: AbortSignal): Promise<ExecInfo> {
    if (this.#exit === undefined) {
      let done = (): void => undefined;
      await new Promise<void>((resolve) => {
        done = resolve;
        this.#waiters.add(done);
        signal?.addEventListener('abort', done);
        if (signal?.aborted) done();
      });
      // Nothing of one that gave up stays with a command that may run for days.
      this.#waiters.delete(done);
      signal?.removeEventListener('abort', done);
      signal?.throwIfAborted();
    }
    return this.info();
  }

  // ------------------------------------------------------------ followers

  openStdin(): StdinWriter {
    return this.stdin.openWriter();
  }

  async open(): Promise<readonly [OutputRecord, OutputRecord]> {
    return this.records;
  }

  async cut(what: Cut): Promise<void> {
    await Promise.all(this.records.map((record) => record.log.cut(what)));
  }

  follow(follower: Follower): void {
    this.#followers.add(follower);
    if (!follower.holds) return;
    this.#limits.stopLease();
    if (!this.#wasHeld && !this.spec.detach) {
      this.#wasHeld = true;
      if (this.#exit === undefined) this.#context.journal.append({ t: 'held', key: this.key });
      this.#context.due(this);
    }
  }

  unfollow(follower: Follower): void {
    this.#followers.delete(follower);
    if (this.#exit !== undefined) return;
    for (const stream of [0, 1] as const) this.acknowledge(stream);
    if (follower.holds && !this.#followers.hold) this.#limits.startLease();
  }

  /** Whether the stream can have a byte at that offset, now or later. */
  mayReach(offsets: AttachOffsets): boolean {
    const over = this.#exit !== undefined;
    return (
      (offsets.stdout <= this.records[0].end || !(over || this.records[0].ended)) &&
      (offsets.stderr <= this.records[1].end || !(over || this.records[1].ended))
    );
  }

  /**
   * Gives init room, as far as the bytes are recorded and the followers that may slow the command took them. There is
   * nothing left to slow in one that has ended but has not delivered all: its end must not wait for a reader.
   */
  acknowledge(stream: 0 | 1): void {
    const delivering = this.#termination.isReported && this.#exit === undefined;
    this.#recorder.acknowledge(stream, delivering ? undefined : this.#followers.taken(stream));
  }

  /** Puts on disk what waits; called some milliseconds after `due`. True when another call is due. */
  flush(final = false): Promise<boolean> {
    const end =
      this.#exit === undefined
        ? undefined
        : {
            exit: this.#exit,
            started: this.#startTime,
            ended: this.#endTime ?? 0,
            terminal: this.#terminal,
          };
    return this.#recorder.flush(end, Date.now() - (this.#startTime ?? this.#createTime), final);
  }

  // ------------------------------------------------------------ its end

  #finish(exit: ExecExit): void {
    if (this.#exit !== undefined) return;
    this.#limits.end();
    this.#spawnFrame = undefined;
    this.#exit = exit;
    this.#endTime = Date.now();
    this.#state = exit.reason === 'LOST' ? 'LOST' : 'EXITED';
    this.stdin.close();
    if (exit.reason === 'LOST' || !this.#termination.isReported) {
      if (exit.reason !== 'START_FAILED') for (const record of this.records) record.finish();
    }
    this.#context.due(this);
    this.#context.changed(this);
    this.#followers.wake();
    for (const resolve of this.#waiters) resolve();
  }

  /** Stops the clocks, for a restart of the service. */
  suspend(): void {
    this.#limits.end();
    this.#followers.wake();
  }
}

/** A terminal's size when it is another than the one it began with. */
function changed(size: TerminalSize | undefined, first: TerminalSize | undefined): TerminalSize | undefined {
  return size?.rows === first?.rows && size?.columns === first?.columns ? undefined : size;
}
