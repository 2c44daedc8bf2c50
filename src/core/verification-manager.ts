import { digestOf } from './digest.js';
import { CodesetError, failedPrecondition, notFound } from './errors.js';
import { narrowest, NO_RULES, type Feedback, type VerifyingRules } from './feedback.js';
import { newId } from './ids.js';
import type { KeptBlobs } from './kept-blobs.js';
import { logExpired, readKeptLog } from './kept-log.js';
import { Turns } from './keyed.js';
import type { BlobStore } from './ports/blobs.js';
import type { Page, PageRequest, Storage } from './ports/storage.js';
import type { Provenance } from './provenance.js';
import { checkSameRequest } from './request-id.js';
import type { VerificationScope } from './sample.js';
import type { Session } from './session.js';
import { startedByCheck } from './validation-run.js';
import type { AskedSubject, HeldSubject, SubjectKeeper } from './subject-keeper.js';
import type { LogPiece } from './verification-log.js';
import { judgedEnvironment } from './verification-judge.js';
import type { VerificationQueue } from './verification-queue.js';
import type { VerificationRecords } from './verification-records.js';
import { verificationEnded, type Verification, type VerificationFilter } from './verification.js';
import { whileWanted } from './while-wanted.js';

export interface VerificationRequest {
  readonly requestId: string | undefined;
  readonly subject: AskedSubject;
  /** Undefined: the sample's own. */
  readonly scope: VerificationScope | undefined;
  /** What who is no admin is shown of it; undefined: as sample and session say. */
  readonly feedback?: Feedback | undefined;
}

export type VerificationEvent =
  { readonly type: 'verification'; readonly verification: Verification } | LogPiece;

/** Verifications as callers see them: started, read, watched, cancelled and removed. */
export class VerificationManager {
  readonly #storage: Storage;
  readonly #blobs: BlobStore;
  readonly #keptBlobs: KeptBlobs;
  readonly #provenance: Provenance;
  readonly #records: VerificationRecords;
  readonly #subjects: SubjectKeeper;
  readonly #queue: VerificationQueue;
  readonly #now: () => number;
  /** Those with one request id come one after another. */
  readonly #starts = new Turns();

  constructor(parts: {
    storage: Storage;
    blobs: BlobStore;
    keptBlobs: KeptBlobs;
    provenance: Provenance;
    records: VerificationRecords;
    subjects: SubjectKeeper;
    queue: VerificationQueue;
    now: () => number;
  }) {
    this.#storage = parts.storage;
    this.#blobs = parts.blobs;
    this.#keptBlobs = parts.keptBlobs;
    this.#provenance = parts.provenance;
    this.#records = parts.records;
    this.#subjects = parts.subjects;
    this.#queue = parts.queue;
    this.#now = parts.now;
  }

  /**
   * Copies and keeps the subject as it is now, records the verification and queues it. With a request id that was
   * used for the same request it is that verification.
   */
  start(request: VerificationRequest): Promise<Verification> {
    return this.#starts.run(request.requestId ?? newId('req'), () => this.#start(request));
  }

  async #start(request: VerificationRequest): Promise<Verification> {
    const { requestId, subject, scope, feedback } = request;
    const requestDigest = digestOf({
      scope,
      feedback,
      subject:
        subject.kind === 'patch'
          ? { ...subject, diff: Buffer.from(subject.diff).toString('base64') }
          : subject,
    });
    if (requestId !== undefined) {
      const known = await this.#storage.verifications.findByRequestId(requestId);
      if (known !== undefined) {
        checkSameRequest(known, requestDigest, requestId, 'verification');
        return known;
      }
    }
    const session = await this.#subjects.sessionOf(subject);
    const owner = 'sample' in subject ? subject.sample.sampleId : session?.sessionId;
    using _room = this.#queue.reserve(owner ?? '');
    const verificationId = newId('ver', this.#now());
    const most = await this.#mostOf(session);
    using held = await this.#subjects.keep(subject, verificationId, scope);
    const verification = this.#pending(verificationId, request, requestDigest, held, session?.verifying);
    try {
      // Others may have been started since the look.
      if (!(await this.#storage.verifications.insert(verification, most))) throw usedUp(session);
    } catch (error) {
      // Two calls with one request id at once, or too many: it has kept the subject for nothing.
      await this.#subjects.discard(held.kept);
      throw error;
    }
    this.#queue.add(verification);
    return verification;
  }

  /**
   * How many verifications of its own a session may have; undefined: any number.
   * @throws SESSION_VERIFICATION_LIMIT where it has had them, before anything is copied.
   */
  async #mostOf(session: Session | undefined): Promise<number | undefined> {
    const { maxVerifications = 0, before = 0 } = session?.verifying ?? {};
    if (session === undefined || maxVerifications === 0) return undefined;
    const most = maxVerifications - before;
    if ((await this.#storage.verifications.countFor(session.sessionId)) >= most) throw usedUp(session);
    return most;
  }

  #pending(
    verificationId: string,
    { requestId, scope, ...asked }: VerificationRequest,
    requestDigest: string,
    { sample, subject, kept, patchBytes }: HeldSubject,
    rules: VerifyingRules = NO_RULES,
  ): Verification {
    const engine = sample.ground?.engine ?? '';
    const spec = sample.manifest.verification;
    const feedback = narrowest(spec.feedback, rules.feedback, asked.feedback);
    return {
      verificationId,
      requestId,
      requestDigest,
      sampleId: sample.sampleId,
      sampleVersion: sample.version,
      subject,
      scope: subject.kind === 'patch' && kept.kind === 'patch' ? 'PATCH' : (scope ?? spec.scope),
      kept,
      patchBytes,
      subjectExpireTime: undefined,
      feedback,
      agentFeedback: rules.agentFeedback && narrowest(rules.agentFeedback, feedback),
      state: 'PENDING',
      attempt: 1,
      fault: 'NONE',
      retryable: false,
      message: '',
      verdict: undefined,
      exitCode: undefined,
      exitSignal: undefined,
      subjectDigest: '',
      sampleDigest: sample.digest,
      environmentDigest: digestOf(judgedEnvironment(sample)),
      logDigest: '',
      logBytes: 0,
      logBlob: undefined,
      logCutBytes: 0,
      logExpireTime: undefined,
      engine,
      ...this.#provenance(engine),
      resources: sample.manifest.resources,
      timeoutMs: spec.timeoutMs,
      pressure: undefined,
      createTime: new Date(this.#now()),
      startTime: undefined,
      endTime: undefined,
    };
  }

  get(verificationId: string): Promise<Verification> {
    return this.#records.get(verificationId);
  }

  list(filter: VerificationFilter, page: PageRequest): Promise<Page<Verification>> {
    return this.#storage.verifications.list(filter, page);
  }

  count(filter: VerificationFilter): Promise<number> {
    return this.#storage.verifications.count(filter);
  }

  /**
   * First the verification, then log and changes; ends after its final state. @param logOffset undefined: no log
   * @throws VERIFICATION_LOG_EXPIRED after the verification, where its log was given up and there was some behind the offset
   */
  async *watch(
    verificationId: string,
    logOffset: number | undefined,
    signal: AbortSignal,
  ): AsyncIterable<VerificationEvent> {
    // Before the verification is read: what ends meanwhile, or while a slow client takes the first message, has its
    // last state told after its log.
    const before = this.#queue.log(verificationId);
    let verification = await this.get(verificationId);
    const log = before ?? this.#queue.log(verificationId);
    yield { type: 'verification', verification };
    if (log === undefined) {
      if (logOffset !== undefined) yield* this.#keptLog(verification, logOffset);
      return;
    }
    for await (const item of log.read(logOffset ?? 0, signal)) {
      if (item.type === 'log') {
        if (logOffset !== undefined) yield item;
      } else {
        verification = await this.get(verificationId);
        yield { type: 'verification', verification };
      }
    }
    // Nothing comes after a final state; the verification may be gone by now.
    if (signal.aborted || verificationEnded(verification.state)) return;
    const last = await this.get(verificationId);
    if (last.state !== verification.state) yield { type: 'verification', verification: last };
  }

  async *#keptLog(verification: Verification, from: number): AsyncIterable<LogPiece> {
    try {
      yield* readKeptLog(this.#blobs, verification, from);
    } catch (error) {
      // It may have gone between the look at the record and the look at the blob.
      const now = await this.get(verification.verificationId);
      throw now.logExpireTime === undefined ? error : logExpired(now);
    }
  }

  /** Resolves when it neither waits nor runs. @throws the signal's reason once aborted; the run goes on then */
  async ended(verificationId: string, signal: AbortSignal): Promise<Verification> {
    await whileWanted(this.#queue.over(verificationId), signal);
    return this.get(verificationId);
  }

  /**
   * Ends a PENDING or RUNNING verification. @throws VERIFICATION_ENDED for one that has its verdict.
   * @param message why, in a sentence
   */
  async cancel(verificationId: string, message = 'Cancelled by the caller.'): Promise<Verification> {
    const endTime = new Date(this.#now());
    const moved = await this.#records.move(verificationId, 'CANCELLED', { endTime, message });
    const verification = await this.get(verificationId);
    if (moved === undefined && verification.state !== 'CANCELLED') {
      // How it ended is not for every caller.
      throw failedPrecondition('VERIFICATION_ENDED', 'The verification has ended already.');
    }
    await this.#queue.cancel(verificationId);
    await this.#subjects.letGo(verification);
    // It may have been removed meanwhile.
    return (await this.#storage.verifications.find(verificationId)) ?? verification;
  }

  /**
   * Removes an ended verification with what is kept of it. It goes on counting against its session's limit.
   * @throws VERIFICATION_NOT_ENDED while it is PENDING or RUNNING
   */
  async remove(verificationId: string): Promise<void> {
    const { state } = await this.get(verificationId);
    if (!verificationEnded(state)) {
      throw failedPrecondition(
        'VERIFICATION_NOT_ENDED',
        `The verification is ${state}: cancel it, or wait for its end, before it is removed.`,
        { metadata: { verification_id: verificationId, state } },
      );
    }
    // What clears up after its verdict still needs it.
    await this.#queue.over(verificationId);
    if (!(await this.#storage.keptVerifications.remove(verificationId))) {
      throw notFound('VERIFICATION_NOT_FOUND', 'verification', verificationId);
    }
    await this.#keptBlobs.sweep();
  }

  /**
   * Runs again what an earlier life of the service left PENDING or RUNNING, from its kept subject; what a validation
   * or an audit started ended with that call.
   */
  async recover(): Promise<void> {
    // Killed between a verdict and what follows it.
    for (const ended of await this.#storage.verifications.endedWithLayer()) await this.#subjects.letGo(ended);
    for (const verification of await this.#storage.verifications.open()) {
      if (startedByCheck(verification)) {
        await this.cancel(verification.verificationId, 'The service ended, and the call that started it.');
        continue;
      }
      // Of one that ran its judge removes what the run before left.
      const isAgain = verification.state === 'RUNNING';
      const attempt = isAgain ? await this.#records.again(verification) : verification.attempt;
      this.#queue.add({ ...verification, attempt });
    }
  }
}

function usedUp(session: Session | undefined): CodesetError {
  const most = session?.verifying.maxVerifications ?? 0;
  return new CodesetError(
    'resource-exhausted',
    'SESSION_VERIFICATION_LIMIT',
    `The session has had the ${most} verifications that it may have; only another session of the sample has more.`,
    { metadata: { session_id: session?.sessionId ?? '', max_verifications: String(most) } },
  );
}
