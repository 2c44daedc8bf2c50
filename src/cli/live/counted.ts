import { Readable } from 'node:stream';

/** A stream's bytes as they are, counted as they go by. @param onMoved gets how many there were so far */
export function counted(content: Readable, onMoved: (bytes: number) => void): Readable {
  async function* pieces(): AsyncGenerator<Buffer> {
    let bytes = 0;
    for await (const piece of content as AsyncIterable<Buffer>) {
      bytes += piece.length;
      onMoved(bytes);
      yield piece;
    }
  }
  return Readable.from(pieces(), { objectMode: false });
}
