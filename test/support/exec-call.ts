import type { ExecExited, ExecRequest } from '../../gen/codeset/v1/session_service.js';
import { OutputStream } from '../../gen/codeset/v1/exec.js';
import type { TestClient } from '../rpc/client.js';

type Frame = NonNullable<ExecRequest['frame']>;

export interface ExecOutcome {
  readonly stdout: Buffer;
  readonly stderr: Buffer;
  readonly exited: ExecExited | undefined;
  readonly gaps: number;
}

/**
 * Drives one bidirectional Exec to its end: sends the frames as they come and collects the output, checking that
 * offsets follow each other.
 */
export async function driveExec(
  client: TestClient,
  frames: AsyncIterable<Frame> | Iterable<Frame>,
  from: {
    stdout?: number;
    stderr?: number;
    /** Called with each piece of stdout as it comes. */ onData?: (data: Buffer) => void;
  } = {},
): Promise<ExecOutcome> {
  let end = (): void => {};
  const ended = new Promise<void>((resolve) => (end = resolve));
  const requests = (async function* (): AsyncIterable<{ frame: Frame }> {
    for await (const frame of frames) yield { frame };
    // The end of the requests means nothing; the call is kept open until the exec has ended.
    await ended;
  })();
  const pieces = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
  const next = { stdout: from.stdout ?? 0, stderr: from.stderr ?? 0 };
  let exited: ExecExited | undefined;
  let gaps = 0;
  try {
    for await (const { frame } of client.sessions.exec(requests)) {
      if (exited !== undefined) throw new Error('A frame came after exited.');
      if (frame?.$case === 'output') {
        const stream = frame.value.stream === OutputStream.STDERR ? 'stderr' : 'stdout';
        if (Number(frame.value.offset) !== next[stream]) {
          throw new Error(`${stream} went on at ${frame.value.offset}, not at ${next[stream]}.`);
        }
        pieces[stream].push(frame.value.data);
        next[stream] += frame.value.data.length;
        if (stream === 'stdout') from.onData?.(frame.value.data);
      } else if (frame?.$case === 'gap') {
        gaps++;
        next[frame.value.stream === OutputStream.STDERR ? 'stderr' : 'stdout'] = Number(frame.value.toOffset);
      } else if (frame?.$case === 'exited') {
        exited = frame.value;
      }
    }
  } finally {
    end();
  }
  return { stdout: Buffer.concat(pieces.stdout), stderr: Buffer.concat(pieces.stderr), exited, gaps };
}
