import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** How a program in a terminal ended. */
export interface PtyEnd {
  /** Its exit status, or minus the signal that ended it. */
  readonly exit: number;
  /** The terminal's modes as `stty -g` prints them, before the program and after it. */
  readonly before: string;
  readonly after: string;
}

/** A program in a terminal of its own, 24 lines of 80 characters at first. */
export class Pty implements AsyncDisposable {
  readonly #child;
  #screen = '';
  #modes: ((modes: string) => void)[] = [];
  #waiting: { readonly pattern: RegExp; readonly found: (match: RegExpExecArray) => void }[] = [];
  #end: PtyEnd | undefined;
  readonly #ended: Promise<void>;

  constructor(argv: readonly string[], env: Readonly<Record<string, string | undefined>>) {
    const helper = join(import.meta.dirname, 'children/in_terminal.py');
    this.#child = spawn('python3', [helper, ...argv], { stdio: ['pipe', 'pipe', 'inherit'], env });
    const lines = createInterface({ input: this.#child.stdout });
    lines.on('line', (line) => this.#take(JSON.parse(line) as Record<string, unknown>));
    this.#ended = once(lines, 'close').then(() => undefined);
  }

  /** Everything that came to the screen since the start, or since what `shows` found last. */
  get screen(): string {
    return this.#screen;
  }

  type(text: string): void {
    this.#tell({ type: text });
  }

  resize(rows: number, columns: number): void {
    this.#tell({ size: [rows, columns] });
  }

  kill(signal: NodeJS.Signals): void {
    this.#tell({ kill: signal });
  }

  /** The terminal's modes now. */
  modes(): Promise<string> {
    return new Promise((resolve) => {
      this.#modes.push(resolve);
      this.#tell({ stty: true });
    });
  }

  /** Resolves when the screen shows it after what was found before. @throws when the program ends without. */
  async shows(pattern: RegExp): Promise<string> {
    const found = new Promise<RegExpExecArray>((resolve) => {
      this.#waiting.push({ pattern, found: resolve });
      this.#look();
    });
    const over = this.#ended.then(() => {
      throw new Error(`The program ended without ${String(pattern)} on its screen:\n${this.#screen}`);
    });
    over.catch(() => undefined);
    return (await Promise.race([found, over]))[0];
  }

  async end(): Promise<PtyEnd> {
    await this.#ended;
    if (this.#end === undefined) throw new Error('The terminal told no end.');
    return this.#end;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#end === undefined) this.kill('SIGKILL');
    await this.#ended;
  }

  #tell(command: Record<string, unknown>): void {
    this.#child.stdin.write(`${JSON.stringify(command)}\n`);
  }

  #take(message: Record<string, unknown>): void {
    if (typeof message['screen'] === 'string') {
      this.#screen += Buffer.from(message['screen'], 'base64').toString();
      this.#look();
    }
    if (typeof message['stty'] === 'string') this.#modes.shift()?.(message['stty']);
    if ('exit' in message) this.#end = message as unknown as PtyEnd;
  }

  #look(): void {
    for (const waiting of [...this.#waiting]) {
      const match = waiting.pattern.exec(this.#screen);
      if (match === null) return;
      this.#waiting.shift();
      this.#screen = this.#screen.slice(match.index + match[0].length);
      waiting.found(match);
    }
  }
}
