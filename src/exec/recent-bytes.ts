const SMALLEST = 256;
/** Full-sized memories that wait for the next stream, at most. */
const SPARE = 8;
const spare: Buffer[] = [];

/**
 * The last bytes of a stream by their offsets, in a ring that grows to a limit and is then written over and over:
 * a stream of any length costs no further memory, and none that the garbage collector has to find again.
 */
export class RecentBytes {
  readonly #limit: number;
  #memory: Buffer | undefined;
  #start: number;
  #end: number;

  /** @param limit the most that it holds, a power of two. @param start offset of the first byte to come. */
  constructor(limit: number, start: number) {
    this.#limit = limit;
    this.#start = this.#end = start;
  }

  /** Offset of the first byte that is held. */
  get start(): number {
    return this.#start;
  }

  /** Offset behind the last byte. */
  get end(): number {
    return this.#end;
  }

  /**
   * Copies bytes in; the oldest ones give way.
   * @param keepFrom what must stay. @throws RangeError when there is no room beside it.
   */
  append(data: Uint8Array, keepFrom: number): void {
    if (this.#end + data.length - Math.max(this.#start, keepFrom) > this.#limit) {
      throw new RangeError(`${data.length} bytes more than may wait`);
    }
    const memory = this.#roomFor(data.length);
    const at = this.#end % memory.length;
    const first = Math.min(data.length, memory.length - at);
    memory.set(first === data.length ? data : data.subarray(0, first), at);
    if (first < data.length) memory.set(data.subarray(first), 0);
    this.#end += data.length;
    if (this.#end - this.#start > memory.length) this.#start = this.#end - memory.length;
  }

  /** Copies out what is held from `offset` on, as far as `into` has room. @returns how many bytes. */
  read(offset: number, into: Uint8Array): number {
    const length = Math.min(into.length, this.#end - offset);
    let done = 0;
    for (const piece of this.views(offset, offset + length)) {
      into.set(piece, done);
      done += piece.length;
    }
    return done;
  }

  /** Views of [from, to), which is held; good until what lies there gives way. */
  views(from: number, to: number): Buffer[] {
    const memory = this.#memory;
    if (memory === undefined || to <= from) return [];
    const at = from % memory.length;
    const first = Math.min(to - from, memory.length - at);
    const views = [memory.subarray(at, at + first)];
    if (first < to - from) views.push(memory.subarray(0, to - from - first));
    return views;
  }

  /** Gives all of the memory back. The caller sees to it that no view is in use. */
  clear(): void {
    const memory = this.#memory;
    this.#memory = undefined;
    this.#start = this.#end;
    if (memory?.length === this.#limit && spare.length < SPARE) spare.push(memory);
  }

  #roomFor(more: number): Buffer {
    const held = this.#end - this.#start;
    const memory = this.#memory;
    if (memory !== undefined && (memory.length === this.#limit || held + more <= memory.length))
      return memory;
    let size = memory === undefined ? SMALLEST : memory.length * 2;
    while (size < held + more && size < this.#limit) size *= 2;
    const larger = allocate(Math.min(size, this.#limit), this.#limit);
    let at = this.#start;
    for (const piece of this.views(this.#start, this.#end)) {
      for (let rest = piece; rest.length > 0;) {
        const place = at % larger.length;
        const length = Math.min(rest.length, larger.length - place);
        larger.set(rest.subarray(0, length), place);
        rest = rest.subarray(length);
        at += length;
      }
    }
    this.#memory = larger;
    return larger;
  }
}

function allocate(size: number, limit: number): Buffer {
  if (size === limit) {
    const index = spare.findLastIndex((memory) => memory.length === size);
    const [found] = index < 0 ? [] : spare.splice(index, 1);
    if (found !== undefined) return found;
  }
  return Buffer.allocUnsafe(size);
}
