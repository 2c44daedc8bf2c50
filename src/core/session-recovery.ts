import { isUnavailable } from './engine-slot.js';
import type { FoundSandboxes } from './garbage.js';
import { SharedWork } from './keyed.js';
import type { OpenSessions } from './open-sessions.js';
import type { Log } from './ports/log.js';
import type { Storage } from './ports/storage.js';
import type { SessionProvisioner } from './session-provisioner.js';
import type { SessionSandboxes } from './session-sandboxes.js';
import type { Session } from './session.js';

/** How long a start of the service, or the return of an engine, waits for the sandboxes that do not answer. */
const WAIT_MS = 15_000;

/** How sessions outlive the service and its engines: let go of at a stop, taken up again when what was away is back. */
export class SessionRecovery {
  readonly #storage: Storage;
  readonly #open: OpenSessions;
  readonly #provisioner: SessionProvisioner;
  readonly #sandboxes: SessionSandboxes;
  readonly #log: Log;
  readonly #linking = new SharedWork<void>();
  readonly #running = new Set<Promise<void>>();

  constructor(parts: {
    storage: Storage;
    open: OpenSessions;
    provisioner: SessionProvisioner;
    sandboxes: SessionSandboxes;
    log: Log;
  }) {
    this.#storage = parts.storage;
    this.#open = parts.open;
    this.#provisioner = parts.provisioner;
    this.#sandboxes = parts.sandboxes;
    this.#log = parts.log;
  }

  /** Takes up the sessions that an earlier life of the service left. @param found what the engines hold of them */
  async recover(found: FoundSandboxes): Promise<void> {
    const ready: Session[] = [];
    for (const session of await this.#storage.sessions.open()) {
      const { sessionId, state } = session;
      const open = this.#open.add(session);
      if (state === 'CREATING') {
        await this.#sandboxes.end(session).catch((error: unknown) => {
          this.#log.error('a half-made sandbox could not be removed', { sessionId, error });
        });
        await this.#open.move(sessionId, 'ERROR', {
          error: 'The service was restarted while it made this session; create another.',
        });
      }
      open.settle();
      if (state === 'READY') ready.push(session);
    }
    await this.#takeUp(ready, found);
  }

  /** Takes up the sessions of an engine that was away, as far as they wait for it. */
  async relink(engine: string, found: FoundSandboxes): Promise<void> {
    const all = this.#open.all().map(({ session }) => session);
    const waiting = all.filter((session) => session.engine === engine && session.state === 'READY');
    await this.#takeUp(waiting, found);
  }

  /** Lets go of what lives, for a stop of the service: sandboxes go on; what is being made is given up. */
  async detach(): Promise<void> {
    for (const { abort, events } of this.#open.all()) {
      events.end();
      abort.abort();
    }
    await Promise.all([this.#provisioner.idle(), ...this.#running]);
    await this.#sandboxes.detach();
  }

  /** Those that take longer go on being linked: one sandbox that does not answer keeps nobody else waiting. */
  async #takeUp(sessions: readonly Session[], found: FoundSandboxes): Promise<void> {
    const left = new Set<string>();
    const all = sessions.map(async (session) => {
      const { sessionId } = session;
      left.add(sessionId);
      const linking = this.#linking
        .run(sessionId, () => this.#link(session, found))
        .catch((error: unknown) =>
          this.#log.error('a session could not be taken up again', { sessionId, error }),
        )
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
      this.#log.warn('a sandbox does not answer; its session waits for it', { sessionId });
  }

  async #link(session: Session, found: FoundSandboxes): Promise<void> {
    const { sessionId, sandboxId } = session;
    const signal = this.#open.find(sessionId)?.abort.signal;
    if (this.#sandboxes.execs(sessionId) !== undefined || signal === undefined) return;
    // What it holds is there when it is back.
    if (found.away.has(session.engine)) return;
    if (!found.alive.has(sandboxId)) {
      const gone = 'The sandbox was gone when the service came back; close the session and create another.';
      await this.#open.move(sessionId, 'ERROR', { error: gone });
      return;
    }
    try {
      await this.#sandboxes.connect(session, signal);
      // Closed meanwhile, it was ended before it had a link.
      if (this.#open.find(sessionId) === undefined) await this.#sandboxes.end(session);
    } catch (error) {
      // Closed or let go of meanwhile.
      if (isUnavailable(error) || signal.aborted) return;
      this.#log.error('a session could not be taken up again', { sessionId, error });
      const silent =
        'The sandbox did not answer when the service came back; close the session and create another.';
      await this.#open.move(sessionId, 'ERROR', { error: silent });
    }
  }
}
