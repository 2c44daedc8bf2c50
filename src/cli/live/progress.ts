import type { StageEvent } from '../../client/types.js';
import { stage } from '../../client/words.js';
import { clock } from '../../eval/figures.js';
import type { CommandContext } from '../context.js';
import { printable, type Output } from '../output.js';
import { LiveLines } from './live-lines.js';

const BAR = 20;
/** Over how long a rate is taken, in milliseconds. */
const RATE_MS = 3000;

interface Row {
  text: string;
  readonly since: number;
  /** Of the step it is at; undefined where that counts none. */
  bytes: { readonly done: number; readonly total: number | undefined } | undefined;
  /** When how many were done, of late. */
  readonly seen: { readonly time: number; readonly done: number }[];
}

/**
 * What goes on meanwhile, for somebody who watches: on a terminal a line for each thing at work, with a bar where bytes
 * are counted, and a line over all where there are several. Elsewhere, and with `--json`, nothing.
 */
export class Progress implements Disposable {
  readonly #out: Output;
  readonly #lines: LiveLines;
  readonly #total: number;
  readonly #began = Date.now();
  readonly #rows = new Map<string, Row>();
  #ended = 0;

  /** @param total how many things there will be; 0 where that is not known */
  constructor({ io, watched, config, out }: CommandContext, total = 0) {
    this.#total = total;
    const live = watched && !out.json;
    this.#out = out;
    this.#lines = new LiveLines(io.stderr, { colour: !config.noColor, live }, () => this.#shown());
    out.foot = this.#lines;
  }

  /** A line that stays. */
  say(text: string): void {
    if (this.#lines.live) this.#lines.say(text);
  }

  /** Something is at a step. */
  at(name: string, text: string): void {
    const row = this.#row(name);
    if (row.text !== text) {
      row.bytes = undefined;
      row.seen.length = 0;
    }
    row.text = text;
  }

  /** Something moves bytes in its step. @param total undefined where it is not known */
  moved(name: string, done: number, total?: number): void {
    const row = this.#row(name);
    const time = Date.now();
    // An archive is somewhat longer than what is in it.
    row.bytes = total ? { done: Math.min(done, total), total } : { done, total: undefined };
    row.seen.push({ time, done });
    while ((row.seen[0]?.time ?? time) < time - RATE_MS) row.seen.shift();
  }

  /** Shows an event of the service. */
  stage(name: string, event: StageEvent): void {
    const word = stage(event.stage).toLowerCase();
    if (event.doneBytes === undefined) {
      this.at(name, `${word}: ${lastLine(event.message)}`);
    } else {
      // What moves tells its bytes again and again, its sentence may change with them.
      const row = this.#row(name);
      row.text = `${word}: ${lastLine(event.message)}`;
      this.moved(name, Number(event.doneBytes), Number(event.totalBytes ?? 0n));
    }
  }

  /** Something has come to its end. */
  end(name: string): void {
    this.#ended++;
    this.leave(name);
  }

  /** Something is shown no more, and is none of those that are counted. */
  leave(name: string): void {
    this.#rows.delete(name);
    this.#lines.draw();
  }

  [Symbol.dispose](): void {
    this.#lines[Symbol.dispose]();
    this.#out.foot = undefined;
  }

  #row(name: string): Row {
    let row = this.#rows.get(name);
    if (row === undefined) {
      row = { text: '', since: Date.now(), bytes: undefined, seen: [] };
      this.#rows.set(name, row);
    }
    return row;
  }

  #shown(): readonly string[] {
    const rows = this.#lines.firstOf(this.#rows, ([name, row]) => this.#rowText(name, row));
    if (this.#total < 2) return rows;
    const elapsed = clock((Date.now() - this.#began) / 1000);
    const head = `${this.#bar(this.#ended / this.#total)} ${this.#ended}/${this.#total}  ${elapsed}`;
    return [head, ...rows];
  }

  #rowText(name: string, { text, since, bytes, seen }: Row): string {
    const time = clock((Date.now() - since) / 1000);
    const what = this.#lines.paint('2', `${time}  ${text}`);
    if (bytes === undefined) return `${name}  ${what}`;
    const { done, total } = bytes;
    const share = total === undefined ? '' : `${this.#bar(done / total)} `;
    const of = total === undefined ? '' : ` of ${sizeText(total)}`;
    const [first] = seen;
    const last = seen.at(-1);
    const passed = first === undefined || last === undefined ? 0 : last.time - first.time;
    const rate =
      passed < 500 ? '' : `  ${sizeText((1000 * ((last?.done ?? 0) - (first?.done ?? 0))) / passed)}/s`;
    return `${name}  ${share}${sizeText(done)}${of}${rate}  ${what}`;
  }

  #bar(share: number): string {
    const done = Math.max(0, Math.min(BAR, Math.floor(share * BAR)));
    return this.#lines.bar(BAR, [['32', done]]);
  }
}

/** What a program printed last; what it drew over with carriage returns is gone. */
function lastLine(text: string): string {
  const lines = text.trimEnd().split(/[\r\n]/);
  return printable(lines.at(-1) ?? '').replaceAll('\t', ' ');
}

/** `12.3 MiB`. */
export function sizeText(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = Math.max(0, bytes);
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 ? Math.round(value) : value.toFixed(1)} ${units[unit] ?? ''}`;
}
