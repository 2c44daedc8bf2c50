import type { Writable } from 'node:stream';
import type { JsonType, MessageOf } from '../client/proto-json.js';

export type Colour = 'red' | 'green' | 'yellow' | 'dim' | 'bold';

const CODES: Readonly<Record<Colour, string>> = { red: '31', green: '32', yellow: '33', dim: '2', bold: '1' };

export interface OutputOptions {
  readonly stdout: Writable;
  readonly stderr: Writable;
  readonly json: boolean;
  /** Escape codes on stdout, and on stderr. */
  readonly colour: { readonly stdout: boolean; readonly stderr: boolean };
}

/** Lines at the foot of the terminal, which are taken away before anything else is written there. */
export interface Foot {
  clear(): void;
}

/** What a command says: answers on stdout, everything else on stderr. */
export class Output {
  readonly json: boolean;
  /** What stands at the foot of the terminal at the moment, if anything does. */
  foot: Foot | undefined;
  readonly #options: OutputOptions;

  constructor(options: OutputOptions) {
    this.#options = options;
    this.json = options.json;
    watchForEnd(options.stdout);
    watchForEnd(options.stderr);
  }

  line(text = ''): void {
    this.foot?.clear();
    this.#options.stdout.write(`${text}\n`);
  }

  /** Bytes as they are; resolves when there is room for more. */
  async bytes(data: Uint8Array): Promise<void> {
    this.foot?.clear();
    await writeBytes(this.#options.stdout, data);
  }

  /**
   * Bytes as they are, on stdout or stderr. @returns undefined, or what resolves when there is room for more.
   * @throws OutputClosed
   */
  write(data: Uint8Array, to: 'stdout' | 'stderr'): Promise<void> | undefined {
    this.foot?.clear();
    return writeBytes(this.#options[to], data);
  }

  /** One document, or with `pretty` false one line of a stream. */
  async message<T extends JsonType>(type: T, message: MessageOf<T>, pretty = true): Promise<void> {
    // Loaded when wanted: without it other commands start in four fifths of the time.
    const { protoJson } = await import('../client/proto-json.js');
    await this.document(protoJson(type, message), pretty);
  }

  document(value: unknown, pretty = true): Promise<void> {
    return this.bytes(Buffer.from(`${JSON.stringify(value, undefined, pretty ? 2 : undefined)}\n`));
  }

  /** A sentence about what goes on, for people. */
  note(text: string): void {
    this.foot?.clear();
    this.#options.stderr.write(`${text}\n`);
  }

  /** Columns side by side; the first row is the heading. */
  table(rows: readonly (readonly string[])[]): void {
    for (const line of columns(rows)) this.line(line);
  }

  paint(colour: Colour, text: string): string {
    return this.#options.colour.stdout ? `\u001b[${CODES[colour]}m${text}\u001b[0m` : text;
  }
}

/** Whoever read our output has gone, as `| head` does: there is nobody left to tell anything. */
export class OutputClosed extends Error {
  override readonly name = 'OutputClosed';
}

/** Process streams come back to life after an error, so that it is kept here. */
const closed = new WeakSet<Writable>();

function watchForEnd(stream: Writable): void {
  if (closed.has(stream) || stream.listeners('error').includes(noteEnd)) return;
  stream.on('error', noteEnd);
}

function noteEnd(this: Writable): void {
  closed.add(this);
}

/** Resolves when the stream takes more. @throws OutputClosed */
function writeBytes(stream: Writable, data: Uint8Array): Promise<void> | undefined {
  if (closed.has(stream)) throw new OutputClosed('The output was closed.');
  if (data.length === 0 || stream.write(data)) return undefined;
  return new Promise((resolve, reject) => {
    const settle = (): void => {
      stream.off('drain', settle).off('error', settle).off('close', settle);
      if (closed.has(stream) || stream.destroyed) reject(new OutputClosed('The output was closed.'));
      else resolve();
    };
    stream.on('drain', settle).on('error', settle).on('close', settle);
  });
}

/** Control characters of others would steer the terminal. */
export function printable(text: string): string {
  return text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, '�');
}

export function columns(rows: readonly (readonly string[])[]): readonly string[] {
  const cells = rows.map((row) => row.map((cell) => printable(cell).replaceAll(/[\n\t]/g, ' ')));
  const widths: number[] = [];
  for (const row of cells) row.forEach((cell, i) => (widths[i] = Math.max(widths[i] ?? 0, [...cell].length)));
  return cells.map((row) =>
    row
      .map((cell, i) =>
        i === row.length - 1 ? cell : cell + ' '.repeat((widths[i] ?? 0) - [...cell].length),
      )
      .join('  ')
      .trimEnd(),
  );
}
