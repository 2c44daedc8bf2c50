import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { CodesetClient } from '../../client/client.js';
import type { ExecInfo } from '../../client/exec-info.js';
import type { Session } from '../../client/session.js';

/** Of each output, head and tail together. */
const MAX_OUTPUT_BYTES = 64 * 1024;
/** Of a session; the first ones are kept. */
const MAX_COMMANDS = 5_000;

/**
 * Writes every command of a session, in the order in which they were started, a JSON line each: what ran, where, how
 * it ended, and what it wrote (head and tail).
 */
export async function keepTrajectory(
  session: Session,
  client: CodesetClient,
  path: string,
  signal: AbortSignal,
): Promise<void> {
  const execs: ExecInfo[] = [];
  for await (const exec of session.listExecs({ signal })) execs.push(exec);
  const lines = async function* (): AsyncGenerator<string> {
    for (const exec of execs.reverse().slice(0, MAX_COMMANDS)) {
      const { stdout, stderr } = await client.stubs.sessions.waitExec(
        {
          sessionId: session.id,
          execId: exec.execId,
          timeout: { seconds: 0, nanos: 0 },
          maxOutputBytes: MAX_OUTPUT_BYTES,
        },
        { signal },
      );
      yield `${JSON.stringify({ ...exec, stdout: textOf(stdout), stderr: textOf(stderr) })}\n`;
    }
  };
  await pipeline(Readable.from(lines()), createWriteStream(path));
}

function textOf(output: { head: Uint8Array; tail: Uint8Array } | undefined): { head: string; tail: string } {
  const text = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString('utf8');
  return { head: text(output?.head), tail: text(output?.tail) };
}
