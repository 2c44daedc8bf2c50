import { createWriteStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import type { Verdict } from '../../client/verdict.js';
import type { VerifyOptions } from '../../client/verify.js';
import { pause } from '../../client/pause.js';
import type { AttemptContext } from './agent.js';
import { withRoom } from './with-room.js';

/** How often a verification that the service spoilt is made again. */
const TRIES = 3;
const PAUSE_MS = 2_000;

/**
 * Has something judged, again where the service failed, and keeps the log and the verdict in the attempt's folder.
 * @returns with how long the last verification took, in seconds
 */
export async function judged(
  context: AttemptContext,
  verify: (options: VerifyOptions) => Promise<Verdict>,
): Promise<{ verdict: Verdict; verifySeconds: number }> {
  for (let tried = 1; ; tried++) {
    context.onStage('verifying');
    const verdict = await withRoom(context, () => logged(context, verify));
    const spoilt = verdict.state === 'ERROR' && verdict.fault === 'SERVICE' && verdict.retryable;
    if (spoilt && tried < TRIES) {
      await pause(PAUSE_MS * tried, context.signal);
      continue;
    }
    await keepVerdict(context, verdict);
    return { verdict, verifySeconds: secondsOf(verdict) };
  }
}

/** Keeps what was found, with all tests, as `verdict.json`. */
export async function keepVerdict({ folder }: AttemptContext, verdict: Verdict): Promise<void> {
  await writeFile(join(folder, 'verdict.json'), `${JSON.stringify(verdict, undefined, 2)}\n`);
}

/** From its beginning to its verdict. */
export function secondsOf({ createTime, endTime }: Verdict): number {
  return createTime === undefined || endTime === undefined
    ? 0
    : (endTime.getTime() - createTime.getTime()) / 1000;
}

async function logged(
  { folder, signal }: AttemptContext,
  verify: (options: VerifyOptions) => Promise<Verdict>,
): Promise<Verdict> {
  const path = join(folder, 'verification.log');
  let run = 1;
  let file = createWriteStream(path);
  const before: Promise<void>[] = [];
  const onLog = (data: Buffer, attempt: number): void => {
    if (attempt !== run) {
      // A new run of the script begins its log anew.
      before.push(finished(file.end()));
      file = createWriteStream(path);
      run = attempt;
    }
    file.write(data);
  };
  try {
    return await verify({ signal, onLog });
  } finally {
    await Promise.all([...before, finished(file.end())]);
  }
}
