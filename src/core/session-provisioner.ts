import { digestOf } from './digest.js';
import { workdirOn } from './environment.js';
import { CodesetError } from './errors.js';
import type { LayerKeeper } from './layer-keeper.js';
import type { OpenSession, OpenSessions } from './open-sessions.js';
import type { Log } from './ports/log.js';
import { countOf, type TellStage } from './sample.js';
import { sandboxIdOf } from './session-planner.js';
import type { SessionSandboxes } from './session-sandboxes.js';
import type { Session } from './session.js';
import { layersOf } from './snapshots.js';

/** Makes what a recorded session is to run in: from CREATING to READY, or to ERROR. */
export class SessionProvisioner {
  readonly #open: OpenSessions;
  readonly #sandboxes: SessionSandboxes;
  readonly #keeper: LayerKeeper;
  readonly #log: Log;
  readonly #now: () => number;
  /** What is being made, also for sessions that were closed meanwhile. */
  readonly #making = new Set<Promise<void>>();

  constructor(parts: {
    open: OpenSessions;
    sandboxes: SessionSandboxes;
    keeper: LayerKeeper;
    log: Log;
    now: () => number;
  }) {
    this.#open = parts.open;
    this.#sandboxes = parts.sandboxes;
    this.#keeper = parts.keeper;
    this.#log = parts.log;
    this.#now = parts.now;
  }

  /** Goes on by itself; the session's `settled` tells its end, and its events what happens. */
  begin(open: OpenSession): void {
    const { sessionId } = open.session;
    const making = this.#provision(open)
      .catch((error: unknown) => {
        this.#log.error('a session could not be recorded', { sessionId, error });
      })
      .finally(() => this.#making.delete(making));
    this.#making.add(making);
  }

  /** Resolves when nothing is being made: the sessions' signals end what is. */
  async idle(): Promise<void> {
    await Promise.all(this.#making);
  }

  async #provision(open: OpenSession): Promise<void> {
    let { session } = open;
    const { sessionId } = session;
    const { signal } = open.abort;
    // Closed meanwhile, its layers have to last until what is being made is gone again.
    using _ = this.#keeper.hold(layersOf(session.layers));
    const tell: TellStage = (stage, message, bytes) => {
      const event = { time: new Date(this.#now()), stage, message, ...countOf(bytes) };
      open.events.push({ type: 'stage', stage: event });
    };
    try {
      const ground = await this.#sandboxes.ground(session, tell, signal);
      if (digestOf(session.ground) !== digestOf(ground)) {
        // From here on its sandbox has its name: on record before there is one.
        const sandboxId = sandboxIdOf(sessionId, ground.engine);
        const workdir = workdirOn(session.workdir, ground);
        const known = { ground, engine: ground.engine, sandboxId, workdir };
        session = await this.#open.change(sessionId, () => known);
      }
      const layers = await this.#sandboxes.make(session, tell, signal);
      await this.#sandboxes.connect(session, signal);
      const moved = await this.#open.move(sessionId, 'READY', { layers, readyTime: new Date(this.#now()) });
      tell('DONE', 'Ready.');
      // Closed meanwhile: what was made after the close goes too.
      if (moved === undefined) await this.#sandboxes.end(session);
    } catch (error) {
      await this.#failed(open, session, error, tell);
    } finally {
      open.settle();
    }
  }

  async #failed(open: OpenSession, session: Session, error: unknown, tell: TellStage): Promise<void> {
    const { sessionId } = session;
    await this.#sandboxes.end(session).catch((cause: unknown) => {
      this.#log.error('a half-made sandbox could not be removed', { sessionId, error: cause });
    });
    if (open.abort.signal.aborted) return;
    const known = error instanceof CodesetError;
    if (!known) this.#log.error('a session could not be made', { sessionId, error });
    const text = known
      ? error.message
      : 'The service failed to make the sandbox; its log says why. Try again.';
    tell('DONE', text);
    open.failure = known ? error : undefined;
    await this.#open.move(sessionId, 'ERROR', { error: text });
  }
}
