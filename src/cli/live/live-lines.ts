import { stripVTControlCharacters } from 'node:util';
import type { CliOutput } from '../context.js';
import { printable, type Foot } from '../output.js';

const DRAW_MS = 250;
/** Things at work that are shown. */
const MAX_ROWS = 12;

/**
 * Lines at the foot of a terminal that are drawn again as things go on, and above them lines that stay. Elsewhere than
 * on a terminal only the lines that stay are written.
 */
export class LiveLines implements Foot, Disposable {
  readonly #stderr: CliOutput;
  readonly #colour: boolean;
  readonly #lines: () => readonly string[];
  readonly #timer: NodeJS.Timeout | undefined;
  #drawn = 0;

  /**
   * @param options `live` whether anything is drawn again (default: on a terminal)
   * @param lines what stands at the foot at the moment, made with `paint`
   */
  constructor(
    stderr: CliOutput,
    options: { readonly colour: boolean; readonly live?: boolean },
    lines: () => readonly string[],
  ) {
    this.#stderr = stderr;
    this.#colour = options.colour;
    this.#lines = lines;
    if (options.live ?? stderr.isTTY === true) this.#timer = setInterval(() => this.draw(), DRAW_MS);
  }

  /** Whether anything is drawn again. */
  get live(): boolean {
    return this.#timer !== undefined;
  }

  /** How many columns a line may have. */
  get columns(): number {
    // A terminal that was told no size says 0.
    return this.#stderr.columns || 80;
  }

  /** A line that stays, above the others. */
  say(text: string): void {
    this.#write(`${harmless(text)}\n`, this.#foot());
  }

  /** As `say`; on a terminal no longer than a line of it, for what is told in full elsewhere. */
  sayBriefly(text: string): void {
    this.say(this.live ? this.#fitted(text) : text);
  }

  draw(): void {
    if (this.live) this.#write('', this.#foot());
  }

  /** @param code of a colour or style, as ECMA-48 numbers them */
  paint(code: string, text: string): string {
    return this.#colour && text !== '' ? `\u001b[${code}m${text}\u001b[0m` : text;
  }

  /** A bar of `cells`, the first of them in the colours given, the rest empty. */
  bar(cells: number, parts: readonly (readonly [code: string, cells: number])[]): string {
    const filled = parts.map(([code, count]) => this.paint(code, '█'.repeat(count))).join('');
    const left = parts.reduce((rest, [, count]) => rest - count, cells);
    return `${filled}${this.paint('2', '░'.repeat(left))}`;
  }

  /** As many rows as are shown, and how many more there are. */
  firstOf<T>(things: Iterable<T>, rowOf: (thing: T) => string): readonly string[] {
    const all = [...things];
    const rows = all.slice(0, MAX_ROWS).map(rowOf);
    const more = all.length - rows.length;
    return more > 0 ? [...rows, this.paint('2', `  and ${more} more`)] : rows;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.clear();
  }

  /** Takes the lines at the foot away until they are drawn again. */
  clear(): void {
    if (this.#drawn > 0) this.#write('', []);
  }

  #foot(): readonly string[] {
    if (!this.live) return [];
    // Taller than the screen it could not be taken back.
    return this.#lines()
      .slice(0, Math.max(2, (this.#stderr.rows || 24) - 1))
      .map((line) => this.#fitted(harmless(line)));
  }

  /** All in one piece, so that nobody sees the foot missing. */
  #write(text: string, foot: readonly string[]): void {
    const back = this.#drawn > 0 ? `\u001b[${this.#drawn}A\u001b[J` : '';
    this.#stderr.write(`${back}${text}${foot.map((line) => `${line}\n`).join('')}`);
    this.#drawn = foot.length;
  }

  /** A line that wrapped would take two, and the lines would climb. */
  #fitted(line: string): string {
    const plain = [...stripped(line)];
    return plain.length < this.columns ? line : `${plain.slice(0, this.columns - 2).join('')}…`;
  }
}

/** Only colours are left of what steers a terminal: texts of others are among ours. */
function harmless(text: string): string {
  return text
    .split(/(\u001b\[[\d;]*m)/)
    .map((part, i) => (i % 2 === 1 ? part : printable(part)))
    .join('');
}

const stripped = (text: string): string => stripVTControlCharacters(text);
