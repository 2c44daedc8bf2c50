import type { EngineRouter } from './engine-router.js';
import { CodesetError } from './errors.js';
import { Slots } from './keyed.js';
import type { Log } from './ports/log.js';
import { VerificationLog } from './verification-log.js';
import type { VerificationRecords } from './verification-records.js';
import type { VerificationRunner } from './verification-runner.js';
import type { Verification } from './verification.js';

/** One that waits or runs. */
interface Queued {
  readonly log: VerificationLog;
  readonly abort: AbortController;
  /** Once aborted, it waits for nobody else. */
  done: Promise<void>;
}

export interface QueueLimits {
  /** That run at one time. */
  readonly concurrent: number;
  /** That wait or run. */
  readonly queued: number;
}

/** Verifications that wait for a place, or for an engine that is away, and those that run. */
export class VerificationQueue {
  readonly #records: VerificationRecords;
  readonly #runner: VerificationRunner;
  readonly #engine: EngineRouter;
  readonly #log: Log;
  readonly #slots: Slots;
  readonly #most: number;
  readonly #queued = new Map<string, Queued>();

  constructor(parts: {
    records: VerificationRecords;
    runner: VerificationRunner;
    engine: EngineRouter;
    limits: QueueLimits;
    log: Log;
  }) {
    this.#records = parts.records;
    this.#runner = parts.runner;
    this.#engine = parts.engine;
    this.#log = parts.log;
    this.#slots = new Slots(parts.limits.concurrent);
    this.#most = parts.limits.queued;
  }

  /** @throws VERIFICATION_LIMIT when there is no room for another. */
  requireRoom(): void {
    if (this.#queued.size < this.#most) return;
    throw new CodesetError(
      'resource-exhausted',
      'VERIFICATION_LIMIT',
      `${this.#most} verifications are waiting or running already; try again later.`,
      { retryAfterMs: 10_000 },
    );
  }

  /** It is run when its turn comes. @param verification on record, PENDING or RUNNING */
  add({ verificationId, attempt }: Verification): void {
    const log = new VerificationLog(attempt);
    const queued: Queued = { log, abort: new AbortController(), done: Promise.resolve() };
    this.#queued.set(verificationId, queued);
    queued.done = this.#untilJudged(verificationId, queued)
      .catch((error: unknown) => {
        // Cancelled or stopped while it waited for its place.
        if (error === queued.abort.signal.reason) return;
        this.#log.error('a verification could not be recorded', { verificationId, error });
      })
      .finally(() => {
        log.end();
        this.#queued.delete(verificationId);
      });
  }

  /** An engine that is away is no verdict: the run is made again when it is back, and takes nobody's place meanwhile. */
  async #untilJudged(verificationId: string, queued: Queued): Promise<void> {
    const { log, abort } = queued;
    for (;;) {
      const run = (): Promise<string | undefined> => this.#runner.run(verificationId, log, abort.signal);
      const away = await this.#slots.run(run, abort.signal);
      if (away === undefined) return;
      this.#log.warn('a verification waits for its engine', { verificationId, engine: away });
      await this.#engine.whenThere(away, abort.signal);
      if (abort.signal.aborted) return;
      log.restart(await this.#records.again(await this.#records.get(verificationId)));
    }
  }

  /** What one that waits or runs prints, and when its state changes; undefined for any other. */
  log(verificationId: string): VerificationLog | undefined {
    return this.#queued.get(verificationId)?.log;
  }

  /** Ends one whose end is on record already. Resolves when nothing of it runs, and its room is another's. */
  async cancel(verificationId: string): Promise<void> {
    const queued = this.#queued.get(verificationId);
    if (queued === undefined) return;
    queued.abort.abort();
    queued.log.state();
    await queued.done;
  }

  /** Ends all without a verdict: the next start of the service runs them again. */
  async stop(): Promise<void> {
    const all = [...this.#queued.values()];
    for (const { abort } of all) abort.abort();
    await Promise.all(all.map(({ done }) => done));
  }
}
