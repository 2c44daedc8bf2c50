/** The block that the table is asked for, in bytes. */
const BLOCK = 3;
const TABLE = 1 << 18;

/** Bytes that the shortest piece has at least. */
export const MIN_PIECE_BYTES = 8;

/** Finds many pieces at once in bytes that come in parts: of most bytes it looks at one in several (Wu and Manber's way). */
export class PieceSearch {
  readonly #pieces: readonly Buffer[];
  readonly #window: number;
  readonly #longest: number;
  /** How far the window may move on when the block at its end is this one. */
  readonly #shifts: Uint8Array;
  /** Pieces whose window ends with this block. */
  readonly #ending = new Map<number, number[]>();

  /** @param pieces each of at least MIN_PIECE_BYTES */
  constructor(pieces: readonly Buffer[]) {
    this.#pieces = pieces;
    this.#window = pieces.reduce((least, { length }) => Math.min(least, length), 128);
    this.#longest = pieces.reduce((most, { length }) => Math.max(most, length), 0);
    this.#shifts = new Uint8Array(TABLE).fill(this.#window - BLOCK + 1);
    for (const [index, piece] of pieces.entries()) {
      for (let end = BLOCK - 1; end < this.#window; end++) {
        const block = blockAt(piece, end);
        this.#shifts[block] = Math.min(this.#shifts[block] ?? 0, this.#window - 1 - end);
      }
      const last = blockAt(piece, this.#window - 1);
      this.#ending.set(last, [...(this.#ending.get(last) ?? []), index]);
    }
  }

  /** Looks through one place, part by part. @returns which pieces it held so far, as it is fed */
  place(): { readonly found: ReadonlySet<number>; feed(part: Uint8Array): void } {
    const found = new Set<number>();
    let before = Buffer.alloc(0);
    return {
      found,
      feed: (part) => {
        const data = Buffer.concat([before, part]);
        this.#scan(data, found);
        before = data.subarray(Math.max(0, data.length - this.#longest + 1));
      },
    };
  }

  #scan(data: Buffer, found: Set<number>): void {
    if (this.#pieces.length === 0) return;
    let end = this.#window - 1;
    while (end < data.length) {
      const block = blockAt(data, end);
      const shift = this.#shifts[block] ?? 0;
      if (shift > 0) {
        end += shift;
        continue;
      }
      const start = end - this.#window + 1;
      for (const index of this.#ending.get(block) ?? []) {
        const piece = this.#pieces[index];
        if (piece === undefined || data[start] !== piece[0] || start + piece.length > data.length) continue;
        if (piece.equals(data.subarray(start, start + piece.length))) found.add(index);
      }
      end++;
    }
  }
}

/** A number for the three bytes up to `end`; different ones may share it. */
function blockAt(data: Buffer, end: number): number {
  return (((data[end - 2] ?? 0) << 10) ^ ((data[end - 1] ?? 0) << 5) ^ (data[end] ?? 0)) & (TABLE - 1);
}
