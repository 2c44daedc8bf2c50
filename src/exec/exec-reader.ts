import { CodesetError } from '../core/errors.js';
import type { ExecEvent, ExecExit, OutputStream } from '../core/exec.js';
import type { AttachOptions } from '../core/ports/execs.js';
import type { Follower } from './exec-followers.js';
import { lend, PIECE_BYTES } from './lent-memory.js';
import type { OutputView } from './output-view.js';

const STREAMS: readonly [OutputStream, OutputStream] = ['stdout', 'stderr'];

/** An exec for who reads it. */
export interface Readable {
  readonly spec: { readonly execId: string };
  readonly stdin: { readonly offset: number };
  readonly isStarted: boolean;
  readonly exit: ExecExit | undefined;
  open(): Promise<readonly [OutputView, OutputView]>;
  follow(follower: Follower): void;
  unfollow(follower: Follower): void;
  /** The follower has taken more of the stream. */
  acknowledge(stream: 0 | 1): void;
}

/**
 * What a reader of an exec sees. Each follows the record by itself, at its own pace.
 * @param suspended whether the service lets go of the exec: the iteration then ends with an error, without
 *   `exited`, and the client attaches again.
 */
export async function* readExec(
  exec: Readable,
  options: AttachOptions,
  suspended: () => boolean,
): AsyncGenerator<ExecEvent, void, undefined> {
  const { signal } = options;
  let awake: (() => void) | undefined;
  let woken = false;
  const wake = (): void => {
    woken = true;
    awake?.();
  };
  const sleep = async (): Promise<void> => {
    if (!woken && signal?.aborted !== true) await new Promise<void>((resolve) => (awake = resolve));
    awake = undefined;
  };
  const at: [number, number] = [options.from.stdout, options.from.stderr];
  const follower: Follower = {
    taken: [...at],
    holds: options.hold,
    slows: options.pace === 'backpressure',
    wake,
  };
  signal?.addEventListener('abort', wake);
  exec.follow(follower);
  try {
    const records = await exec.open();
    while (!exec.isStarted) {
      woken = false;
      throwIfSuspended(suspended);
      await sleep();
      if (signal?.aborted) return;
    }
    yield { type: 'started', execId: exec.spec.execId, stdinOffset: exec.stdin.offset };
    let ends: readonly [number, number] | undefined;
    while (true) {
      if (signal?.aborted) return;
      woken = false;
      // What a child that lives on writes after the exit is the next reader's.
      if (exec.exit !== undefined) ends ??= [records[0].end, records[1].end];
      let moved = false;
      for (const stream of [0, 1] as const) {
        const from = at[stream];
        if (ends !== undefined && from >= ends[stream]) continue;
        const record = records[stream];
        if (from >= record.end) continue;
        const { lent, data } = lend();
        // Not beyond what the exit tells: the rest is the next reader's.
        const room = data.subarray(0, ends === undefined ? PIECE_BYTES : ends[stream] - from);
        const result = record.readMemory(from, room) ?? (await record.readDisk(from, room));
        if (result.type !== 'data') lent.giveBack();
        if (result.type === 'none') continue;
        moved = true;
        if (result.type === 'gap') {
          at[stream] = result.to;
          yield { type: 'gap', stream: STREAMS[stream], from, to: result.to };
        } else {
          at[stream] = from + result.length;
          const piece = data.subarray(0, result.length);
          yield { type: 'output', stream: STREAMS[stream], offset: from, data: piece, lent };
        }
        follower.taken[stream] = at[stream];
        if (follower.slows) exec.acknowledge(stream);
        if (signal?.aborted) return;
      }
      if (moved) continue;
      if (ends !== undefined && exec.exit !== undefined) {
        const [stdout, stderr] = records;
        yield {
          type: 'exited',
          exit: exec.exit,
          stdoutBytes: stdout.end,
          stderrBytes: stderr.end,
          truncated: stdout.truncated || stderr.truncated,
        };
        return;
      }
      throwIfSuspended(suspended);
      await sleep();
    }
  } finally {
    signal?.removeEventListener('abort', wake);
    exec.unfollow(follower);
  }
}

function throwIfSuspended(suspended: () => boolean): void {
  if (!suspended()) return;
  throw new CodesetError(
    'unavailable',
    'SHUTTING_DOWN',
    'The service is being restarted; the command goes on. Attach again.',
    { retryAfterMs: 1000 },
  );
}
