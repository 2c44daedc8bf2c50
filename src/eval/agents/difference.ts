import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { CodesetClient } from '../../client/client.js';
import type { Session } from '../../client/session.js';

/** What nobody looks at any more, and no verification takes as a patch. */
const MAX_BYTES = 64 * 1024 * 1024;

/**
 * Writes what the session's workspace differs in, as a git patch; of one that is larger than 64 MiB the beginning.
 * @returns whether all of it is there. @throws CodesetClientError
 */
export async function keepDifference(
  session: Session,
  client: CodesetClient,
  path: string,
  signal: AbortSignal,
): Promise<boolean> {
  let left = MAX_BYTES;
  const pieces = async function* (): AsyncGenerator<Uint8Array> {
    for await (const { data } of client.stubs.sessions.getDiff({ sessionId: session.id }, { signal })) {
      left -= data.length;
      if (left < 0) return;
      yield data;
    }
  };
  await pipeline(Readable.from(pieces()), createWriteStream(path));
  return left >= 0;
}
