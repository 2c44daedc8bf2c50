/** Node 20 has no AsyncDisposableStack. What is deferred runs in reverse when it is disposed. */
export class Cleanup implements AsyncDisposable {
  #work: (() => unknown)[] = [];

  defer(work: () => unknown): void {
    this.#work.push(work);
  }

  /** Takes the work over; this stack then disposes nothing. */
  move(): Cleanup {
    const moved = new Cleanup();
    moved.#work = this.#work;
    this.#work = [];
    return moved;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (let work = this.#work.pop(); work !== undefined; work = this.#work.pop()) await work();
  }
}
