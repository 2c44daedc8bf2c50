import type { Readable } from 'node:stream';

const PIECE = 64 * 1024;

/** A header and then a stream's bytes in pieces of 64 KiB, as the uploading calls take them. */
export async function* upload<H>(
  header: H,
  content: Readable,
): AsyncGenerator<{ part: { $case: 'header'; value: H } | { $case: 'data'; value: Buffer } }> {
  try {
    yield { part: { $case: 'header', value: header } };
    for await (const chunk of content as AsyncIterable<Buffer>) {
      for (let at = 0; at < chunk.length; at += PIECE) {
        yield { part: { $case: 'data', value: chunk.subarray(at, at + PIECE) } };
      }
    }
  } finally {
    content.destroy();
  }
}
