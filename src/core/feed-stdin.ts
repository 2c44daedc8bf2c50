import type { InternalProcess } from './ports/execs.js';

const PIECE_BYTES = 64 * 1024;

/** Writes content to a process in pieces, each when there is room; the end of input stays the caller's. */
export async function writeStdin(stdin: InternalProcess['stdin'], content: Uint8Array): Promise<void> {
  for (let at = 0; at < content.length; at += PIECE_BYTES) {
    await stdin.write(content.subarray(at, at + PIECE_BYTES));
  }
}

/** Writes all of a process's input and ends it. Undefined: it has none. */
export async function feedStdin(
  stdin: InternalProcess['stdin'],
  content: Uint8Array | undefined,
): Promise<void> {
  if (content === undefined) return;
  await writeStdin(stdin, content);
  await stdin.end();
}
