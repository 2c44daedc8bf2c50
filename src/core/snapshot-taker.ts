import { digestOf } from './digest.js';
import { CodesetError, failedPrecondition } from './errors.js';
import { idAt } from './engine-ids.js';
import type { VerifyingRules } from './feedback.js';
import { newId } from './ids.js';
import { Turns } from './keyed.js';
import { SNAPSHOT_LAYER, type LayerKeeper } from './layer-keeper.js';
import type { CommitOptions, Engine, SandboxPart } from './ports/engine.js';
import type { Storage } from './ports/storage.js';
import type { SessionManager } from './session-manager.js';
import type { SessionSandboxes } from './session-sandboxes.js';
import { sessionEnded, type Session } from './session.js';
import type { Snapshot } from './snapshot.js';
import { checkSameRequest } from './request-id.js';
import { layersOf } from './snapshots.js';

export interface SnapshotRequest {
  readonly sessionId: string;
  readonly requestId: string | undefined;
  readonly labels: Readonly<Record<string, string>>;
}

/** How a snapshot is recorded besides what is copied. */
export type SnapshotTitle = Pick<Snapshot, 'requestId' | 'requestDigest' | 'labels' | 'transient'>;

/** Takes snapshots of live sessions. */
export class SnapshotTaker {
  readonly #storage: Storage;
  readonly #engine: Engine;
  readonly #keeper: LayerKeeper;
  readonly #sessions: SessionManager;
  readonly #sandboxes: SessionSandboxes;
  readonly #now: () => number;
  readonly #turns = new Turns();

  constructor(parts: {
    storage: Storage;
    engine: Engine;
    keeper: LayerKeeper;
    sessions: SessionManager;
    sandboxes: SessionSandboxes;
    now: () => number;
  }) {
    this.#storage = parts.storage;
    this.#engine = parts.engine;
    this.#keeper = parts.keeper;
    this.#sessions = parts.sessions;
    this.#sandboxes = parts.sandboxes;
    this.#now = parts.now;
  }

  /** Keeps a session's files as they are now. With a request id that was used for the same it is that snapshot. */
  create(request: SnapshotRequest): Promise<Snapshot> {
    const { requestId, labels } = request;
    return this.#turns.run(`request:${requestId ?? newId('req')}`, async () => {
      const requestDigest = digestOf({ ...request, requestId: undefined });
      if (requestId !== undefined) {
        const known = await this.#storage.snapshots.findByRequestId(requestId);
        if (known !== undefined) {
          checkSameRequest(known, requestDigest, requestId, 'snapshot');
          return known;
        }
      }
      return this.take(request.sessionId, { requestId, requestDigest, labels, transient: false });
    });
  }

  /** @throws what stands in the way: the session is not READY or goes meanwhile, the disk is full. Nothing stays then. */
  async take(sessionId: string, title: SnapshotTitle): Promise<Snapshot> {
    // Throws the fitting error unless the session is READY.
    await this.#sessions.execs(sessionId);
    const session = await this.#sessions.get(sessionId);
    if (session.state === 'ERROR') {
      throw failedPrecondition(
        'SESSION_LOST',
        `The session is in ERROR, and nothing of it can be kept: ${session.error}`,
      );
    }
    const { ground } = session;
    if (ground === undefined) throw new Error('A READY session has no ground.');
    const now = this.#now();
    const snapshotId = newId('snp', now);
    const made = {
      root: idAt(ground.engine, `${SNAPSHOT_LAYER}${snapshotId.slice(4)}-root`),
      workspace: idAt(ground.engine, `${SNAPSHOT_LAYER}${snapshotId.slice(4)}-workspace`),
    };
    const making = Object.values(made).flatMap((layer) => [layer, upperOf(layer)]);
    using _ = this.#keeper.hold([...layersOf(session.layers), ...making]);
    try {
      // What only a fork stands on is of no use after a power cut, which ends its sessions.
      const sizeBytes = await this.#copy(session, made, { lasting: !title.transient });
      const snapshot: Snapshot = {
        snapshotId,
        ...title,
        sessionId,
        source: session.source,
        env: session.env,
        network: session.network,
        resources: session.resources,
        engine: ground.engine,
        ground,
        layers: {
          root: this.#over(session.layers.root, made.root),
          workspace: this.#over(session.layers.workspace, made.workspace),
          baseline: session.layers.baseline,
          hidden: undefined,
        },
        verifying: await this.#rules(session),
        sizeBytes,
        createTime: new Date(now),
      };
      await this.#storage.snapshots.insert(snapshot);
      return snapshot;
    } catch (error) {
      for (const layer of Object.values(made)) await this.#engine.deleteLayer(layer);
      throw await this.#asEnded(sessionId, error);
    }
  }

  /** Counted when the copy is made, so that none of before it is forgotten. */
  async #rules({ sessionId, verifying }: Session): Promise<VerifyingRules> {
    const had = await this.#storage.verifications.countFor(sessionId);
    return { ...verifying, before: verifying.before + had };
  }

  /** What a part stands on when `layer` is its newest: that alone, where the stack grows too high and is made one. */
  #over(below: readonly string[], layer: string): readonly string[] {
    return below.length < this.#engine.maxLayers ? [...below, layer] : [layer];
  }

  /** @returns the bytes of the layers that were made. */
  async #copy(
    session: Session,
    made: Readonly<Record<SandboxPart, string>>,
    options: CommitOptions,
  ): Promise<number> {
    const parts = ['root', 'workspace'] as const;
    const flat = parts.filter((part) => session.layers[part].length >= this.#engine.maxLayers);
    const upper = (part: SandboxPart): string => (flat.includes(part) ? upperOf(made[part]) : made[part]);
    const uppers = { root: upper('root'), workspace: upper('workspace') };
    try {
      const copied = await this.#sandboxes.keep(session, uppers, options);
      let bytes = 0;
      for (const [i, part] of parts.entries()) {
        const layer = flat.includes(part)
          ? await this.#engine.flatten(part, [...session.layers[part], uppers[part]], made[part], options)
          : copied[i];
        bytes += layer?.bytes ?? 0;
      }
      return bytes;
    } finally {
      for (const part of flat) await this.#engine.deleteLayer(uppers[part]);
    }
  }

  /** A sandbox that is gone because its session was closed meanwhile. */
  async #asEnded(sessionId: string, error: unknown): Promise<unknown> {
    if (!(error instanceof CodesetError) || error.reason !== 'SESSION_LOST') return error;
    const { state } = await this.#sessions.get(sessionId);
    if (!sessionEnded(state)) return error;
    return failedPrecondition('SESSION_ENDED', `The session was ${state} while it was copied.`);
  }
}

/** What a layer that is made one with those below it is copied to first. */
function upperOf(layer: string): string {
  return `${layer}-upper`;
}
