import { Closings } from './closings.js';
import { isUnavailable } from './engine-slot.js';
import { CodesetError } from './errors.js';
import type { KeptBlobs } from './kept-blobs.js';
import { keepLog } from './kept-log.js';
import { starved } from './pressure.js';
import type { Log } from './ports/log.js';
import type { SampleCatalog } from './sample-catalog.js';
import type { SampleVersion } from './sample.js';
import type { SubjectKeeper } from './subject-keeper.js';
import { TreeUnusable } from './trees.js';
import type { VerdictAgreement } from './verdict-agreement.js';
import type { Judgement, VerificationJudge } from './verification-judge.js';
import type { VerificationLog } from './verification-log.js';
import type { Provenance } from './provenance.js';
import type { VerificationRecords } from './verification-records.js';
import { verificationEnded, type Verification } from './verification.js';
import { SandboxSpent } from './work-sandbox.js';

/** Runs of one verification before the service gives up on its own faults. */
const MAX_ATTEMPTS = 3;

/** How a run ended: with its verdict or cancelled; for want of CPU; or for an engine that went away, by name. */
export type RunEnd = 'over' | 'starved' | { readonly away: string };

/** Takes a verification whose turn has come to its verdict: runs it, again where the service was at fault, and records. */
export class VerificationRunner {
  readonly #records: VerificationRecords;
  readonly #blobs: KeptBlobs;
  readonly #catalog: SampleCatalog;
  readonly #judge: VerificationJudge;
  readonly #subjects: SubjectKeeper;
  readonly #agreement: VerdictAgreement;
  readonly #provenance: Provenance;
  readonly #log: Log;
  readonly #now: () => number;

  constructor(parts: {
    records: VerificationRecords;
    blobs: KeptBlobs;
    catalog: SampleCatalog;
    judge: VerificationJudge;
    subjects: SubjectKeeper;
    agreement: VerdictAgreement;
    provenance: Provenance;
    log: Log;
    now: () => number;
  }) {
    this.#records = parts.records;
    this.#blobs = parts.blobs;
    this.#catalog = parts.catalog;
    this.#judge = parts.judge;
    this.#subjects = parts.subjects;
    this.#agreement = parts.agreement;
    this.#provenance = parts.provenance;
    this.#log = parts.log;
    this.#now = parts.now;
  }

  /**
   * @param log what the script prints goes there, and a word at each change of state.
   * @param turn whose signal is aborted: cancelled, or the service stops, and the run ends without a verdict. One
   *   that is `alone` has its verdict, however crowded the machine.
   */
  async run(
    verificationId: string,
    log: VerificationLog,
    { signal, alone }: { readonly signal: AbortSignal; readonly alone: boolean },
  ): Promise<RunEnd> {
    const started = await this.#records.move(verificationId, 'RUNNING', { startTime: new Date(this.#now()) });
    // Cancelled while it waited, or RUNNING already: a re-run after a restart.
    let verification = started ?? (await this.#records.get(verificationId));
    if (verificationEnded(verification.state)) return 'over';
    log.state();
    await using closings = new Closings();
    const sample = await this.#catalog.get({
      sampleId: verification.sampleId,
      version: verification.sampleVersion,
    });
    const last = verification.attempt + MAX_ATTEMPTS - 1;
    let judgement = await this.#attempt(verification, sample, log, closings, signal);
    while (
      !isUnavailable(judgement) &&
      judgement.retryable &&
      judgement.state === 'ERROR' &&
      verification.attempt < last &&
      !signal.aborted
    ) {
      const attempt = await this.#records.again(verification);
      this.#log.warn('a verification is run again', { verificationId, attempt, message: judgement.message });
      verification = { ...verification, attempt };
      log.restart(attempt);
      // Two runs of one verification make the same layer.
      await closings[Symbol.asyncDispose]();
      judgement = await this.#attempt(verification, sample, log, closings, signal);
    }
    if (signal.aborted) return 'over';
    if (isUnavailable(judgement)) return { away: judgement.metadata['engine'] ?? verification.engine };
    const { state, pressure } = judgement;
    if (
      state === 'TIMED_OUT' &&
      !alone &&
      pressure !== undefined &&
      starved(pressure, verification.resources)
    )
      return 'starved';
    await this.#finish(verificationId, judgement, log, closings);
    return 'over';
  }

  /** @returns why there is no judgement when the engine went away. */
  async #attempt(
    verification: Verification,
    sample: SampleVersion,
    log: VerificationLog,
    closings: Closings,
    signal: AbortSignal,
  ): Promise<Judgement | CodesetError> {
    try {
      return await this.#judge.judge(verification, sample, log, closings, signal);
    } catch (error) {
      if (error instanceof TreeUnusable) {
        return { state: 'FAILED', fault: 'SUBJECT', retryable: false, message: error.message };
      }
      if (error instanceof SandboxSpent) {
        const message = `The verification's sandbox was ended. ${error.message}`;
        return { state: 'FAILED', fault: 'SUBJECT', retryable: false, message };
      }
      if (isUnavailable(error)) return error;
      // Stopped or cancelled: nobody reads this judgement.
      if (signal.aborted) return { state: 'ERROR', fault: 'SERVICE', retryable: true, message: 'Stopped.' };
      this.#log.error('a verification failed to run', { verificationId: verification.verificationId, error });
      const known = error instanceof CodesetError;
      return {
        state: 'ERROR',
        fault: 'SERVICE',
        retryable: true,
        message: known ? error.message : 'The service failed to run this verification; its log says why.',
      };
    }
  }

  async #finish(
    verificationId: string,
    judgement: Judgement,
    log: VerificationLog,
    closings: Closings,
  ): Promise<void> {
    using kept = await keepLog(this.#blobs, log, (error) =>
      this.#log.error('the log of a verification could not be kept', { verificationId, error }),
    );
    const { state, ...rest } = judgement;
    const before = await this.#records.get(verificationId);
    const ended = await this.#records.move(verificationId, state, {
      ...rest,
      ...kept.record,
      // It may have waited for another service than the one that took it on.
      ...this.#provenance(before.engine, before.runtime),
      endTime: new Date(this.#now()),
    });
    // Whoever waits for the verdict does not wait for what follows it.
    log.state();
    if (ended !== undefined) await this.#agreement.look(ended);
    await closings[Symbol.asyncDispose]();
    await this.#subjects.letGo(before);
  }
}
