import type { ExecCall } from '../client/exec-call.js';
import type { CliIo, CliSignal } from './context.js';

const TO_LEAVE = 3;
/** How long a command that was killed has to be gone, in milliseconds, before this program is. */
const LAST_WAIT_MS = 1000;

const STATUSES: Readonly<Record<Exclude<CliSignal, 'SIGCONT'>, number>> = {
  SIGHUP: 129,
  SIGINT: 130,
  SIGTERM: 143,
};

/**
 * Signals to this program are the command's: it decides what they mean. A third one kills it, and ends this program
 * whatever becomes of it: a command that does not listen must not hold the person. While nothing runs yet, or the
 * connection is broken, a second one leaves.
 */
export class ExecSignals implements Disposable {
  readonly #call: ExecCall;
  readonly #release: () => void;
  #count = 0;
  #connected = false;
  #status: number | undefined;
  #timer: NodeJS.Timeout | undefined;

  /** @param onContinue called when this program goes on after it was stopped. */
  constructor(io: CliIo, call: ExecCall, onContinue: () => void) {
    this.#call = call;
    this.#release = io.onSignal((signal) => (signal === 'SIGCONT' ? onContinue() : this.#take(signal)));
  }

  /** The exit status when this program leaves the command; undefined while it does not. */
  get status(): number | undefined {
    return this.#status;
  }

  get connected(): boolean {
    return this.#connected;
  }

  /** Whether the command can be reached. */
  set connected(connected: boolean) {
    this.#connected = connected;
  }

  /** Asks the command to end as when its terminal is gone, and leaves it whatever it does. */
  hangUp(): void {
    this.#take('SIGHUP');
  }

  /** Leaves the command as at a signal. */
  leave(signal: keyof typeof STATUSES): void {
    this.#status ??= STATUSES[signal];
    this.#call.cancel();
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#release();
  }

  #take(signal: keyof typeof STATUSES): void {
    this.#count++;
    if (this.#count > TO_LEAVE || (this.#count > 1 && !this.#connected)) return this.leave(signal);
    const last = this.#count === TO_LEAVE || signal === 'SIGHUP';
    // It may have ended just now: its status is on the way.
    this.#call.signal(this.#count === TO_LEAVE ? 'SIGKILL' : signal).catch(() => undefined);
    if (!last) return;
    this.#timer ??= setTimeout(() => this.leave(signal), LAST_WAIT_MS);
  }
}
