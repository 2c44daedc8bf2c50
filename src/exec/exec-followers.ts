/** Somebody who follows the output. */
export interface Follower {
  /** How far each stream was taken by the consumer. */
  readonly taken: [number, number];
  readonly holds: boolean;
  readonly slows: boolean;
  /** Something has changed. */
  wake(): void;
}

/** All who follow one exec. */
export class Followers {
  readonly #all = new Set<Follower>();

  add(follower: Follower): void {
    this.#all.add(follower);
  }

  delete(follower: Follower): void {
    this.#all.delete(follower);
  }

  /** Whether one is there whose going ends the exec. */
  get hold(): boolean {
    for (const follower of this.#all) if (follower.holds) return true;
    return false;
  }

  /**
   * How far those that may slow the command took the stream; undefined when there are none. The fastest of them
   * sets the pace: one that stalls slows no other.
   */
  taken(stream: 0 | 1): number | undefined {
    let fastest: number | undefined;
    for (const follower of this.#all) {
      if (follower.slows) fastest = Math.max(fastest ?? 0, follower.taken[stream]);
    }
    return fastest;
  }

  wake(): void {
    for (const follower of this.#all) follower.wake();
  }
}
