import type { Readable, Writable } from 'node:stream';
import type { McpServer } from '@modelcontextprotocol/server';
import { serveStdio, StdioServerTransport } from '@modelcontextprotocol/server/stdio';

/** The longest message that is taken, in bytes: a file that may be written, every letter of it escaped. */
const MAX_MESSAGE_BYTES = 32 * 1024 * 1024;

/**
 * Serves the protocol over a pair of streams, messages a line each, until the client ends its input or `signal` is
 * aborted. Calls that are in work then are given up.
 * @param onError what went wrong beside the calls, such as a line that is no message
 */
export async function serveStreams(
  make: () => McpServer,
  {
    input,
    output,
    signal,
  }: { readonly input: Readable; readonly output: Writable; readonly signal: AbortSignal },
  onError: (error: Error) => void,
): Promise<void> {
  signal.throwIfAborted();
  const ended = new AbortController();
  const transport = new StdioServerTransport(input, output, { maxBufferSize: MAX_MESSAGE_BYTES });
  const handle = serveStdio(make, { transport, onerror: onError });
  const over = new Promise<void>((resolve) => {
    const options = { once: true, signal: ended.signal };
    signal.addEventListener('abort', () => resolve(), options);
    for (const event of ['end', 'close', 'error']) input.once(event, resolve);
    output.once('error', resolve).once('close', resolve);
  });
  try {
    await over;
  } finally {
    ended.abort();
    await handle.close();
  }
}
