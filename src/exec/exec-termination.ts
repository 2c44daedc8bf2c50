import type { ExecExit, ExecSpec } from '../core/exec.js';
import type { ExecLimits, StopReason } from './exec-limits.js';
import { exitOfLost, exitOfReport } from './exit.js';
import { SIGKILL, signalNumber } from './linux.js';
import type { ExitReport } from './link-target.js';
import type { OutputRecord } from './output-record.js';
import type { SandboxLink } from './sandbox-link.js';

/** How long what was killed may take to be gone. */
const KILL_WAIT_MS = 5000;
/**
 * When a hang-up is sent once more. A terminal that hung up stays so; a signal may come when a shell at its prompt has
 * just looked for one and begins to read, and is then forgotten until the next key.
 */
const HANG_UP_AGAIN_MS = 1000;

export interface ExecTerminationParts {
  readonly link: SandboxLink;
  readonly key: number;
  readonly spec: ExecSpec;
  readonly records: readonly [OutputRecord, OutputRecord];
  readonly limits: ExecLimits;
  /** Whether the kernel killed something of the sandbox for want of memory since it was last asked. */
  readonly outOfMemory: () => Promise<boolean>;
  /** Called with the exit once the output from before it is here and, where we ended it, all that it started is gone. */
  readonly finish: (exit: ExecExit) => void;
}

/** How a command that has no exit yet comes to one: ended by us, told of by init, or lost with its sandbox. */
export class ExecTermination {
  readonly #parts: ExecTerminationParts;
  #report: ExitReport | undefined;
  #shellReset = false;
  #ending = false;
  #reason: StopReason | undefined;
  #hangUpAgain: NodeJS.Timeout | undefined;

  constructor(parts: ExecTerminationParts) {
    this.#parts = parts;
  }

  /** Init has told how it ended. */
  get isReported(): boolean {
    return this.#report !== undefined;
  }

  /**
   * Stop signal, grace, then SIGKILL to all that it started. The first reason stays. What writes too much could
   * write on during its grace, so it gets none.
   */
  stop(reason: StopReason): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    const { key, limits, link, spec } = this.#parts;
    const atOnce = reason === 'OUTPUT_LIMIT' || spec.stopSignal === 'SIGKILL';
    const grace = atOnce ? 0 : spec.killGraceMs;
    if (grace === 0) {
      void this.#kill();
      return;
    }
    const signal = (): void => void link.signal(key, signalNumber(spec.stopSignal)).catch(() => undefined);
    signal();
    if (spec.tty !== undefined && spec.stopSignal === 'SIGHUP' && grace > HANG_UP_AGAIN_MS)
      this.#hangUpAgain = setTimeout(signal, HANG_UP_AGAIN_MS).unref();
    limits.startGrace(grace, () => void this.#kill());
  }

  /** Its end is on its way by other means (the whole sandbox was killed). */
  expect(reason: StopReason): void {
    this.#reason ??= reason;
  }

  /** Init tells how it ended; `settle` follows. @param shellReset whether what its shell remembered is lost */
  reported(report: ExitReport, shellReset: boolean): void {
    clearTimeout(this.#hangUpAgain);
    this.#report = report;
    this.#shellReset = shellReset;
  }

  /** It is over once the end is told and the output from before it is here. Called whenever one of them came. */
  settle(): void {
    const report = this.#report;
    if (report === undefined || this.#ending) return;
    const { finish, records } = this.#parts;
    if (records[0].end < report.outputEnds[0] || records[1].end < report.outputEnds[1]) return;
    this.#ending = true;
    const killed = report.signal === SIGKILL || report.code === 128 + SIGKILL;
    if (this.#reason !== undefined || killed) void this.#settleSlowly(report);
    else finish(exitOfReport(report, undefined, this.#shellReset));
  }

  async #settleSlowly(report: ExitReport): Promise<void> {
    const { finish, outOfMemory } = this.#parts;
    if (this.#reason === undefined) {
      const isMemory = await outOfMemory().catch(() => false);
      finish(exitOfReport(report, isMemory ? 'OUT_OF_MEMORY' : undefined, this.#shellReset));
      return;
    }
    // What it started must be gone when its end is told.
    if (this.#reason !== 'SESSION_ENDED') await this.#kill();
    finish(exitOfReport(report, this.#reason, this.#shellReset));
  }

  /** The sandbox is gone, or the session has ended before the exit was told. */
  lost(message: string): void {
    clearTimeout(this.#hangUpAgain);
    const { finish, spec } = this.#parts;
    const exit = exitOfLost(message, spec.shellName !== '');
    finish(this.#reason === 'SESSION_ENDED' ? { ...exit, reason: 'SESSION_ENDED', message: '' } : exit);
  }

  /** SIGKILL for all of it, but not for ever. */
  async #kill(): Promise<void> {
    const { key, limits, link, spec } = this.#parts;
    clearTimeout(this.#hangUpAgain);
    limits.stopGrace();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, KILL_WAIT_MS)));
    const done = link.killTree(key, spec.execId, SIGKILL).catch(() => undefined);
    await Promise.race([done, late]);
    clearTimeout(timer);
  }
}
