import { PassThrough, Writable } from 'node:stream';
import { runCli } from '../../src/cli/program.js';

export interface CliRun {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly bytes: Buffer;
}

export interface CliInput {
  readonly stdin?: Uint8Array | string;
  /** Sees each piece of stdout as it comes. */
  readonly onStdout?: (text: string) => void;
  /** Gets a function that sends a signal to the command line. */
  readonly onStart?: (signal: (name: 'SIGINT' | 'SIGTERM') => void) => void;
}

/** One command line in this process, with streams of its own. */
export async function cli(args: readonly string[], input: CliInput = {}): Promise<CliRun> {
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  const stdin = new PassThrough();
  stdin.end(input.stdin ?? '');
  const handlers = new Set<(name: 'SIGINT' | 'SIGTERM') => void>();
  input.onStart?.((name) => handlers.forEach((handler) => handler(name)));
  const status = await runCli(args, {
    stdin,
    stdout: sink(out, input.onStdout),
    stderr: sink(err),
    onSignal: (handler) => {
      handlers.add(handler);
      return () => handlers.delete(handler);
    },
  });
  const bytes = Buffer.concat(out);
  return { status, bytes, stdout: bytes.toString(), stderr: Buffer.concat(err).toString() };
}

function sink(chunks: Buffer[], onText: (text: string) => void = () => undefined): Writable {
  return new Writable({
    write(chunk: Buffer, _encoding, done) {
      chunks.push(chunk);
      onText(chunk.toString());
      done();
    },
  });
}
