import { ReportError, reportText, type ReportLimits } from './report.js';

/** Goes through the lines of a report one by one, without ever holding all of them. */
export class ReportLines {
  readonly #text: string;
  readonly #limits: ReportLimits;
  #at = 0;
  /** Of the line that `next` gave last, from 1. */
  #number = 0;

  /** @throws {ReportError} when the report is too large or no UTF-8. */
  constructor(report: Uint8Array | string, limits: ReportLimits) {
    this.#text = reportText(report, limits);
    this.#limits = limits;
  }

  /**
   * The next line without its end; undefined after the last. A line end that ends the text begins no line.
   * @throws {ReportError} when the line is too long.
   */
  next(): string | undefined {
    const line = this.#lineAt(this.#at);
    if (line === undefined) return undefined;
    this.#number += 1;
    if (line.length > this.#limits.maxLineLength)
      this.refuse(`the line has more than ${this.#limits.maxLineLength} characters`);
    this.#at += line.length + 1;
    return line.endsWith('\r') ? line.slice(0, -1) : line;
  }

  /** What `next` will give. */
  peek(): string | undefined {
    return this.#lineAt(this.#at);
  }

  /** @throws {ReportError} with the number of the current line. */
  refuse(message: string): never {
    throw new ReportError(message, this.#number);
  }

  #lineAt(at: number): string | undefined {
    if (at >= this.#text.length) return undefined;
    const end = this.#text.indexOf('\n', at);
    return this.#text.slice(at, end < 0 ? this.#text.length : end);
  }
}
