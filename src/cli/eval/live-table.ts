import type { AttemptStage } from '../../eval/agents/agent.js';
import { attemptKey, isScored, keyOf, type Attempt, type AttemptResult } from '../../eval/attempt.js';
import { clock } from '../../eval/figures.js';
import type { EvalEvent } from '../../eval/run-eval.js';
import type { CliOutput } from '../context.js';
import { LiveLines } from '../live/live-lines.js';

const COLOURS: Readonly<Record<string, string>> = { PASSED: '32', FAILED: '31', TIMED_OUT: '33' };

/**
 * What an evaluation does, on stderr: on a terminal a table that is drawn again as things go on, above it a line for
 * each attempt that has ended; elsewhere only those lines.
 */
export class LiveTable implements Disposable {
  readonly #lines: LiveLines;
  readonly #total: number;
  readonly #began = Date.now();
  readonly #atWork = new Map<string, { stage: AttemptStage; since: number }>();
  readonly #counts = { passed: 0, failed: 0, unscored: 0 };

  /** @param before results that were there when it began */
  constructor(options: {
    stderr: CliOutput;
    colour: boolean;
    total: number;
    before: readonly AttemptResult[];
  }) {
    this.#total = options.total;
    for (const result of options.before) this.#count(result);
    this.#lines = new LiveLines(options.stderr, { colour: options.colour }, () => this.#shown());
  }

  show(event: EvalEvent): void {
    if (event.type === 'stage') {
      this.#atWork.set(nameOf(event.attempt), { stage: event.stage, since: Date.now() });
    } else if (event.type === 'retry') {
      this.#lines.say(`${nameOf(event.attempt)}  again, for the service failed: ${event.why}`);
    } else {
      this.#count(event.result);
      this.#atWork.delete(keyOf(event.result));
      this.#lines.sayBriefly(this.#resultLine(event.result));
    }
  }

  [Symbol.dispose](): void {
    this.#lines[Symbol.dispose]();
  }

  #count(result: AttemptResult): void {
    if (result.state === 'PASSED') this.#counts.passed++;
    else if (isScored(result)) this.#counts.failed++;
    else this.#counts.unscored++;
  }

  get #ended(): number {
    return this.#counts.passed + this.#counts.failed + this.#counts.unscored;
  }

  #resultLine(result: AttemptResult): string {
    const { state, seconds, message } = result;
    const word = this.#lines.paint(COLOURS[state] ?? '2', state.padEnd(9));
    const place = `[${String(this.#ended).padStart(String(this.#total).length)}/${this.#total}]`;
    const why = state === 'PASSED' ? '' : `  ${message}`;
    return `${place} ${word} ${keyOf(result)}  ${clock(seconds)}${why}`;
  }

  #shown(): readonly string[] {
    const { passed, failed, unscored } = this.#counts;
    const elapsed = clock((Date.now() - this.#began) / 1000);
    const parts = [`${this.#ended}/${this.#total}`, `passed ${passed}`, `failed ${failed}`];
    if (unscored > 0) parts.push(`unscored ${unscored}`);
    parts.push(`at work ${this.#atWork.size}`, elapsed);
    const rows = this.#lines.firstOf(this.#atWork, ([name, { stage, since }]) => {
      const time = clock((Date.now() - since) / 1000);
      return `  ${name}  ${this.#lines.paint('2', `${stage} ${time}`)}`;
    });
    return [this.#bar(), this.#lines.paint('1', parts.join('  ')), ...rows];
  }

  #bar(): string {
    const width = Math.min(60, this.#lines.columns - 2);
    const cells = (count: number): number => Math.round((count / Math.max(1, this.#total)) * width);
    const done = cells(this.#ended);
    const passed = Math.min(done, cells(this.#counts.passed));
    return this.#lines.bar(width, [
      ['32', passed],
      ['31', done - passed],
    ]);
  }
}

const nameOf = ({ sample, number }: Attempt): string => attemptKey(sample.sampleId, number);
