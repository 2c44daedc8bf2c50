import { stripVTControlCharacters } from 'node:util';
import type { AttemptStage } from '../../eval/agents/agent.js';
import { attemptKey, isScored, keyOf, type Attempt, type AttemptResult } from '../../eval/attempt.js';
import { clock } from '../../eval/figures.js';
import type { EvalEvent } from '../../eval/run-eval.js';
import type { CliOutput } from '../context.js';
import { printable } from '../output.js';

const DRAW_MS = 250;
/** Attempts at work that are shown. */
const MAX_ROWS = 12;

const COLOURS: Readonly<Record<string, string>> = { PASSED: '32', FAILED: '31', TIMED_OUT: '33' };

/**
 * What an evaluation does, on stderr: on a terminal a table that is drawn again as things go on, above it a line for
 * each attempt that has ended; elsewhere only those lines.
 */
export class LiveTable implements Disposable {
  readonly #stderr: CliOutput;
  readonly #colour: boolean;
  readonly #total: number;
  readonly #began = Date.now();
  readonly #atWork = new Map<string, { stage: AttemptStage; since: number }>();
  readonly #counts = { passed: 0, failed: 0, unscored: 0 };
  readonly #timer: NodeJS.Timeout | undefined;
  #drawn = 0;

  /** @param before results that were there when it began */
  constructor(options: {
    stderr: CliOutput;
    colour: boolean;
    total: number;
    before: readonly AttemptResult[];
  }) {
    this.#stderr = options.stderr;
    this.#colour = options.colour;
    this.#total = options.total;
    for (const result of options.before) this.#count(result);
    if (this.#stderr.isTTY === true) this.#timer = setInterval(() => this.#draw(), DRAW_MS);
  }

  show(event: EvalEvent): void {
    if (event.type === 'stage') {
      this.#atWork.set(nameOf(event.attempt), { stage: event.stage, since: Date.now() });
    } else if (event.type === 'retry') {
      this.#say(`${nameOf(event.attempt)}  again, for the service failed: ${event.why}`);
    } else {
      this.#count(event.result);
      this.#atWork.delete(keyOf(event.result));
      this.#say(this.#resultLine(event.result));
    }
    if (this.#timer !== undefined && event.type !== 'stage') this.#draw();
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#clear();
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
    const word = this.#paint(COLOURS[state] ?? '2', state.padEnd(9));
    const place = `[${String(this.#ended).padStart(String(this.#total).length)}/${this.#total}]`;
    const why = state === 'PASSED' ? '' : `  ${message}`;
    return `${place} ${word} ${keyOf(result)}  ${clock(seconds)}${why}`;
  }

  #say(text: string): void {
    this.#clear();
    const line = printable(stripped(text));
    this.#stderr.write(`${this.#fitted(line === stripped(text) ? text : line)}\n`);
  }

  #draw(): void {
    this.#clear();
    const { passed, failed, unscored } = this.#counts;
    const elapsed = clock((Date.now() - this.#began) / 1000);
    const parts = [`${this.#ended}/${this.#total}`, `passed ${passed}`, `failed ${failed}`];
    if (unscored > 0) parts.push(`unscored ${unscored}`);
    parts.push(`at work ${this.#atWork.size}`, elapsed);
    const rows = [...this.#atWork].slice(0, MAX_ROWS).map(([name, { stage, since }]) => {
      const time = clock((Date.now() - since) / 1000);
      return `  ${name}  ${this.#paint('2', `${stage} ${time}`)}`;
    });
    const more = this.#atWork.size - rows.length;
    if (more > 0) rows.push(this.#paint('2', `  and ${more} more`));
    const lines = [this.#bar(), this.#paint('1', parts.join('  ')), ...rows];
    // Taller than the screen it could not be taken back.
    const shown = lines.slice(0, Math.max(2, (this.#stderr.rows ?? 24) - 1));
    this.#stderr.write(shown.map((line) => `${this.#fitted(line)}\n`).join(''));
    this.#drawn = shown.length;
  }

  #bar(): string {
    const width = Math.min(60, (this.#stderr.columns ?? 80) - 2);
    const cells = (count: number): number => Math.round((count / Math.max(1, this.#total)) * width);
    const done = cells(this.#ended);
    const passed = Math.min(done, cells(this.#counts.passed));
    return `${this.#paint('32', '█'.repeat(passed))}${this.#paint('31', '█'.repeat(done - passed))}${this.#paint('2', '░'.repeat(width - done))}`;
  }

  #clear(): void {
    if (this.#drawn > 0) this.#stderr.write(`\u001b[${this.#drawn}A\u001b[J`);
    this.#drawn = 0;
  }

  /** A line that wrapped would take two, and the table would climb. */
  #fitted(line: string): string {
    if (this.#timer === undefined) return line;
    const columns = this.#stderr.columns ?? 80;
    const plain = [...stripped(line)];
    return plain.length < columns ? line : `${plain.slice(0, columns - 2).join('')}…`;
  }

  #paint(code: string, text: string): string {
    return this.#colour && text !== '' ? `\u001b[${code}m${text}\u001b[0m` : text;
  }
}

const nameOf = ({ sample, number }: Attempt): string => attemptKey(sample.sampleId, number);

const stripped = (text: string): string => stripVTControlCharacters(text);
