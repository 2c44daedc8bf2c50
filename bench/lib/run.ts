/** What is measured. */
export interface Target {
  /** As `--engine` says. */
  readonly engine: string;
  /** As `--link` says: how the service talks to a container's init. */
  readonly link: string;
  /** A Docker that runs already, as DOCKER_HOST has it; undefined for one of the benchmark's own. */
  readonly dockerHost: string | undefined;
}

/** Everything that a benchmark started; it goes in the reverse order, also when the run is interrupted. */
export class Run implements AsyncDisposable {
  readonly target: Target;
  readonly #abort = new AbortController();
  readonly #work: (() => unknown)[] = [];
  #disposing: Promise<void> | undefined;

  constructor(target: Target) {
    this.target = target;
  }

  /** Aborts when the user wants an end. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Progress and remarks go to stderr, so that stdout stays the result's. */
  say(line: string): void {
    console.error(`bench: ${line}`);
  }

  defer(work: () => unknown): void {
    this.#work.push(work);
  }

  interrupt(): void {
    this.#abort.abort(new Error('interrupted'));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return (this.#disposing ??= this.#dispose());
  }

  async #dispose(): Promise<void> {
    for (let work = this.#work.pop(); work !== undefined; work = this.#work.pop()) {
      try {
        await work();
      } catch (error) {
        this.say(`clean-up: ${String(error)}`);
      }
    }
  }
}

/** A figure by its key, in the order of the answer; null for a peer that cannot run here. */
export type Figures = Readonly<Record<string, number | null>>;

export interface Benchmark {
  /** One line for the help. */
  readonly about: string;
  run(run: Run): Promise<Figures>;
}
