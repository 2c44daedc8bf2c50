import type { ExecSpec } from '../core/exec.js';
import { ExecClocks } from './exec-clocks.js';

/** Why an exec is being ended by the service. */
export type StopReason = 'TIMEOUT' | 'IDLE_TIMEOUT' | 'OUTPUT_LIMIT' | 'CANCELLED' | 'SESSION_ENDED';

/** What a spec allows its command in time and output, and what ends it when that is used up. */
export class ExecLimits {
  readonly #spec: ExecSpec;
  readonly #leaseMs: number;
  readonly #stop: (reason: StopReason) => void;
  readonly #clocks = new ExecClocks();
  #active = 0;

  /** @param leaseMs for a spec that has none of its own. */
  constructor(spec: ExecSpec, leaseMs: number, stop: (reason: StopReason) => void) {
    this.#spec = spec;
    this.#leaseMs = spec.leaseMs ?? leaseMs;
    this.#stop = stop;
  }

  /** @param createTime milliseconds; also of a command that runs since an earlier life of the service. */
  begin(createTime: number): void {
    const { timeoutMs, idleTimeoutMs } = this.#spec;
    if (timeoutMs > 0) {
      this.#clocks.start('timeout', createTime + timeoutMs - Date.now(), () => this.#stop('TIMEOUT'));
    }
    if (idleTimeoutMs <= 0) return;
    this.active();
    this.#watchIdle(idleTimeoutMs);
  }

  /** A byte came or went. */
  active(): void {
    if (this.#spec.idleTimeoutMs > 0) this.#active = performance.now();
  }

  /** @param total of both outputs. */
  wrote(total: number): void {
    this.active();
    if (this.#spec.maxOutputBytes > 0 && total > this.#spec.maxOutputBytes) this.#stop('OUTPUT_LIMIT');
  }

  /** Nobody holds the command any more. */
  startLease(): void {
    if (!this.#spec.detach) this.#clocks.start('lease', this.#leaseMs, () => this.#stop('CANCELLED'));
  }

  stopLease(): void {
    this.#clocks.stop('lease');
  }

  startGrace(ms: number, over: () => void): void {
    this.#clocks.start('grace', ms, over);
  }

  stopGrace(): void {
    this.#clocks.stop('grace');
  }

  end(): void {
    this.#clocks.stopAll();
  }

  /** Set once per period, not once per byte. */
  #watchIdle(inMs: number): void {
    this.#clocks.start('idle', inMs, () => {
      const left = this.#active + this.#spec.idleTimeoutMs - performance.now();
      if (left <= 0) this.#stop('IDLE_TIMEOUT');
      else this.#watchIdle(left);
    });
  }
}
