import { CodesetError } from '../core/errors.js';
import type { Page } from '../core/ports/storage.js';

/** A place in a list that is ordered by creation, newest first; ids break ties. */
export interface Place {
  readonly createTime: number;
  readonly id: string;
}

export function placeOut(place: Place): string {
  return `${place.createTime}:${place.id}`;
}

/** @throws INVALID_PAGE_TOKEN for what `placeOut` never wrote. */
export function placeIn(text: string): Place {
  const match = /^(-?\d{1,16}):(.+)$/s.exec(text);
  if (match?.[1] === undefined || match[2] === undefined) {
    throw new CodesetError(
      'invalid-argument',
      'INVALID_PAGE_TOKEN',
      'The page token is not one that this list gave out: begin again without one.',
    );
  }
  return { createTime: Number(match[1]), id: match[2] };
}

/** @param rows one more than `size` when there is a further page. */
export function pageOf<Row, T>(
  rows: readonly Row[],
  size: number,
  decode: (row: Row) => T,
  place: (row: Row) => string,
): Page<T> {
  const shown = rows.slice(0, size);
  const last = shown.at(-1);
  return {
    items: shown.map(decode),
    next: rows.length > size && last !== undefined ? place(last) : undefined,
  };
}

/** Core bounds sizes; this only keeps a wrong one from reading a whole table. */
export function limitOf(size: number): number {
  if (!Number.isInteger(size) || size < 1 || size > 10_000)
    throw new Error(`A page can't hold ${size} items.`);
  return size + 1;
}
