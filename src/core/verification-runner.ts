import { Readable } from 'node:stream';
import { digestOf } from './digest.js';
import { idAt } from './engine-ids.js';
import type { EngineRouter } from './engine-router.js';
import { isUnavailable } from './engine-slot.js';
import { CodesetError, failedPrecondition, notFound } from './errors.js';
import { newId } from './ids.js';
import { Slots, Turns } from './keyed.js';
import type { LayerKeeper } from './layer-keeper.js';
import type { BlobStore } from './ports/blobs.js';
import type { Log } from './ports/log.js';
import type { Page, PageRequest, Storage } from './ports/storage.js';
import { checkSameRequest } from './request-id.js';
import type { SampleCatalog, SampleName } from './sample-catalog.js';
import type { SampleVersion, VerificationScope } from './sample.js';
import type { SessionManager } from './session-manager.js';
import type { SessionSandboxes } from './session-sandboxes.js';
import type { Session } from './session.js';
import { TreeUnusable } from './trees.js';
import { judgedLayer, type Judgement, type VerificationJudge } from './verification-judge.js';
import { SandboxSpent } from './work-sandbox.js';
import { VerificationLog } from './verification-log.js';
import type { KeptSubject, Subject, Verification, VerificationFilter } from './verification.js';
import { verificationEnded, verificationMayBecome } from './verification.js';

export interface VerificationRequest {
  readonly requestId: string | undefined;
  readonly subject:
    | { readonly kind: 'session'; readonly sessionId: string }
    | { readonly kind: 'patch'; readonly sample: SampleName; readonly diff: Uint8Array };
  /** Undefined: the sample's own. */
  readonly scope: VerificationScope | undefined;
}

export type VerificationEvent =
  | { readonly type: 'verification'; readonly verification: Verification }
  | { readonly type: 'log'; readonly attempt: number; readonly offset: number; readonly data: Uint8Array };

const MAX_PATCH_BYTES = 64 * 1024 * 1024;
/** Runs of one verification before the service gives up on its own faults. */
const MAX_ATTEMPTS = 3;

interface Running {
  readonly log: VerificationLog;
  readonly abort: AbortController;
  done: Promise<void>;
  /** It has its place: `done` does not wait for others any more. */
  begun: boolean;
}

/** Verifications from their start to their verdict. */
export class VerificationRunner {
  readonly #storage: Storage;
  readonly #blobs: BlobStore;
  readonly #engine: EngineRouter;
  readonly #catalog: SampleCatalog;
  readonly #sessions: SessionManager;
  readonly #sandboxes: SessionSandboxes;
  readonly #judge: VerificationJudge;
  readonly #keeper: LayerKeeper;
  readonly #log: Log;
  readonly #now: () => number;
  readonly #running = new Map<string, Running>();
  readonly #turns = new Turns();
  readonly #slots: Slots;
  readonly #maxQueued: number;

  constructor(parts: {
    storage: Storage;
    blobs: BlobStore;
    engine: EngineRouter;
    catalog: SampleCatalog;
    sessions: SessionManager;
    sandboxes: SessionSandboxes;
    judge: VerificationJudge;
    keeper: LayerKeeper;
    limits: { readonly concurrent: number; readonly queued: number };
    log: Log;
    now: () => number;
  }) {
    this.#storage = parts.storage;
    this.#blobs = parts.blobs;
    this.#engine = parts.engine;
    this.#catalog = parts.catalog;
    this.#sessions = parts.sessions;
    this.#sandboxes = parts.sandboxes;
    this.#judge = parts.judge;
    this.#keeper = parts.keeper;
    this.#slots = new Slots(parts.limits.concurrent);
    this.#maxQueued = parts.limits.queued;
    this.#log = parts.log;
    this.#now = parts.now;
  }

  /** Copies and keeps the subject as it is now, records the verification and queues it. */
  start(request: VerificationRequest): Promise<Verification> {
    return this.#turns.run(`request:${request.requestId ?? newId('req')}`, () => this.#start(request));
  }

  async #start(request: VerificationRequest): Promise<Verification> {
    const requestDigest = digestOf({
      scope: request.scope,
      subject:
        request.subject.kind === 'session'
          ? request.subject
          : { ...request.subject, diff: Buffer.from(request.subject.diff).toString('base64') },
    });
    if (request.requestId !== undefined) {
      const known = await this.#storage.verifications.findByRequestId(request.requestId);
      if (known !== undefined) {
        checkSameRequest(known, requestDigest, request.requestId, 'verification');
        return known;
      }
    }
    if (this.#running.size >= this.#maxQueued) {
      throw new CodesetError(
        'resource-exhausted',
        'VERIFICATION_LIMIT',
        `${this.#maxQueued} verifications are waiting or running already; try again later.`,
        { retryAfterMs: 10_000 },
      );
    }
    const verificationId = newId('ver', this.#now());
    const { sample, subject, kept, hold } = await this.#keep(request, verificationId);
    using _ = hold;
    const engine = sample.ground?.engine ?? '';
    const verification: Verification = {
      verificationId,
      requestId: request.requestId,
      requestDigest,
      sampleId: sample.sampleId,
      sampleVersion: sample.version,
      subject,
      scope: subject.kind === 'patch' ? 'PATCH' : (request.scope ?? sample.manifest.verification.scope),
      kept,
      state: 'PENDING',
      attempt: 1,
      fault: 'NONE',
      retryable: false,
      message: '',
      verdict: undefined,
      exitCode: undefined,
      exitSignal: undefined,
      subjectDigest: '',
      logDigest: '',
      logBytes: 0,
      logBlob: undefined,
      logCutBytes: 0,
      engine,
      runtime: this.#engine.capabilitiesOf(engine)?.runtime ?? '',
      resources: sample.manifest.resources,
      createTime: new Date(this.#now()),
      startTime: undefined,
      endTime: undefined,
    };
    try {
      await this.#storage.verifications.insert(verification);
    } catch (error) {
      // Two calls with one request id at once: the second has kept the subject for nothing.
      if (kept.kind === 'layer') await this.#engine.deleteLayer(kept.layer);
      throw error;
    }
    this.#enqueue(verification);
    return verification;
  }

  async #keep(
    request: VerificationRequest,
    verificationId: string,
  ): Promise<{ sample: SampleVersion; subject: Subject; kept: KeptSubject; hold: Disposable }> {
    if (request.subject.kind === 'patch') {
      const sample = await this.#catalog.settled(request.subject.sample);
      if (sample.state !== 'READY') {
        throw failedPrecondition('SAMPLE_NOT_READY', `The sample could not be prepared: ${sample.error}`);
      }
      const content = Readable.from([Buffer.from(request.subject.diff)], { objectMode: false });
      const { digest } = await this.#blobs.put(content, { maxBytes: MAX_PATCH_BYTES });
      return {
        sample,
        subject: { kind: 'patch', patchBlob: digest },
        kept: { kind: 'patch', blob: digest },
        hold: this.#keeper.hold([]),
      };
    }
    const { sessionId } = request.subject;
    const session = await this.#sessions.get(sessionId);
    if (session.source.kind !== 'sample') {
      throw failedPrecondition(
        'SAMPLE_NOT_FOUND',
        'The session was made from an environment alone; only a session of a sample can be verified.',
      );
    }
    // Throws the fitting error unless the session is READY.
    await this.#sessions.execs(sessionId);
    const sample = await this.#catalog.get({
      sampleId: session.source.sampleId,
      version: session.source.version,
    });
    // Closed meanwhile, what it stands on lasts until the verification that needs it is on record.
    const hold = this.#keeper.hold(session.layers.workspace);
    try {
      return {
        sample,
        subject: request.subject,
        kept: await this.#keepSession(session, verificationId),
        hold,
      };
    } catch (error) {
      hold[Symbol.dispose]();
      throw error;
    }
  }

  async #keepSession(session: Session, verificationId: string): Promise<KeptSubject> {
    const layer = idAt(session.engine, `kept-${verificationId}`);
    try {
      await this.#sandboxes.keep(session, { workspace: layer });
      const below = session.snapshotId === undefined ? undefined : session.layers.workspace;
      return { kind: 'layer', layer, below };
    } catch (error) {
      // A tree too large to be copied is its owner's doing; everything else is not.
      if (error instanceof CodesetError && error.reason === 'TOO_LARGE') {
        return { kind: 'unusable', why: error.message };
      }
      throw error;
    }
  }

  #enqueue(verification: Verification): void {
    const { verificationId } = verification;
    const log = new VerificationLog(verification.attempt);
    const abort = new AbortController();
    const running: Running = { log, abort, done: Promise.resolve(), begun: false };
    this.#running.set(verificationId, running);
    running.done = this.#untilJudged(verificationId, running)
      .catch((error: unknown) => {
        this.#log.error('a verification could not be recorded', { verificationId, error });
      })
      .finally(() => {
        log.end();
        this.#running.delete(verificationId);
      });
  }

  /** An engine that is away is no verdict: the run is made again when it is back, and takes nobody's place meanwhile. */
  async #untilJudged(verificationId: string, running: Running): Promise<void> {
    const { log, abort } = running;
    for (;;) {
      const away = await this.#slots.run(() => {
        running.begun = true;
        return this.#run(verificationId, log, abort.signal);
      });
      if (away === undefined) return;
      this.#log.warn('a verification waits for its engine', { verificationId, engine: away });
      await this.#engine.whenThere(away, abort.signal);
      if (abort.signal.aborted) return;
      const attempt = (await this.get(verificationId)).attempt + 1;
      await this.#storage.verifications.update(verificationId, { attempt });
      log.restart(attempt);
    }
  }

  /** @returns the engine that went away, and that the run has to wait for. */
  async #run(verificationId: string, log: VerificationLog, signal: AbortSignal): Promise<string | undefined> {
    const started = await this.#move(verificationId, 'RUNNING', { startTime: new Date(this.#now()) });
    // Cancelled while it waited, or RUNNING already: a re-run after a restart.
    const verification = started ?? (await this.get(verificationId));
    if (verificationEnded(verification.state)) return undefined;
    log.state();
    const sample = await this.#catalog.get({
      sampleId: verification.sampleId,
      version: verification.sampleVersion,
    });
    let judgement = await this.#attempt(verification, sample, log, signal);
    let attempt = verification.attempt;
    const last = attempt + MAX_ATTEMPTS - 1;
    while (
      !isUnavailable(judgement) &&
      judgement.retryable &&
      judgement.state === 'ERROR' &&
      attempt < last &&
      !signal.aborted
    ) {
      attempt++;
      this.#log.warn('a verification is run again', { verificationId, attempt, message: judgement.message });
      await this.#storage.verifications.update(verificationId, { attempt });
      log.restart(attempt);
      judgement = await this.#attempt(verification, sample, log, signal);
    }
    if (signal.aborted) return undefined;
    if (isUnavailable(judgement)) return judgement.metadata['engine'] ?? verification.engine;
    await this.#finish(verificationId, judgement, log);
    return undefined;
  }

  async #attempt(
    verification: Verification,
    sample: SampleVersion,
    log: VerificationLog,
    signal: AbortSignal,
  ): Promise<Judgement | CodesetError> {
    try {
      return await this.#judge.judge(verification, sample, log, signal);
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

  async #finish(verificationId: string, judgement: Judgement, log: VerificationLog): Promise<void> {
    const kept = log.kept();
    // A verdict without its log is better than none: the disk may be full.
    const blob = await this.#blobs
      .put(Readable.from([kept.content], { objectMode: false }), { maxBytes: kept.content.length })
      .catch((error: unknown) => {
        this.#log.error('the log of a verification could not be kept', { verificationId, error });
        return undefined;
      });
    const { state, ...rest } = judgement;
    const before = await this.get(verificationId);
    await this.#move(verificationId, state, {
      ...rest,
      logBlob: blob?.digest,
      logBytes: kept.totalBytes,
      logDigest: kept.digest,
      logCutBytes: kept.cutBytes,
      endTime: new Date(this.#now()),
    });
    await this.#letGo(before);
    log.state();
  }

  /** The layers that only the run needed; a patch is small and stays for regrading. */
  async #letGo(verification: Verification): Promise<void> {
    const layers = [judgedLayer(verification)];
    if (verification.kept?.kind === 'layer') layers.push(verification.kept.layer);
    for (const layer of layers) {
      await this.#engine.deleteLayer(layer).catch((error: unknown) => {
        this.#log.warn('a layer could not be removed', { layer, error });
      });
    }
    if (verification.kept?.kind === 'layer') {
      await this.#storage.verifications.update(verification.verificationId, {
        kept: undefined,
      } as Partial<Verification>);
      this.#keeper.release(verification.kept.below ?? []);
    }
  }

  #move(
    verificationId: string,
    to: Verification['state'],
    change: Partial<Verification> = {},
  ): Promise<Verification | undefined> {
    return this.#turns.run(verificationId, async () => {
      const verification = await this.#storage.verifications.find(verificationId);
      if (verification === undefined || !verificationMayBecome(verification.state, to)) return undefined;
      await this.#storage.verifications.update(verificationId, { ...change, state: to });
      this.#log.info('verification moved', { verificationId, from: verification.state, to });
      return { ...verification, ...change, state: to };
    });
  }

  async get(verificationId: string): Promise<Verification> {
    const verification = await this.#storage.verifications.find(verificationId);
    if (verification === undefined) throw notFound('VERIFICATION_NOT_FOUND', 'verification', verificationId);
    return verification;
  }

  list(filter: VerificationFilter, page: PageRequest): Promise<Page<Verification>> {
    return this.#storage.verifications.list(filter, page);
  }

  /** First the verification, then log and changes; ends after its final state. */
  async *watch(
    verificationId: string,
    logOffset: number,
    signal: AbortSignal,
  ): AsyncIterable<VerificationEvent> {
    let verification = await this.get(verificationId);
    yield { type: 'verification', verification };
    const running = this.#running.get(verificationId);
    if (running !== undefined) {
      for await (const item of running.log.read(logOffset, signal)) {
        if (item.type === 'log') yield item;
        else {
          verification = await this.get(verificationId);
          yield { type: 'verification', verification };
        }
      }
      if (signal.aborted) return;
      const last = await this.get(verificationId);
      if (last.state !== verification.state) yield { type: 'verification', verification: last };
      return;
    }
    yield* this.#keptLog(verification, logOffset);
  }

  async *#keptLog(verification: Verification, from: number): AsyncIterable<VerificationEvent> {
    if (verification.logBlob === undefined) return;
    const { attempt, logBytes, logCutBytes } = verification;
    const pieces: Buffer[] = [];
    for await (const piece of await this.#blobs.get(verification.logBlob)) pieces.push(piece as Buffer);
    const content = Buffer.concat(pieces);
    // The cut lies between head and tail, which are equally long when there is one.
    const headEnd = logCutBytes === 0 ? content.length : Math.ceil(content.length / 2);
    for (const [data, offset] of [
      [content.subarray(0, headEnd), 0],
      [content.subarray(headEnd), logBytes - (content.length - headEnd)],
    ] as const) {
      const skip = Math.max(0, Math.min(data.length, from - offset));
      if (data.length > skip)
        yield { type: 'log', attempt, offset: offset + skip, data: data.subarray(skip) };
    }
  }

  /** Ends a PENDING or RUNNING verification. @throws VERIFICATION_ENDED for one that has its verdict. */
  async cancel(verificationId: string): Promise<Verification> {
    const now = new Date(this.#now());
    const moved = await this.#move(verificationId, 'CANCELLED', {
      endTime: now,
      message: 'Cancelled by the caller.',
    });
    const verification = await this.get(verificationId);
    if (moved === undefined && verification.state !== 'CANCELLED') {
      throw failedPrecondition('VERIFICATION_ENDED', `The verification is ${verification.state} already.`);
    }
    const running = this.#running.get(verificationId);
    running?.abort.abort();
    running?.log.state();
    // One that waits for its place leaves the queue when its turn comes.
    if (running?.begun === false) running.log.end();
    else await running?.done;
    await this.#letGo(verification);
    return this.get(verificationId);
  }

  /** Runs again what an earlier life of the service left PENDING or RUNNING, from its kept subject. */
  async recover(): Promise<void> {
    // Killed between a verdict and what follows it.
    for (const ended of await this.#storage.verifications.endedWithLayer()) await this.#letGo(ended);
    for (const verification of await this.#storage.verifications.open()) {
      let again = verification;
      if (verification.state === 'RUNNING') {
        // Its judge removes what the run before left.
        again = { ...verification, attempt: verification.attempt + 1 };
        await this.#storage.verifications.update(verification.verificationId, { attempt: again.attempt });
      }
      this.#enqueue(again);
    }
  }

  /** Stops runs without a verdict: the next start of the service runs them again. */
  async stop(): Promise<void> {
    const all = [...this.#running.values()];
    for (const { abort } of all) abort.abort();
    await Promise.all(all.map(({ done }) => done));
  }
}
