import type { Readable, Writable } from 'node:stream';
import type { McpServer } from '@modelcontextprotocol/server';
import { serveStdio, StdioServerTransport } from '@modelcontextprotocol/server/stdio';

/** The longest message that is taken, in bytes: a file that may be written, every letter of it escaped. */
const MAX_MESSAGE_BYTES = 32 * 1024 * 1024;

/** One that tells that it was closed, as it is by itself when a message is too long. */
class ClosingTransport extends StdioServerTransport {
  readonly closed: Promise<void>;
  #tell: () => void = () => undefined;

  constructor(input: Readable, output: Writable) {
    super(input, output, { maxBufferSize: MAX_MESSAGE_BYTES });
    this.closed = new Promise((resolve) => (this.#tell = resolve));
  }

  override async close(): Promise<void> {
    await super.close();
    this.#tell();
  }
}

/**
 * Serves the protocol over a pair of streams, messages a line each, until the client ends its input, sends a message
 * that is too long, or `signal` is aborted. Calls that are in work then are given up.
 * @param onError what went wrong beside the calls; a line that is no JSON is passed over
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
  const transport = new ClosingTransport(input, output);
  const handle = serveStdio(make, { transport, onerror: onError });
  const over = new Promise<void>((resolve) => {
    const options = { once: true, signal: ended.signal };
    signal.addEventListener('abort', () => resolve(), options);
    for (const event of ['end', 'close', 'error']) input.once(event, resolve);
    void transport.closed.then(resolve);
    output.once('error', resolve).once('close', resolve);
  });
  try {
    await over;
  } finally {
    ended.abort();
    await handle.close();
  }
}
