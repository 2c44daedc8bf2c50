/** One output of a command as far as there is room: its head and, when the middle is missing, its tail. */
export class CollectedOutput {
  readonly #limit: number;
  readonly #head: Uint8Array[] = [];
  #headBytes = 0;
  readonly #tail: Uint8Array[] = [];
  #tailBytes = 0;
  #cut = 0;

  /** @param limit how many bytes are kept, half of them as the head when there are more. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** How many bytes are missing in the middle. */
  get cutBytes(): number {
    return this.#cut;
  }

  /** @param data kept as it is, not copied. */
  add(data: Uint8Array): void {
    let rest = data;
    if (this.#tailBytes === 0 && this.#cut === 0) {
      // While it all fits it is all head.
      const room = this.#limit - this.#headBytes;
      if (rest.length <= room) {
        this.#head.push(rest);
        this.#headBytes += rest.length;
        return;
      }
      this.#makeTail();
      rest = this.#fillHead(rest);
    }
    // Of one piece no more than the tail's own length can stay.
    const keep = this.#limit - Math.ceil(this.#limit / 2);
    if (rest.length > keep) {
      this.#cut += rest.length - keep;
      rest = rest.subarray(rest.length - keep);
    }
    this.#tail.push(rest);
    this.#tailBytes += rest.length;
    this.#dropFront(keep);
  }

  /** Bytes that are missing from what came. */
  skip(bytes: number): void {
    if (bytes === 0) return;
    if (this.#cut === 0 && this.#tailBytes === 0) this.#makeTail();
    // What stood before the hole can't be joined to what follows it.
    this.#cut += bytes + this.#tailBytes;
    this.#tail.length = 0;
    this.#tailBytes = 0;
  }

  bytes(): Buffer {
    return Buffer.concat([...this.#head, ...this.#tail]);
  }

  /** As UTF-8, with a line that says how many bytes are missing where they are. */
  text(): string {
    const head = Buffer.concat(this.#head).toString();
    if (this.#cut === 0) return head;
    return `${head}\n[… ${this.#cut} bytes left out …]\n${Buffer.concat(this.#tail).toString()}`;
  }

  /** What is beyond the first half of the limit becomes the tail. */
  #makeTail(): void {
    const headBytes = Math.ceil(this.#limit / 2);
    if (this.#headBytes <= headBytes) return;
    const all = Buffer.concat(this.#head);
    this.#head.length = 0;
    this.#head.push(all.subarray(0, headBytes));
    this.#headBytes = headBytes;
    this.#tail.push(all.subarray(headBytes));
    this.#tailBytes = all.length - headBytes;
  }

  /** @returns what does not fit into the first half. */
  #fillHead(data: Uint8Array): Uint8Array {
    const room = Math.max(0, Math.ceil(this.#limit / 2) - this.#headBytes);
    this.#head.push(data.subarray(0, room));
    this.#headBytes += Math.min(room, data.length);
    return data.subarray(room);
  }

  #dropFront(keep: number): void {
    while (this.#tailBytes > keep) {
      const [first] = this.#tail;
      if (first === undefined) return;
      const excess = this.#tailBytes - keep;
      const dropped = Math.min(excess, first.length);
      if (dropped === first.length) this.#tail.shift();
      else this.#tail[0] = first.subarray(dropped);
      this.#tailBytes -= dropped;
      this.#cut += dropped;
    }
  }
}
