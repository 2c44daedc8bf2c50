const TILDE = 0x7e;
const LEAVE = 0x2e;
const HELP = 0x3f;
const LINE_ENDS: ReadonlySet<number> = new Set([0x0a, 0x0d]);

/** What keys come to: what the command gets, and what this program is told. */
export interface Keys {
  readonly data: Buffer;
  /** `leave`: what was typed behind it is nobody's. */
  readonly asked: 'leave' | 'help' | undefined;
}

/**
 * Keys that are meant for this program, as ssh has them: behind a line end `~.` leaves, `~?` tells which there are,
 * `~~` is a tilde. All others go to the command, a tilde with the key behind it once that is known.
 */
export class EscapeKeys {
  #atLineStart = true;
  #tilde = false;

  /** @param typed as it was read; a key may be cut between two readings */
  take(typed: Buffer): Keys {
    const data: number[] = [];
    let asked: Keys['asked'];
    for (const key of typed) {
      if (this.#tilde) {
        this.#tilde = false;
        if (key === LEAVE) return { data: Buffer.from(data), asked: 'leave' };
        if (key === HELP) {
          asked = 'help';
          this.#atLineStart = true;
          continue;
        }
        data.push(TILDE);
        if (key === TILDE) {
          this.#atLineStart = false;
          continue;
        }
      } else if (key === TILDE && this.#atLineStart) {
        this.#tilde = true;
        continue;
      }
      data.push(key);
      this.#atLineStart = LINE_ENDS.has(key);
    }
    return { data: Buffer.from(data), asked };
  }
}
