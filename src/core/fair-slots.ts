/** How many others may go before one that wants to be alone, per place there is. */
const PATIENCE_PER_PLACE = 8;

export interface Turn {
  /** Aborted: who still waits for a place leaves the line. */
  readonly signal?: AbortSignal;
  /**
   * Waits until nobody else is at work, and keeps all places. It goes last, but not for ever: after eight others for
   * each place have gone before it, nobody comes in any more until it has had its turn.
   */
  readonly alone?: boolean;
}

interface Waiting {
  readonly owner: string;
  readonly alone: boolean;
  /** Others that came in while it waited. */
  passed: number;
  readonly enter: () => void;
}

/**
 * At most `limit` pieces of work at a time, shared among their owners: a free place goes to who has the fewest at
 * work, among equals to who had a place least lately, and within one owner in the order of asking. So one with a
 * thousand pieces keeps nobody waiting who has one.
 */
export class FairSlots {
  readonly #limit: number;
  readonly #waiting: Waiting[] = [];
  readonly #running = new Map<string, number>();
  /** When an owner that waits or works last had a place, as a count of places given. */
  readonly #served = new Map<string, number>();
  #taken = 0;
  #given = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  async run<T>(owner: string, work: () => Promise<T>, { signal, alone = false }: Turn = {}): Promise<T> {
    signal?.throwIfAborted();
    const placed = this.#place(owner, alone, signal);
    // Who finds a place begins at once.
    if (placed !== undefined) await placed;
    try {
      return await work();
    } finally {
      this.#leave(owner, alone);
    }
  }

  /** Undefined when there is a place already. */
  #place(owner: string, alone: boolean, signal: AbortSignal | undefined): Promise<void> | undefined {
    let resolve = (): void => undefined;
    let reject = (_reason: Error): void => undefined;
    const leave = (): void => {
      this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
      this.#forget(owner);
      reject(signal?.reason as Error);
      // It may have been the one for whom others had to wait.
      this.#fill();
    };
    const enter = (): void => {
      signal?.removeEventListener('abort', leave);
      resolve();
    };
    const waiting: Waiting = { owner, alone, passed: 0, enter };
    this.#waiting.push(waiting);
    this.#fill();
    if (!this.#waiting.includes(waiting)) return undefined;
    signal?.addEventListener('abort', leave, { once: true });
    return new Promise<void>((...both) => ([resolve, reject] = both));
  }

  #fill(): void {
    while (this.#taken < this.#limit) {
      const next = this.#next();
      if (next === undefined || (next.alone && this.#taken > 0)) return;
      this.#waiting.splice(this.#waiting.indexOf(next), 1);
      for (const other of this.#waiting) other.passed++;
      this.#taken += next.alone ? this.#limit : 1;
      this.#running.set(next.owner, (this.#running.get(next.owner) ?? 0) + 1);
      this.#served.set(next.owner, ++this.#given);
      next.enter();
    }
  }

  #next(): Waiting | undefined {
    const lonely = this.#waiting.find(({ alone }) => alone);
    if (lonely !== undefined && lonely.passed >= PATIENCE_PER_PLACE * this.#limit) return lonely;
    let best: Waiting | undefined;
    for (const one of this.#waiting) {
      if (!one.alone && (best === undefined || this.#before(one.owner, best.owner))) best = one;
    }
    return best ?? lonely;
  }

  #before(one: string, other: string): boolean {
    const difference = (this.#running.get(one) ?? 0) - (this.#running.get(other) ?? 0);
    return difference < 0 || (difference === 0 && this.#servedAt(one) < this.#servedAt(other));
  }

  #servedAt(owner: string): number {
    return this.#served.get(owner) ?? 0;
  }

  #leave(owner: string, alone: boolean): void {
    this.#taken -= alone ? this.#limit : 1;
    const left = (this.#running.get(owner) ?? 1) - 1;
    if (left > 0) this.#running.set(owner, left);
    else this.#running.delete(owner);
    this.#forget(owner);
    this.#fill();
  }

  #forget(owner: string): void {
    if (this.#running.has(owner) || this.#waiting.some((one) => one.owner === owner)) return;
    this.#served.delete(owner);
  }
}
