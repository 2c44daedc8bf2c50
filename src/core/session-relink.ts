import { isUnavailable } from './engine-slot.js';
import type { FoundSandboxes } from './garbage.js';
import { SharedWork } from './keyed.js';
import type { Log } from './ports/log.js';
import type { SessionSandboxes } from './session-sandboxes.js';
import type { Session } from './session.js';

/** How long a start of the service, or the return of an engine, waits for the sandboxes that do not answer. */
const WAIT_MS = 15_000;

export interface SessionRelinkParts {
  readonly sandboxes: SessionSandboxes;
  readonly log: Log;
  /** Aborted once the session ends or the service stops; undefined for a session that has ended. */
  readonly signalOf: (sessionId: string) => AbortSignal | undefined;
  readonly connect: (session: Session, signal: AbortSignal) => Promise<void>;
  /** Records that a session's sandbox is gone for good. */
  readonly lost: (sessionId: string, error: string) => Promise<unknown>;
}

/** Takes up the sandboxes of sessions after they were out of reach. */
export class SessionRelink {
  readonly #parts: SessionRelinkParts;
  readonly #linking = new SharedWork<void>();
  readonly #running = new Set<Promise<void>>();

  constructor(parts: SessionRelinkParts) {
    this.#parts = parts;
  }

  /**
   * Those that take longer go on being linked: one sandbox that does not answer keeps nobody else waiting.
   * @param found what the engines hold
   */
  async takeUp(sessions: readonly Session[], found: FoundSandboxes): Promise<void> {
    const { log } = this.#parts;
    const left = new Set<string>();
    const all = sessions.map(async (session) => {
      const { sessionId } = session;
      left.add(sessionId);
      const linking = this.#linking
        .run(sessionId, () => this.#one(session, found))
        .catch((error: unknown) => log.error('a session could not be taken up again', { sessionId, error }))
        .finally(() => this.#running.delete(linking));
      this.#running.add(linking);
      await linking;
      left.delete(sessionId);
    });
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, WAIT_MS)));
    await Promise.race([Promise.all(all), late]);
    clearTimeout(timer);
    for (const sessionId of left)
      log.warn('a sandbox does not answer; its session waits for it', { sessionId });
  }

  /** Resolves when nothing is being linked: their signals end what waits. */
  async idle(): Promise<void> {
    await Promise.all(this.#running);
  }

  async #one(session: Session, found: FoundSandboxes): Promise<void> {
    const { connect, log, lost, sandboxes, signalOf } = this.#parts;
    const { sessionId, sandboxId } = session;
    const signal = signalOf(sessionId);
    if (sandboxes.execs(sessionId) !== undefined || signal === undefined) return;
    // What it holds is there when it is back.
    if (found.away.has(session.engine)) return;
    if (!found.alive.has(sandboxId)) {
      const gone = 'The sandbox was gone when the service came back; close the session and create another.';
      await lost(sessionId, gone);
      return;
    }
    try {
      await connect(session, signal);
      // Closed meanwhile, it was ended before it had a link.
      if (signalOf(sessionId) === undefined) await sandboxes.end(session);
    } catch (error) {
      // Closed or let go of meanwhile.
      if (isUnavailable(error) || signal.aborted) return;
      log.error('a session could not be taken up again', { sessionId, error });
      const silent =
        'The sandbox did not answer when the service came back; close the session and create another.';
      await lost(sessionId, silent);
    }
  }
}
