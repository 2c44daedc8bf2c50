import type { EngineRouter } from './engine-router.js';
import { CodesetError } from './errors.js';
import { FairSlots } from './fair-slots.js';
import type { Log } from './ports/log.js';
import { VerificationLog } from './verification-log.js';
import type { VerificationRecords } from './verification-records.js';
import type { RunEnd, VerificationRunner } from './verification-runner.js';
import { sessionOfSubject, type Verification } from './verification.js';

/** One that waits or runs. */
interface Queued {
  /** Among whom places and room are shared. */
  readonly owner: string;
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

/**
 * Verifications that wait for a place, or for an engine that is away, and those that run. Places are shared fairly
 * among sessions, and so is room: nobody has more than what is left for all others.
 */
export class VerificationQueue {
  readonly #records: VerificationRecords;
  readonly #runner: VerificationRunner;
  readonly #engine: EngineRouter;
  readonly #log: Log;
  readonly #slots: FairSlots;
  readonly #most: number;
  readonly #queued = new Map<string, Queued>();
  readonly #reserved = new Set<{ readonly owner: string }>();

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
    this.#slots = new FairSlots(parts.limits.concurrent);
    this.#most = parts.limits.queued;
  }

  /**
   * Keeps room for one that is about to be added, until disposed.
   * @param owner the session's id, or the sample's where there is none
   * @throws VERIFICATION_LIMIT when there is no room for another, or the rest of it is for others.
   */
  reserve(owner: string): Disposable {
    const all = this.#queued.size + this.#reserved.size;
    const own = this.#heldBy(owner);
    const problem =
      all >= this.#most
        ? `${this.#most} verifications are waiting or running already; try again later.`
        : own > 0 && own >= this.#most - all
          ? `${own} verifications of ${owner} are waiting or running already, and the room that is left is for others; try again when some have ended.`
          : undefined;
    if (problem !== undefined) {
      throw new CodesetError('resource-exhausted', 'VERIFICATION_LIMIT', problem, { retryAfterMs: 10_000 });
    }
    const reservation = { owner };
    this.#reserved.add(reservation);
    return { [Symbol.dispose]: () => void this.#reserved.delete(reservation) };
  }

  #heldBy(owner: string): number {
    let count = 0;
    for (const one of this.#queued.values()) if (one.owner === owner) count++;
    for (const one of this.#reserved) if (one.owner === owner) count++;
    return count;
  }

  /** It is run when its turn comes. @param verification on record, PENDING or RUNNING */
  add(verification: Verification): void {
    const { verificationId, attempt } = verification;
    const log = new VerificationLog(attempt);
    const owner = ownerOf(verification);
    const queued: Queued = { owner, log, abort: new AbortController(), done: Promise.resolve() };
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

  /**
   * An engine that is away is no verdict: the run is made again when it is back, and takes nobody's place meanwhile.
   * Nor is a time-out on a crowded machine: that run is made once more, with no other verification beside it.
   */
  async #untilJudged(verificationId: string, queued: Queued): Promise<void> {
    const { owner, log, abort } = queued;
    const { signal } = abort;
    let alone = false;
    for (;;) {
      const run = (): Promise<RunEnd> => this.#runner.run(verificationId, log, { signal, alone });
      const end = await this.#slots.run(owner, run, { signal, alone });
      if (end === 'over') return;
      if (end === 'starved') {
        this.#log.warn('a verification starved on a crowded machine and is run again alone', {
          verificationId,
        });
        alone = true;
      } else {
        this.#log.warn('a verification waits for its engine', { verificationId, engine: end.away });
        await this.#engine.whenThere(end.away, signal);
      }
      if (signal.aborted) return;
      log.restart(await this.#records.again(await this.#records.get(verificationId)));
    }
  }

  /** What one that waits or runs prints, and when its state changes; undefined for any other. */
  log(verificationId: string): VerificationLog | undefined {
    return this.#queued.get(verificationId)?.log;
  }

  /** Whether it waits or runs, or its run is being cleared up. */
  has(verificationId: string): boolean {
    return this.#queued.has(verificationId);
  }

  /** Resolves when it neither waits nor runs (any more). */
  async over(verificationId: string): Promise<void> {
    await this.#queued.get(verificationId)?.done;
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

/** Whose it is where many wait: its session's, or its sample's where there is no session. */
function ownerOf({ subject, sampleId }: Verification): string {
  return sessionOfSubject(subject) ?? sampleId;
}
