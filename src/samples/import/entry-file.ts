import { constants } from 'node:buffer';
import { createReadStream } from 'node:fs';
import { open, readFile, stat } from 'node:fs/promises';
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { ImportError } from './import-error.js';

/** The entries of a file, each as one JSON text; '' where there is none, so that places keep their numbers. */
export interface EntryFile {
  /** What an entry's place, counted from 1, is called: `line 3`, `entry 3`, `row 3`. */
  readonly place: 'line' | 'entry' | 'row';
  readonly entries: readonly string[];
}

/** How a Parquet file begins, and ends. */
const PARQUET = 'PAR1';

/**
 * Reads a file of entries, told by its content: Parquet; JSON, which is a list of them, an object whose `samples` or
 * `data` is the list, or one entry; or else JSON lines.
 * @param largestText of a file that is larger, in bytes, only JSON lines are read
 * @throws {ImportError} when it can't be read, or is broken Parquet
 */
export async function readEntryFile(
  file: string,
  largestText = constants.MAX_STRING_LENGTH,
): Promise<EntryFile> {
  if ((await headOf(file)) === PARQUET) return { place: 'row', entries: await parquetRows(file) };
  // More than one string holds is in lines.
  if ((await stat(file)).size > largestText) return { place: 'line', entries: await linesOf(file) };
  const text = (await readFile(file, 'utf8')).replace(/^\ufeff/, '');
  const whole = jsonOf(text);
  if (whole === undefined || text.trim() === '') return { place: 'line', entries: text.split(/\r?\n/) };
  if (Array.isArray(whole)) return { place: 'entry', entries: whole.map(textOf) };
  const { samples, data } = whole as Readonly<Record<string, unknown>>;
  const list = [samples, data].find(Array.isArray) as readonly unknown[] | undefined;
  // One object on one line is a file of JSON lines that has a single one.
  if (list === undefined)
    return { place: text.trim().includes('\n') ? 'entry' : 'line', entries: [textOf(whole)] };
  return { place: 'entry', entries: list.map(textOf) };
}

async function headOf(file: string): Promise<string> {
  try {
    await using handle = await open(file, 'r');
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(PARQUET.length), 0, PARQUET.length, 0);
    return buffer.toString('latin1', 0, bytesRead);
  } catch (cause) {
    throw new ImportError(`There is no file ${file} that can be read.`, { cause });
  }
}

/** As bytes that are parted at line feeds alone: what readline takes for a line's end, JSON may have in a text. */
async function linesOf(file: string): Promise<string[]> {
  const lines: string[] = [];
  let begun: Buffer[] = [];
  const end = (last: Buffer): void => {
    const line = Buffer.concat([...begun, last])
      .toString('utf8')
      .replace(/\r$/, '');
    lines.push(lines.length === 0 ? line.replace(/^\ufeff/, '') : line);
    begun = [];
  };
  for await (const piece of createReadStream(file) as AsyncIterable<Buffer>) {
    let from = 0;
    for (let at = piece.indexOf(10); at >= 0; at = piece.indexOf(10, from)) {
      end(piece.subarray(from, at));
      from = at + 1;
    }
    begun.push(piece.subarray(from));
  }
  end(Buffer.alloc(0));
  return lines;
}

async function parquetRows(file: string): Promise<string[]> {
  try {
    const rows = await parquetReadObjects({ file: await asyncBufferFromFile(file), compressors });
    return rows.map(textOf);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new ImportError(`${file} is no Parquet file that can be read: ${why}.`, { cause });
  }
}

/** Undefined where the text as a whole is no JSON object or list. */
function jsonOf(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return value !== null && typeof value === 'object' ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Parquet has whole numbers that JSON has no type for. */
function textOf(value: unknown): string {
  return JSON.stringify(value, (_key, field: unknown) => (typeof field === 'bigint' ? Number(field) : field));
}
