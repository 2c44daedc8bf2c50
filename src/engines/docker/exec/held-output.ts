/** Bytes of a stream that its reader has not recorded yet, to be sent again on a new connection. */
export class HeldOutput {
  readonly #pieces: Buffer[] = [];
  #start = 0;
  /** How far the stream has come. */
  end = 0;
  /** How far of it was sent over the connection that is open now. */
  sent = 0;
  /** It came to its end, at `end`. */
  isEnded = false;
  isEndSent = false;
  isEndRecorded = false;

  get held(): number {
    return this.end - this.#start;
  }

  /** @param piece is kept: it must not change */
  add(piece: Buffer): void {
    this.#pieces.push(piece);
    this.end += piece.length;
  }

  /** What comes after `sent`, one piece at a time. */
  next(): Buffer | undefined {
    let at = this.#start;
    for (const piece of this.#pieces) {
      const end = at + piece.length;
      if (end > this.sent) return piece.subarray(this.sent - at);
      at = end;
    }
    return undefined;
  }

  recorded(upto: number): void {
    for (;;) {
      const [first] = this.#pieces;
      if (first === undefined || this.#start + first.length > upto) break;
      this.#pieces.shift();
      this.#start += first.length;
    }
    this.sent = Math.max(this.sent, Math.min(upto, this.end));
  }

  /** A new connection's reader has so much. */
  resume(from: number): void {
    this.sent = Math.max(this.#start, Math.min(from, this.end));
    this.isEndSent = false;
  }
}
