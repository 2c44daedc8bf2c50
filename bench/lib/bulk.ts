import { OutputPace, OutputStream } from '../../gen/codeset/v1/exec.js';
import type { Connection } from '../../src/client/connection.js';
import { ExecCall } from '../../src/client/exec-call.js';

export const BLOCK_BYTES = 64 * 1024;

/** A command that writes so many bytes as fast as it can. The same program does it in Docker's container. */
export function writer(bytes: number): string[] {
  return ['dd', 'if=/dev/zero', `bs=${BLOCK_BYTES}`, `count=${Math.ceil(bytes / BLOCK_BYTES)}`];
}

/** What came of a command that was read to its end. */
export interface Received {
  /** Bytes of stdout that arrived. */
  readonly bytes: number;
  /** Bytes of stdout that the service told were dropped. */
  readonly missing: number;
  /** Bytes of stdout that the command wrote, as `exited` tells. */
  readonly total: number;
}

export interface Reading {
  readonly pace?: OutputPace;
  readonly execId?: string;
  /** Awaited before each message after `started`: a slow reader. */
  readonly pause?: (received: number) => Promise<void> | undefined;
}

/** Starts a command by an Exec stream and reads it. @throws unless it exits with 0. */
export async function readAll(
  client: Connection,
  sessionId: string,
  argv: readonly string[],
  { pace = OutputPace.BACKPRESSURE, execId = '', pause }: Reading = {},
): Promise<Received> {
  const call = new ExecCall(client, {
    $case: 'start',
    value: { sessionId, pace, spec: { execId, command: { $case: 'argv', value: { args: [...argv] } } } },
  });
  let bytes = 0;
  let missing = 0;
  for await (const { frame } of call.responses()) {
    if (frame?.$case === 'output') {
      if (frame.value.stream === OutputStream.STDOUT) bytes += frame.value.data.length;
    } else if (frame?.$case === 'gap') {
      if (frame.value.stream === OutputStream.STDOUT)
        missing += Number(frame.value.toOffset - frame.value.fromOffset);
    } else if (frame?.$case === 'exited') {
      const status = frame.value.result?.status;
      if (status?.$case !== 'exitCode' || status.value !== 0)
        throw new Error(`${argv.join(' ')} did not end with 0`);
      return { bytes, missing, total: Number(frame.value.stdoutBytes) };
    }
    await pause?.(bytes);
  }
  throw new Error(`the stream of ${argv.join(' ')} ended early`);
}

/** Sends so many bytes to a command that throws them away. */
export async function writeAll(client: Connection, sessionId: string, bytes: number): Promise<void> {
  const call = new ExecCall(client, {
    $case: 'start',
    value: {
      sessionId,
      spec: { stdin: true, command: { $case: 'argv', value: { args: ['sh', '-c', 'cat >/dev/null'] } } },
    },
  });
  const block = Buffer.alloc(BLOCK_BYTES);
  const send = async (): Promise<void> => {
    for (let sent = 0; sent < bytes; sent += block.length) await call.sendInput(block);
    await call.endInput();
  };
  const sending = send();
  for await (const { frame } of call.responses()) {
    if (frame?.$case !== 'exited') continue;
    const status = frame.value.result?.status;
    if (status?.$case !== 'exitCode' || status.value !== 0) throw new Error('cat did not end with 0');
  }
  await sending;
}
