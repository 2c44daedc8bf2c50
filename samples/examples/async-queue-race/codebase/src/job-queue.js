import { deferred } from './deferred.js';

export class JobQueue {
  #limit;
  #gate;
  #waiting = [];
  #running = 0;
  #idle = [];

  /**
   * @param {{ limit?: number, gate?: () => Promise<void> | void }} options
   *   limit: how many jobs may run at once; gate: awaited before each job.
   */
  constructor({ limit = 1, gate } = {}) {
    if (!Number.isInteger(limit) || limit < 1) throw new RangeError(`limit must be 1 or more, not ${limit}`);
    this.#limit = limit;
    this.#gate = gate;
  }

  /** Jobs that have been added and not started. */
  get waiting() {
    return this.#waiting.length;
  }

  /** Jobs that have started and not ended. */
  get running() {
    return this.#running;
  }

  /**
   * Adds a job.
   * @template T
   * @param {() => Promise<T> | T} job
   * @returns {Promise<T>} what the job gives.
   */
  add(job) {
    const { promise, resolve, reject } = deferred();
    this.#waiting.push({ job, resolve, reject });
    this.#next();
    return promise;
  }

  /** Resolves when all jobs are done. */
  idle() {
    if (this.#running === 0 && this.#waiting.length === 0) return Promise.resolve();
    const { promise, resolve } = deferred();
    this.#idle.push(resolve);
    return promise;
  }

  async #next() {
    if (this.#running >= this.#limit) return;
    const entry = this.#waiting.shift();
    if (entry === undefined) return;
    if (this.#gate) await this.#gate();
    this.#running += 1;
    entry
      .job()
      .then(entry.resolve, entry.reject)
      .finally(() => {
        this.#running -= 1;
        this.#next();
        if (this.#waiting.length === 0) this.#settle();
      });
  }

  #settle() {
    for (const resolve of this.#idle.splice(0)) resolve();
  }
}
