import { once } from 'node:events';
import type { Writable } from 'node:stream';
import { protoJson, type JsonType, type MessageOf } from '../client/proto-json.js';

export type Colour = 'red' | 'green' | 'yellow' | 'dim' | 'bold';

const CODES: Readonly<Record<Colour, string>> = { red: '31', green: '32', yellow: '33', dim: '2', bold: '1' };

export interface OutputOptions {
  readonly stdout: Writable;
  readonly stderr: Writable;
  readonly json: boolean;
  /** Escape codes on stdout, and on stderr. */
  readonly colour: { readonly stdout: boolean; readonly stderr: boolean };
}

/** What a command says: answers on stdout, everything else on stderr. */
export class Output {
  readonly json: boolean;
  readonly #options: OutputOptions;

  constructor(options: OutputOptions) {
    this.#options = options;
    this.json = options.json;
  }

  line(text = ''): void {
    this.#options.stdout.write(`${text}\n`);
  }

  /** Bytes as they are; resolves when there is room for more. */
  bytes(data: Uint8Array): Promise<void> {
    return writeBytes(this.#options.stdout, data);
  }

  errorBytes(data: Uint8Array): Promise<void> {
    return writeBytes(this.#options.stderr, data);
  }

  /** One document, or with `pretty` false one line of a stream. */
  message<T extends JsonType>(type: T, message: MessageOf<T>, pretty = true): Promise<void> {
    return this.document(protoJson(type, message), pretty);
  }

  document(value: unknown, pretty = true): Promise<void> {
    return this.bytes(Buffer.from(`${JSON.stringify(value, undefined, pretty ? 2 : undefined)}\n`));
  }

  /** A sentence about what goes on, for people. */
  note(text: string): void {
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

/** A stream whose reader has gone takes nothing more and is no error here. */
async function writeBytes(stream: Writable, data: Uint8Array): Promise<void> {
  if (stream.destroyed || data.length === 0) return;
  if (!stream.write(data)) await Promise.race([once(stream, 'drain'), once(stream, 'close')]);
}

/** Control characters of others would steer the terminal. */
export function printable(text: string): string {
  // eslint-disable-next-line no-control-regex
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
