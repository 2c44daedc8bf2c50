import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { CodesetError } from '../../../core/errors.js';
import { SharedWork, Slots } from '../../../core/keyed.js';
import type { Log } from '../../../core/ports/log.js';
import type { ResolveOptions } from '../../../core/ports/engine.js';
import type { DockerClient } from '../docker-client.js';
import { saidBy, statusOf } from '../docker-errors.js';
import type { Credentials } from './credentials.js';
import { daemonEvents, failureIn } from './json-lines.js';
import { pullFailure } from './pull-failure.js';
import { PullProgress } from './pull-progress.js';
import { canonicalName, familiarName, type ImageReference, repositoryOf } from './reference.js';

type Progress = ResolveOptions['progress'];
/** Waits so many milliseconds; rejects when the signal is aborted. */
export type Pause = (ms: number, signal: AbortSignal) => Promise<void>;

export interface PullerOptions {
  /** Pulls at a time; the others wait their turn. Default 3. */
  readonly parallel?: number;
  /** Tries of a pull whose failure may pass. Default 5. */
  readonly attempts?: number;
  /** For tests: how it waits between two tries. */
  readonly pause?: Pause;
}

const FIRST_WAIT_MS = 2000;
const LONGEST_WAIT_MS = 60_000;
/** A pull of which the daemon tells nothing for so long goes no further. */
const STALL_MS = 5 * 60_000;

/**
 * Has the daemon pull images: a few at a time, the same one once however many ask. A pull ends when nobody waits for
 * it any more. What may pass is tried again after growing waits; a refusal is not.
 */
export class Puller {
  readonly #client: DockerClient;
  readonly #credentials: Credentials;
  readonly #log: Log;
  readonly #slots: Slots;
  readonly #attempts: number;
  readonly #pause: Pause;
  readonly #work = new SharedWork<void>();
  readonly #listeners = new Map<string, Set<Progress>>();

  constructor(client: DockerClient, credentials: Credentials, log: Log, options: PullerOptions = {}) {
    this.#client = client;
    this.#credentials = credentials;
    this.#log = log;
    this.#slots = new Slots(options.parallel ?? 3);
    this.#attempts = options.attempts ?? 5;
    this.#pause = options.pause ?? ((ms, signal) => delay(ms, undefined, { signal }));
  }

  /**
   * Returns when the image is there.
   * @throws ENVIRONMENT_UNMET where there is no such image or it may not be had; ENGINE_FAILED (kind unavailable)
   *   where the registry gave no good answer; ENGINE_UNAVAILABLE, DISK_FULL
   */
  async pull(reference: ImageReference, progress: Progress, signal?: AbortSignal): Promise<void> {
    const key = canonicalName(reference);
    const listeners = this.#listeners.get(key) ?? new Set();
    this.#listeners.set(key, listeners);
    // A listener of each asker's own, even where two ask with the same function.
    const mine: Progress = (message, bytes) => progress(message, bytes);
    listeners.add(mine);
    const tellAll: Progress = (message, bytes) => {
      for (const listener of listeners) listener(message, bytes);
    };
    try {
      await this.#work.run(key, (given) => this.#pullPatiently(reference, tellAll, given), signal);
    } finally {
      listeners.delete(mine);
      if (listeners.size === 0 && this.#listeners.get(key) === listeners) this.#listeners.delete(key);
    }
  }

  async #pullPatiently(reference: ImageReference, tell: Progress, signal: AbortSignal): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        // Waiting for the next try, it leaves its slot to others.
        await this.#slots.run(async () => {
          signal.throwIfAborted();
          await this.#pullOnce(reference, tell, signal);
        }, signal);
        return;
      } catch (error) {
        signal.throwIfAborted();
        const failure = this.#failureOf(reference, error);
        if (!failure.passes || attempt >= this.#attempts) throw failure.error;
        const wait = waitAfter(attempt);
        this.#log.info('an image did not come; it is tried again', {
          image: familiarName(reference),
          attempt,
          waitMs: wait,
          error,
        });
        tell(
          `The image ${familiarName(reference)} did not come; trying again in ${Math.ceil(wait / 1000)} s (${attempt} of ${this.#attempts - 1}).`,
        );
        await this.#pause(wait, signal);
      }
    }
  }

  async #pullOnce(reference: ImageReference, tell: Progress, signal: AbortSignal): Promise<void> {
    const name = familiarName(reference);
    tell(`Pulling the image ${name}.`);
    const auth = await this.#credentials.for(reference.domain);
    const stalled = new AbortController();
    const watch = setTimeout(() => stalled.abort(), STALL_MS);
    const given = AbortSignal.any([signal, stalled.signal]);
    try {
      await this.#follow(reference, tell, auth, given, () => watch.refresh());
    } catch (error) {
      if (stalled.signal.aborted && !signal.aborted)
        throw new RefusedPull(`timeout: nothing came for ${STALL_MS / 60_000} minutes`, { cause: error });
      throw error;
    } finally {
      clearTimeout(watch);
    }
  }

  /** @param heard called at each event */
  async #follow(
    reference: ImageReference,
    tell: Progress,
    auth: Awaited<ReturnType<Credentials['for']>>,
    signal: AbortSignal,
    heard: () => void,
  ): Promise<void> {
    const answer = (await this.#client.api.createImage(auth ?? {}, {
      fromImage: repositoryOf(reference),
      tag: reference.digest ?? reference.tag,
      abortSignal: signal,
    })) as Readable;
    const progress = new PullProgress(familiarName(reference), tell);
    for await (const event of daemonEvents(answer)) {
      heard();
      const failure = failureIn(event);
      if (failure !== undefined) throw new RefusedPull(failure);
      progress.take(event);
    }
    progress.end();
  }

  #failureOf(reference: ImageReference, error: unknown): { error: CodesetError; passes: boolean } {
    if (error instanceof CodesetError) return { error, passes: false };
    if (error instanceof RefusedPull || statusOf(error) !== undefined)
      return pullFailure(reference, saidBy(error));
    // No answer of the daemon's at all: it is away, and whoever asked for the image comes again.
    return {
      error: this.#client.failed(error, `The image ${familiarName(reference)} could not be pulled.`),
      passes: false,
    };
  }
}

/** The daemon's words inside of an answer that had begun well. */
class RefusedPull extends Error {}

/** Doubles, with up to half of it more or less, so that many don't come again in step. */
function waitAfter(attempt: number): number {
  const wait = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (attempt - 1));
  return Math.round(wait * (0.5 + Math.random()));
}
