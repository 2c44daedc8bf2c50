import type { Writable } from 'node:stream';
import { columns } from '../cli/output.js';

/** Tells the demo: numbered steps, what is typed, what it answers. Plain text in a log, colour in a terminal. */
export class Story {
  readonly #out: Writable;
  readonly #colour: boolean;
  readonly #start = performance.now();
  #step = 0;
  /** What a command wrote and no line feed ended yet. */
  #rest = '';

  constructor(out: Writable, colour: boolean) {
    this.#out = out;
    this.#colour = colour;
  }

  get seconds(): string {
    return ((performance.now() - this.#start) / 1000).toFixed(1);
  }

  step(title: string): void {
    this.#step += 1;
    this.#line();
    this.#line(`${this.#paint('1;36', `${this.#step}. ${title}`)}`);
  }

  say(text: string): void {
    this.#line(`   ${text}`);
  }

  quiet(text: string): void {
    this.#line(this.#paint('2', `   ${text}`));
  }

  good(text: string): void {
    this.#line(`   ${this.#paint('1;32', text)}`);
  }

  bad(text: string): void {
    this.#line(`   ${this.#paint('1;31', text)}`);
  }

  /** What an agent types. */
  typed(command: string): void {
    this.#line(`   ${this.#paint('1', `$ ${command}`)}`);
  }

  table(rows: readonly (readonly string[])[]): void {
    for (const line of columns(rows)) this.say(line);
  }

  /** A command's output as it comes, each line behind the time it arrived at. */
  stream(data: Uint8Array): void {
    const lines = (this.#rest + Buffer.from(data).toString()).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) this.#line(`   ${this.#paint('2', `${this.seconds.padStart(5)} s │`)} ${line}`);
  }

  streamEnd(): void {
    if (this.#rest !== '') this.stream(Buffer.from('\n'));
  }

  diffLine(line: string): void {
    const code = line.startsWith('+') ? '32' : line.startsWith('-') ? '31' : '2';
    this.#line(`   ${this.#paint(code, line)}`);
  }

  #line(text = ''): void {
    this.#out.write(`${text}\n`);
  }

  #paint(code: string, text: string): string {
    return this.#colour ? `\u001b[${code}m${text}\u001b[0m` : text;
  }
}
