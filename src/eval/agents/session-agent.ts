import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Session } from '../../client/session.js';
import { attemptKey, type AgentEnd } from '../attempt.js';
import type { Agent, AttemptContext, Outcome } from './agent.js';
import { judged } from './judging.js';
import { keepTrajectory } from './trajectory.js';

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
    const { client, attempt, labels, folder, signal } = context;
    const { sampleId, version } = attempt.sample;
    context.onStage('creating');
    const session = await client.createSession({
      sample: `${sampleId}@${version}`,
      labels: { ...labels, attempt: attemptKey(sampleId, attempt.number) },
      ttlMs: Math.min(this.timeoutMs + SPARE_MS, MAX_TTL_MS),
      signal,
    });
    try {
      context.onStage('agent');
      const end = await this.work(session, context);
      await writeFile(join(folder, 'diff.patch'), await session.diff({ signal }));
      await keepTrajectory(session, client, join(folder, 'trajectory.jsonl'), signal);
      const found = await judged(context, (options) => session.verify(options));
      return { ...found, sessionId: session.id, end };
    } finally {
      await session.close({ timeoutMs: CLOSE_MS }).catch(() => undefined);
    }
  }
}

/** Does nothing: what it comes to is what the untouched samples come to. */
export class NopAgent extends SessionAgent {
  protected readonly timeoutMs = 0;

  protected async work(): Promise<null> {
    return null;
  }
}
