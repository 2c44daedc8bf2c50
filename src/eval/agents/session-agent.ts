import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Session } from '../../client/session.js';
import { CodesetClientError } from '../../client/errors.js';
import { attemptKey, type AgentEnd } from '../attempt.js';
import type { Agent, AttemptContext, Outcome } from './agent.js';
import { keepDifference } from './difference.js';
import { judged } from './judging.js';
import { keepTrajectory } from './trajectory.js';
import { withRoom } from './with-room.js';

/** For making the difference and starting the verification, beyond what the agent itself may take. */
const SPARE_MS = 15 * 60 * 1000;
const MAX_TTL_MS = 7 * 24 * 60 * 60 * 1000;
/** Closing does not wait for ever for a service that is gone. */
const CLOSE_MS = 60_000;

/** Works in a session, which is judged as it leaves it. */
export abstract class SessionAgent implements Agent {
  /** How long the work may take, in milliseconds. */
  protected abstract readonly timeoutMs: number;

  /** @returns how the agent's process ended; null where there is none */
  protected abstract work(session: Session, context: AttemptContext): Promise<AgentEnd | null>;

  async attempt(context: AttemptContext): Promise<Outcome> {
    const { client, attempt, labels, signal } = context;
    const { sampleId, version } = attempt.sample;
    context.onStage('creating');
    const session = await withRoom(context, () =>
      client.createSession({
        sample: `${sampleId}@${version}`,
        labels: { ...labels, attempt: attemptKey(sampleId, attempt.number) },
        ttlMs: Math.min(this.timeoutMs + SPARE_MS, MAX_TTL_MS),
        signal,
      }),
    );
    try {
      context.onStage('agent');
      const end = await this.work(session, context);
      await kept(context, 'diff.patch', async (path) => {
        if (!(await keepDifference(session, client, path, signal)))
          await writeFile(
            `${path}.error`,
            'The difference is larger than 64 MiB: only its beginning is here.\n',
          );
      });
      await kept(context, 'trajectory.jsonl', (path) => keepTrajectory(session, client, path, signal));
      const found = await judged(context, (options) => session.verify(options));
      return { ...found, sessionId: session.id, end };
    } finally {
      await session.close({ timeoutMs: CLOSE_MS }).catch(() => undefined);
    }
  }
}

/**
 * Keeps a file for people. Where that fails its place says why, and the attempt goes on: the agent may have brought it
 * about, with names that git refuses for instance, and must not escape its verdict so.
 */
async function kept(
  { folder, signal }: AttemptContext,
  name: string,
  keep: (path: string) => Promise<void>,
): Promise<void> {
  try {
    await keep(join(folder, name));
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof CodesetClientError) || error.unreachable) throw error;
    await writeFile(join(folder, `${name}.error`), `${error.reason}: ${error.message}\n`);
  }
}

/** Does nothing: what it comes to is what the untouched samples come to. */
export class NopAgent extends SessionAgent {
  protected readonly timeoutMs = 0;

  protected async work(): Promise<null> {
    return null;
  }
}
