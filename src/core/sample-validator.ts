import { newId } from './ids.js';
import { judgedWhileWanted } from './judged-while-wanted.js';
import type { Log } from './ports/log.js';
import type { Storage } from './ports/storage.js';
import type { ProgressFeed } from './progress-feed.js';
import { ReferenceUnusable, type ReferenceSolution, type ReferenceSubject } from './reference-solution.js';
import type { SampleCatalog } from './sample-catalog.js';
import type { SampleVersion } from './sample.js';
import { readySample } from './ready-sample.js';
import { sideBySide } from './side-by-side.js';
import { findings } from './validation-findings.js';
import {
  runRequestId,
  type ValidationEvent,
  type ValidationRequest,
  type ValidationRun,
} from './validation-run.js';
import type { Validation, ValidationSubject } from './validation.js';
import type { VerificationManager } from './verification-manager.js';
import { ToldCalls } from './told-calls.js';

/** One verification that is to be made. */
interface Planned {
  readonly subject: ValidationSubject;
  readonly run: number;
  readonly make: (signal: AbortSignal) => Promise<ReferenceSubject>;
}

/** What makes something to judge of the reference solution, that there is none, or why it can't be had. */
interface Reference {
  readonly make?: Planned['make'] | undefined;
  readonly unusable?: string;
}

/** Finds out whether samples can be trusted, by verifications of the untouched codebase and the reference solution. */
export class SampleValidator {
  readonly #storage: Storage;
  readonly #catalog: SampleCatalog;
  readonly #verifications: VerificationManager;
  readonly #reference: ReferenceSolution;
  readonly #maxConcurrency: number;
  readonly #log: Log;
  readonly #now: () => number;
  readonly #calls = new ToldCalls();

  constructor(parts: {
    storage: Storage;
    catalog: SampleCatalog;
    verifications: VerificationManager;
    reference: ReferenceSolution;
    /** Verifications that the service runs at once. */
    maxConcurrency: number;
    log: Log;
    now: () => number;
  }) {
    this.#storage = parts.storage;
    this.#catalog = parts.catalog;
    this.#verifications = parts.verifications;
    this.#reference = parts.reference;
    this.#maxConcurrency = parts.maxConcurrency;
    this.#log = parts.log;
    this.#now = parts.now;
  }

  /**
   * Each verification as it ends, then what was found, which the version keeps. Nothing goes on once the reader has
   * left: what was started is CANCELLED.
   * @throws SAMPLE_NOT_FOUND, SAMPLE_VERSION_NOT_FOUND, SAMPLE_NOT_READY, VERIFICATION_LIMIT
   */
  async *validate(request: ValidationRequest, signal: AbortSignal): AsyncGenerator<ValidationEvent, void> {
    yield* this.#calls.call((events, end) => this.#validate(request, events, end), signal);
  }

  /** Ends every validation, for a stop of the service. */
  stop(): Promise<void> {
    return this.#calls.stop();
  }

  async #validate(
    request: ValidationRequest,
    events: ProgressFeed<ValidationEvent>,
    signal: AbortSignal,
  ): Promise<void> {
    const sample = await readySample(this.#catalog, request.sample, signal);
    const name = { sampleId: sample.sampleId, version: sample.version };
    const asked = { runs: request.runs, concurrency: Math.min(request.concurrency, this.#maxConcurrency) };
    const { only } = request;
    const reference: Reference = only === 'UNTOUCHED' ? {} : await this.#solution(sample, signal);
    let { unusable } = reference;
    const untouched = { kind: 'patch', sample: name, diff: new Uint8Array() } as const;
    const makeUntouched = (): Promise<ReferenceSubject> =>
      Promise.resolve({ asked: untouched, [Symbol.dispose]: () => undefined });
    const left: Planned[] = [];
    for (let run = 1; run <= asked.runs; run++) {
      if (only !== 'REFERENCE') left.push({ subject: 'UNTOUCHED', run, make: makeUntouched });
      if (reference.make !== undefined) left.push({ subject: 'REFERENCE', run, make: reference.make });
    }
    const runs: ValidationRun[] = [];
    const validationId = newId('req', this.#now());
    await sideBySide(left, asked.concurrency, signal, async ({ subject, run, make }, either) => {
      if (subject === 'REFERENCE' && unusable !== undefined) return;
      using made = await make(either).catch((error: unknown) => {
        if (!(error instanceof ReferenceUnusable)) throw error;
        unusable = error.message;
        return undefined;
      });
      if (made === undefined) return;
      const request = {
        requestId: runRequestId(validationId, subject, run),
        subject: made.asked,
        scope: undefined,
      } as const;
      const parts = { verifications: this.#verifications, log: this.#log };
      const verification = await judgedWhileWanted(parts, 'validation', request, either);
      runs.push({ subject, run, verification });
      events.push({ ...name, type: 'run', subject, run, verification });
    });
    const endTime = new Date(this.#now());
    const validation = findings({ sample, runs, unusable, asked, only, endTime });
    if (only === undefined) await this.#keep(name, validation);
    events.push({ ...name, type: 'validation', validation });
  }

  async #solution(sample: SampleVersion, signal: AbortSignal): Promise<Reference> {
    try {
      return { make: await this.#reference.subjects(sample, signal) };
    } catch (error) {
      if (!(error instanceof ReferenceUnusable)) throw error;
      return { unusable: error.message };
    }
  }

  /** What says nothing of the sample takes no verdict's place. */
  async #keep(name: { sampleId: string; version: number }, validation: Validation): Promise<void> {
    const { sampleId, version } = name;
    if (validation.verdict === 'INCONCLUSIVE') {
      const before = (await this.#catalog.get(name)).validation;
      if (before !== undefined && before.verdict !== 'INCONCLUSIVE') return;
    }
    await this.#storage.samples.update(sampleId, version, { validation });
    this.#log.info('sample validated', { sampleId, version, verdict: validation.verdict });
  }
}
