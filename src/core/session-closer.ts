import type { KeyRing } from './key-ring.js';
import type { LayerKeeper } from './layer-keeper.js';
import type { OpenSession, OpenSessions } from './open-sessions.js';
import type { Log } from './ports/log.js';
import type { Storage } from './ports/storage.js';
import type { SessionSandboxes } from './session-sandboxes.js';
import { sessionEnded, type Session, type SessionFilter } from './session.js';
import { layersOf, type Snapshots } from './snapshots.js';

/** Ends sessions and all that runs in them: those that are closed, and those whose time is over. */
export class SessionCloser {
  readonly #storage: Storage;
  readonly #open: OpenSessions;
  readonly #sandboxes: SessionSandboxes;
  readonly #keys: KeyRing;
  readonly #keeper: LayerKeeper;
  readonly #snapshots: Snapshots;
  readonly #log: Log;
  readonly #now: () => number;

  constructor(parts: {
    storage: Storage;
    open: OpenSessions;
    sandboxes: SessionSandboxes;
    keys: KeyRing;
    keeper: LayerKeeper;
    snapshots: Snapshots;
    log: Log;
    now: () => number;
  }) {
    this.#storage = parts.storage;
    this.#open = parts.open;
    this.#sandboxes = parts.sandboxes;
    this.#keys = parts.keys;
    this.#keeper = parts.keeper;
    this.#snapshots = parts.snapshots;
    this.#log = parts.log;
    this.#now = parts.now;
  }

  /** One that has ended stays as it is. @throws SESSION_NOT_FOUND */
  async close(sessionId: string): Promise<Session> {
    await this.#open.get(sessionId);
    await this.#end(sessionId, 'CLOSED');
    return this.#open.get(sessionId);
  }

  /** Closes what matches and says how many it closed. */
  async closeMatching(filter: SessionFilter): Promise<number> {
    const open = filter.states ?? (['CREATING', 'READY', 'ERROR'] as const);
    let closed = 0;
    let after: string | undefined;
    do {
      const page = await this.#storage.sessions.list({ ...filter, states: open }, { size: 100, after });
      const results = await Promise.all(page.items.map((session) => this.#end(session.sessionId, 'CLOSED')));
      closed += results.filter(Boolean).length;
      after = page.next;
    } while (after !== undefined);
    return closed;
  }

  /**
   * Ends sessions whose time is over: past their TTL, or idle with nothing running. Asked every second, and so
   * answered from memory: reading a thousand sessions from the database would hold up everything else.
   */
  async expire(): Promise<void> {
    const now = this.#now();
    for (const open of this.#open.all()) {
      if (this.#isOver(open, now)) await this.#end(open.session.sessionId, 'EXPIRED');
    }
  }

  #isOver(open: OpenSession, now: number): boolean {
    const { session } = open;
    if (sessionEnded(session.state)) return false;
    if ((this.#sandboxes.execs(session.sessionId)?.running ?? 0) > 0) open.lastActive = now;
    const idle =
      session.idleTimeoutMs > 0 &&
      session.state === 'READY' &&
      now - open.lastActive >= session.idleTimeoutMs;
    return now >= session.expireTime.getTime() || idle;
  }

  /** False for one that has ended already. */
  async #end(sessionId: string, to: 'CLOSED' | 'EXPIRED'): Promise<boolean> {
    // The move is recorded first: from then on nobody starts anything in it, and after a crash the sandbox is
    // found as one of an ended session and removed.
    const session = await this.#open.move(sessionId, to);
    if (session === undefined) return false;
    this.#open.find(sessionId)?.abort.abort();
    try {
      await this.#keys.revokeSession(sessionId);
    } finally {
      // It has ended all the same, and the engine goes on trying to remove the sandbox.
      await this.#sandboxes.end(session).catch((error: unknown) => {
        this.#log.warn('the sandbox of a session that ended could not be removed', { sessionId, error });
      });
      // Those of a sandbox that was lost have nobody who saw their end.
      await this.#storage.execs.endLeft(new Date(this.#now()), sessionId).catch((error: unknown) => {
        this.#log.warn('commands of a session that ended could not be recorded', { sessionId, error });
      });
      this.#open.remove(sessionId);
      // What else it stood on is its sample's, which outlives it.
      if (session.snapshotId !== undefined) {
        this.#keeper.release(layersOf(session.layers));
        this.#snapshots.settle(session.snapshotId);
      }
    }
    return true;
  }
}
