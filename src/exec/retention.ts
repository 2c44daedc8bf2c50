import type { Cut } from './segment-log.js';

/** Whose output may be given up for the sake of the total. */
export interface Expendable {
  cut(what: Cut): Promise<void>;
}

/** Of commands that have ended: first all their middles go, then their tails, then the rest; the oldest first. */
const CUTS: readonly Cut[] = ['middle', 'tail', 'all'];

/**
 * What the records of one owner's execs take on disk together, and what goes when that is more than allowed. Of
 * commands that run only the middle ever goes, so that each keeps its head and what it wrote last.
 */
export class Retention {
  readonly #limit: number;
  readonly #running: () => Iterable<Expendable>;
  readonly #onFailure: (error: unknown) => void;
  /** What is cut just now, as long as it is not forgotten. */
  #inHand: Expendable | undefined;
  readonly #ended: readonly [Set<Expendable>, Set<Expendable>, Set<Expendable>] = [
    new Set(),
    new Set(),
    new Set(),
  ];
  #bytes = 0;
  /** Where the next cut is due: above the limit while nothing more can go. */
  #due: number;
  #cutting: Promise<void> | undefined;

  /**
   * @param running those whose commands run, the oldest first.
   * @param onFailure is told of each that could not be cut, which keeps no other.
   */
  constructor(limit: number, running: () => Iterable<Expendable>, onFailure: (error: unknown) => void) {
    this.#limit = this.#due = limit;
    this.#running = running;
    this.#onFailure = onFailure;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** A record has grown or shrunk. */
  readonly changed = (bytes: number): void => {
    this.#bytes += bytes;
    if (this.#bytes <= this.#due) return;
    this.#cutting ??= this.#cut().finally(() => {
      this.#cutting = undefined;
      // Of what ended meanwhile nothing was given up yet.
      const more = this.#ended.some((queue) => queue.size > 0);
      this.#due = more ? this.#limit : Math.max(this.#limit, this.#bytes + this.#limit / 16);
      this.changed(0);
    });
  };

  /** A command has ended. Those that end later are given up later. */
  ended(exec: Expendable): void {
    this.#ended[0].add(exec);
    this.#due = this.#limit;
    this.changed(0);
  }

  /** It is no longer of those that have ended (init has more of it), or is gone. */
  forget(exec: Expendable): void {
    if (this.#inHand === exec) this.#inHand = undefined;
    for (const queue of this.#ended) queue.delete(exec);
  }

  /** Resolves when what has to go is gone. */
  async settled(): Promise<void> {
    while (this.#cutting !== undefined) await this.#cutting;
  }

  /** A little more than needed, so that this is not for every byte. */
  async #cut(): Promise<void> {
    const target = this.#limit - this.#limit / 16;
    for (const [stage, what] of CUTS.entries()) {
      const queue = this.#ended[stage];
      for (const exec of queue ?? []) {
        if (this.#bytes <= target) return;
        queue?.delete(exec);
        this.#inHand = exec;
        await exec.cut(what).catch(this.#onFailure);
        if (this.#inHand === exec) this.#ended[stage + 1]?.add(exec);
        this.#inHand = undefined;
      }
    }
    for (const exec of this.#running()) {
      if (this.#bytes <= target) return;
      await exec.cut('middle').catch(this.#onFailure);
    }
  }
}
