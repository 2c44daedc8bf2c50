const HEADER = 8;

export const STDOUT = 1;
export const STDERR = 2;
const SYSTEM_ERROR = 3;

export interface DockerFrameSink {
  /** Bytes `from` to `end` of the chunk that was pushed belong to the stream. */
  data(stream: number, chunk: Buffer, from: number, end: number): void;
  /** Nothing more of use can come. */
  broken(why: string): void;
}

/** The frames in which a daemon sends stdout and stderr over one connection. Nothing is copied but cut headers. */
export class DockerFrames {
  readonly #sink: DockerFrameSink;
  readonly #header = Buffer.alloc(HEADER);
  #had = 0;
  #left = 0;
  #stream = 0;
  #isOver = false;

  constructor(sink: DockerFrameSink) {
    this.#sink = sink;
  }

  /** Takes no more, also of the chunk that is being read. */
  end(): void {
    this.#isOver = true;
  }

  push(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length && !this.#isOver) {
      if (this.#left === 0) {
        at = this.#readHeader(chunk, at);
        continue;
      }
      const end = Math.min(chunk.length, at + this.#left);
      this.#left -= end - at;
      this.#sink.data(this.#stream, chunk, at, end);
      at = end;
    }
  }

  #readHeader(chunk: Buffer, at: number): number {
    const end = Math.min(chunk.length, at + HEADER - this.#had);
    chunk.copy(this.#header, this.#had, at, end);
    this.#had += end - at;
    if (this.#had < HEADER) return end;
    this.#had = 0;
    this.#stream = this.#header[0] ?? 0;
    this.#left = this.#header.readUInt32BE(4);
    if (this.#stream >= SYSTEM_ERROR || this.#header.readUIntBE(1, 3) !== 0) {
      this.#isOver = true;
      this.#sink.broken(
        this.#stream === SYSTEM_ERROR
          ? 'The daemon could not go on sending what is written.'
          : 'The daemon sent what is no frame of an attached container.',
      );
    }
    return end;
  }
}
