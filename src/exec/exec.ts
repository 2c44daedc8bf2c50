import type { AttachOffsets, ExecExit, ExecInfo, ExecSpec, ExecState, SignalName } from '../core/exec.js';
import { exitOfFailedStart, exitOfReport } from './exit.js';
import type { Journal } from './journal.js';
import { SIGKILL, signalNumber } from './linux.js';
import type { OutputRecord } from './output-record.js';
import type { ExitReport, KnownExec, LinkTarget, SandboxLink } from './sandbox-link.js';
import { OUTPUT_WINDOW } from './spawn-frame.js';
import { StdinChannel } from './stdin-channel.js';

/** What the execs of one sandbox share. */
export interface ExecContext {
  readonly ownerId: string;
  readonly link: SandboxLink;
  readonly journal: Journal;
  /** Milliseconds that an exec without a holder goes on. */
  readonly leaseMs: number;
  /** `flush` of this exec is due soon. */
  due(exec: Exec): void;
  /** Whether the kernel killed something of this sandbox for want of memory since it was last asked. */
  outOfMemory(): Promise<boolean>;
  changed(exec: Exec): void;
}

/** Somebody who follows the output. */
export interface Follower {
  /** How far each stream was taken by the consumer. */
  readonly taken: [number, number];
  readonly holds: boolean;
  readonly slows: boolean;
  /** Something has changed. */
  wake(): void;
}

type StopReason = 'TIMEOUT' | 'CANCELLED' | 'SESSION_ENDED';

/** Output up to this size of both streams together goes into the journal instead of files. */
const INLINE_BYTES = 16 * 1024;
/** A command that runs longer than this gets its output written to files. */
const SHORT_MS = 50;
const KILL_WAIT_MS = 5000;
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** One command: its state, its record and its followers. */
export class Exec implements LinkTarget {
  readonly key: number;
  readonly spec: ExecSpec;
  readonly records: readonly [OutputRecord, OutputRecord];
  readonly stdin: StdinChannel;
  readonly #context: ExecContext;
  readonly #createTime: number;
  readonly #spawnFrame: Buffer | undefined;
  #startTime: number | undefined;
  #endTime: number | undefined;
  #state: ExecState = 'STARTING';
  #exit: ExecExit | undefined;
  #report: ExitReport | undefined;
  #ending = false;
  #stopReason: StopReason | undefined;
  #timeout: NodeJS.Timeout | undefined;
  #grace: NodeJS.Timeout | undefined;
  #lease: NodeJS.Timeout | undefined;
  readonly #followers = new Set<Follower>();
  #wasHeld = false;
  #adopted = false;
  #waiters: (() => void)[] = [];
  readonly #acked: [number, number] = [0, 0];
  readonly #endAcked: [boolean, boolean] = [false, false];
  /** Whether the exit is in the journal: no, on its way, yes. */
  #journaled: 'no' | 'writing' | 'yes' = 'no';

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
    this.stdin = new StdinChannel(context.link, key, spec.stdin);
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
    this.#armTimeout();
  }

  /** Whether init has it since an earlier life of the service. */
  get adopted(): boolean {
    return this.#adopted;
  }

  /** Takes up a command that runs on since an earlier life of the service. */
  adopt(known: KnownExec, held: boolean): void {
    this.#adopted = true;
    this.#context.link.register(this.key, this);
    this.#acked[0] = this.records[0].recorded;
    this.#acked[1] = this.records[1].recorded;
    this.stdin.adopt(known);
    this.#wasHeld = held;
    if (this.#exit !== undefined) return;
    this.#startTime ??= this.#createTime;
    if (known.started && this.#state === 'STARTING') this.#state = 'RUNNING';
    this.#armTimeout();
    if (held) this.#startLease();
  }

  /** An end that was recorded by an earlier life of the service. */
  restoreExit(exit: ExecExit, startTime: number | undefined, endTime: number | undefined): void {
    this.#exit = exit;
    this.#state = exit.reason === 'LOST' ? 'LOST' : 'EXITED';
    this.#startTime = startTime;
    this.#endTime = endTime;
    this.#journaled = 'yes';
    this.stdin.close();
  }

  // ------------------------------------------------------------ what init tells

  started(): void {
    if (this.#state !== 'STARTING') return;
    this.#state = 'RUNNING';
    this.#startTime ??= Date.now();
    this.#context.changed(this);
    this.#wakeFollowers();
  }

  startFailed(stage: number, errno: number): void {
    if (this.#exit !== undefined) {
      this.#acknowledgeExit();
      return;
    }
    this.#finish(exitOfFailedStart(this.spec, stage, errno));
  }

  output(stream: 0 | 1, offset: number, data: Buffer): void {
    if (!this.records[stream].append(offset, data)) return;
    this.#context.due(this);
    this.#wakeFollowers();
    if (this.#report !== undefined) this.#settle();
  }

  outputEnd(stream: 0 | 1): void {
    this.records[stream].finish();
    this.#endAcked[stream] = false;
    this.#context.due(this);
    this.acknowledge(stream);
  }

  exited(report: ExitReport): void {
    if (this.#exit !== undefined) {
      this.#acknowledgeExit();
      return;
    }
    this.started();
    this.#report = report;
    this.#settle();
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
    } else if (this.#exit !== undefined) {
      this.#context.link.unregister(this.key);
    } else if (this.#state === 'STARTING' && this.#spawnFrame !== undefined) {
      this.#context.link.spawn(this.key, this.#spawnFrame);
      this.stdin.restarted();
    } else {
      this.lost('The sandbox knows nothing of this command any more.');
    }
  }

  // ------------------------------------------------------------ ending it

  /** The sandbox is gone, or the session has ended before the exit was told. */
  lost(message: string): void {
    if (this.#exit !== undefined) return;
    const ended = this.#stopReason === 'SESSION_ENDED';
    this.#finish({
      reason: ended ? 'SESSION_ENDED' : 'LOST',
      code: undefined,
      signal: undefined,
      message: ended ? '' : message,
      cpuTimeUs: 0,
      peakMemoryBytes: 0,
    });
  }

  async signal(name: SignalName): Promise<boolean> {
    if (this.#exit !== undefined) return false;
    return (await this.#context.link.signal(this.key, signalNumber(name))) === 0;
  }

  /** Stop signal, grace, then SIGKILL to all that it started. The first reason stays. */
  stop(reason: StopReason): void {
    if (this.#exit !== undefined || this.#stopReason !== undefined) return;
    this.#stopReason = reason;
    const grace = this.spec.stopSignal === 'SIGKILL' ? 0 : this.spec.killGraceMs;
    if (grace === 0) {
      void this.#kill();
      return;
    }
    this.#context.link.signal(this.key, signalNumber(this.spec.stopSignal)).catch(() => undefined);
    this.#grace = setTimeout(() => void this.#kill(), grace);
  }

  /** Its end is on its way by other means (the whole sandbox was killed). */
  expectEnd(reason: StopReason): void {
    this.#stopReason ??= reason;
  }

  async wait(signal?: AbortSignal): Promise<ExecInfo> {
    if (this.#exit === undefined) {
      await new Promise<void>((resolve) => {
        this.#waiters.push(resolve);
        signal?.addEventListener('abort', () => resolve(), { once: true });
        if (signal?.aborted) resolve();
      });
      signal?.throwIfAborted();
    }
    return this.info();
  }

  // ------------------------------------------------------------ followers

  follow(follower: Follower): void {
    this.#followers.add(follower);
    if (!follower.holds) return;
    clearTimeout(this.#lease);
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
    if (follower.holds && ![...this.#followers].some((other) => other.holds)) this.#startLease();
  }

  /** Whether the stream can have a byte at that offset, now or later. */
  mayReach(offsets: AttachOffsets): boolean {
    const over = this.#exit !== undefined;
    return (
      (offsets.stdout <= this.records[0].end || !(over || this.records[0].ended)) &&
      (offsets.stderr <= this.records[1].end || !(over || this.records[1].ended))
    );
  }

  /** Gives init room, as far as the bytes are recorded and the followers that may slow the command took them. */
  acknowledge(stream: 0 | 1): void {
    const record = this.records[stream];
    const complete = record.ended && record.recorded === record.end;
    if (complete) {
      if (this.#endAcked[stream]) return;
      this.#endAcked[stream] = true;
      this.#acked[stream] = record.end;
      this.#context.link.ack(this.key, stream, record.end, true);
      this.#forgetWhenDone();
      return;
    }
    let upto = record.recorded;
    if (!record.ended) {
      // The fastest of them sets the pace: one that stalls slows no other.
      let fastest = -1;
      for (const follower of this.#followers) {
        if (follower.slows) fastest = Math.max(fastest, follower.taken[stream]);
      }
      if (fastest >= 0) upto = Math.min(upto, fastest);
    }
    if (upto - this.#acked[stream] < OUTPUT_WINDOW / 8) return;
    this.#acked[stream] = upto;
    this.#context.link.ack(this.key, stream, upto, false);
  }

  // ------------------------------------------------------------ the record

  /** Puts on disk what waits; called some milliseconds after `due`. True when another call is due. */
  async flush(final = false): Promise<boolean> {
    const young = Date.now() - (this.#startTime ?? this.#createTime) < SHORT_MS && !final;
    const [stdout, stderr] = this.records;
    const complete = stdout.ended && stderr.ended;
    if (this.#exit === undefined) {
      if (young) return true;
      await Promise.all([stdout.flush(), stderr.flush()]);
      return stdout.recorded < stdout.end || stderr.recorded < stderr.end;
    }
    if (this.#journaled === 'yes') {
      await Promise.all([stdout.flush(), stderr.flush()]);
      this.#acknowledgeEnds();
      if (complete) await this.#release();
      return stdout.recorded < stdout.end || stderr.recorded < stderr.end;
    }
    if (this.#journaled === 'writing') return false;
    if (!complete && young && this.#exit.reason !== 'LOST') return true;
    const inline = complete ? this.#inline() : undefined;
    if (inline === undefined) {
      await Promise.all([stdout.flush(), stderr.flush()]);
      if (stdout.recorded < stdout.end || stderr.recorded < stderr.end) return true;
      if (this.#journaled !== 'no') return false;
    }
    this.#journaled = 'writing';
    this.#context.journal.append(
      {
        t: 'exit',
        key: this.key,
        exit: this.#exit,
        started: this.#startTime ?? 0,
        ended: this.#endTime ?? 0,
        totals: [stdout.end, stderr.end],
        ...(inline === undefined
          ? {}
          : { output: [inline[0].toString('base64'), inline[1].toString('base64')] as const }),
      },
      () => {
        this.#journaled = 'yes';
        if (inline !== undefined) for (const record of this.records) record.recordedElsewhere();
        this.#acknowledgeEnds();
        this.#acknowledgeExit();
        if (inline === undefined) void this.#release();
      },
    );
    return false;
  }

  #inline(): readonly [Buffer, Buffer] | undefined {
    const stdout = this.records[0].short(INLINE_BYTES);
    const stderr = this.records[1].short(INLINE_BYTES - (stdout?.length ?? 0));
    return stdout === undefined || stderr === undefined ? undefined : [stdout, stderr];
  }

  #acknowledgeEnds(): void {
    this.acknowledge(0);
    this.acknowledge(1);
  }

  #acknowledgeExit(): void {
    if (this.#journaled !== 'yes') return;
    this.#context.link.ackExit(this.key);
    this.#forgetWhenDone();
  }

  /** Init forgets the exec by the same rule; should it not have got the last word, it asks on the next link. */
  #forgetWhenDone(): void {
    if (this.#journaled === 'yes' && this.#endAcked[0] && this.#endAcked[1]) {
      this.#context.link.unregister(this.key);
    }
  }

  async #release(): Promise<void> {
    await Promise.all(this.records.map((record) => record.release()));
  }

  // ------------------------------------------------------------ its end

  #armTimeout(): void {
    if (this.spec.timeoutMs <= 0) return;
    const left = this.#createTime + this.spec.timeoutMs - Date.now();
    this.#timeout = setTimeout(() => this.stop('TIMEOUT'), Math.min(Math.max(0, left), LONGEST_TIMER_MS));
  }

  #startLease(): void {
    if (this.spec.detach || this.#exit !== undefined) return;
    clearTimeout(this.#lease);
    this.#lease = setTimeout(() => this.stop('CANCELLED'), this.#context.leaseMs);
  }

  /** SIGKILL for all of it, but not for ever. */
  async #kill(): Promise<void> {
    clearTimeout(this.#grace);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, KILL_WAIT_MS)));
    const done = this.#context.link.killTree(this.key, this.spec.execId, SIGKILL).catch(() => undefined);
    await Promise.race([done, late]);
    clearTimeout(timer);
  }

  /** The exit is told; it is over when the output from before it is here too. */
  #settle(): void {
    const report = this.#report;
    if (report === undefined || this.#ending) return;
    if (this.records[0].end < report.outputEnds[0] || this.records[1].end < report.outputEnds[1]) return;
    this.#ending = true;
    const killed = report.signal === SIGKILL || report.code === 128 + SIGKILL;
    if (this.#stopReason !== undefined || killed) void this.#endSlowly(report, killed);
    else this.#finish(exitOfReport(report, undefined));
  }

  async #endSlowly(report: ExitReport, killed: boolean): Promise<void> {
    if (this.#stopReason === 'SESSION_ENDED') {
      this.#finish(exitOfReport(report, this.#stopReason));
    } else if (this.#stopReason !== undefined) {
      // What it started must be gone when its end is told.
      await this.#kill();
      this.#finish(exitOfReport(report, this.#stopReason));
    } else if (killed) {
      const outOfMemory = await this.#context.outOfMemory().catch(() => false);
      this.#finish(exitOfReport(report, outOfMemory ? 'OUT_OF_MEMORY' : undefined));
    }
  }

  #finish(exit: ExecExit): void {
    if (this.#exit !== undefined) return;
    clearTimeout(this.#timeout);
    clearTimeout(this.#grace);
    clearTimeout(this.#lease);
    this.#exit = exit;
    this.#endTime = Date.now();
    this.#state = exit.reason === 'LOST' ? 'LOST' : 'EXITED';
    this.stdin.close();
    if (exit.reason === 'LOST' || this.#report === undefined) {
      if (exit.reason !== 'START_FAILED') for (const record of this.records) record.finish();
    }
    this.#context.due(this);
    this.#context.changed(this);
    this.#wakeFollowers();
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const resolve of waiters) resolve();
  }

  /** Stops the clocks, for a restart of the service. */
  suspend(): void {
    clearTimeout(this.#timeout);
    clearTimeout(this.#grace);
    clearTimeout(this.#lease);
    this.#wakeFollowers();
  }

  #wakeFollowers(): void {
    for (const follower of this.#followers) follower.wake();
  }
}
