import { bareId } from './engine-ids.js';
import type { EngineRouter } from './engine-router.js';
import { isUnavailable } from './engine-slot.js';
import type { KeyRing } from './key-ring.js';
import type { LayerKeeper } from './layer-keeper.js';
import type { BlobStore } from './ports/blobs.js';
import type { ExecHost } from './ports/execs.js';
import type { Log } from './ports/log.js';
import type { SecretStore, Storage } from './ports/storage.js';
import { sessionEnded } from './session.js';

/** A set-up is expensive and may be wanted again: it stays this long after it was made though nothing uses it. */
const SETUP_GRACE_MS = 7 * 24 * 60 * 60_000;
/** An uploaded repository waits this long for the samples that will name it. */
const UPLOAD_GRACE_MS = 24 * 60 * 60_000;

/** What engines hold of sessions. */
export interface FoundSandboxes {
  /** Sandboxes whose init runs. */
  readonly alive: ReadonlySet<string>;
  /** Engines that did not say. */
  readonly away: ReadonlySet<string>;
}

/** Removes what nothing refers to any more: sandboxes, records of commands, layers, blobs and secrets. */
export class Garbage {
  readonly #storage: Storage;
  readonly #secrets: SecretStore;
  readonly #blobs: BlobStore;
  readonly #engine: EngineRouter;
  readonly #execHost: ExecHost;
  readonly #keeper: LayerKeeper;
  readonly #keys: KeyRing;
  readonly #log: Log;
  readonly #now: () => number;

  constructor(parts: {
    storage: Storage;
    secrets: SecretStore;
    blobs: BlobStore;
    engine: EngineRouter;
    execHost: ExecHost;
    keeper: LayerKeeper;
    keys: KeyRing;
    log: Log;
    now: () => number;
  }) {
    this.#storage = parts.storage;
    this.#secrets = parts.secrets;
    this.#blobs = parts.blobs;
    this.#engine = parts.engine;
    this.#execHost = parts.execHost;
    this.#keeper = parts.keeper;
    this.#keys = parts.keys;
    this.#log = parts.log;
    this.#now = parts.now;
  }

  /** Every sandbox but those of open sessions and those made in this life of the service. @returns the sessions'. */
  async sandboxes(): Promise<FoundSandboxes> {
    const survey = await this.#engine.survey((engine, error) =>
      this.#log.error('the sandboxes of an engine could not be looked at', { engine, error }),
    );
    // Read after the look: the session of a sandbox that was found is on record.
    const open = new Set((await this.#storage.sessions.open()).map((session) => session.sandboxId));
    const alive = new Set<string>();
    for (const found of [...survey.values()].flatMap((list) => list ?? [])) {
      if (open.has(found.sandboxId) && found.purpose === 'session') {
        if (found.alive) alive.add(found.sandboxId);
        continue;
      }
      if (this.#engine.isMade(found.sandboxId)) continue;
      this.#log.info('an orphaned sandbox is removed', {
        sandboxId: found.sandboxId,
        purpose: found.purpose,
      });
      // One that can't be removed yet keeps nobody from starting; the engine tries again.
      await this.#engine.destroy(found.sandboxId).catch((error: unknown) => {
        this.#log.error('an orphaned sandbox could not be removed', { sandboxId: found.sandboxId, error });
      });
    }
    const away = [...survey].filter(([, list]) => list === undefined).map(([name]) => name);
    return { alive, away: new Set(away) };
  }

  /** At the start, before anything runs: records of commands, secrets and tokens of sessions that have ended. */
  async records(): Promise<void> {
    await this.#keys.revokeOfEnded();
    await this.#storage.execs.endLeft(new Date(this.#now()));
    const known = new Set((await this.#storage.sessions.open()).map(({ sessionId }) => sessionId));
    for (const owner of await this.#execHost.owners()) {
      if (!known.has(owner)) await this.#execHost.forget(owner);
    }
    for (const sessionId of await this.#secrets.list()) {
      const session = await this.#storage.sessions.find(sessionId);
      if (session === undefined || sessionEnded(session.state)) await this.#secrets.delete(sessionId);
    }
  }

  /** Images that nothing on record refers to, as the engines' policies let them go. Engines that are away keep theirs. */
  async images(): Promise<void> {
    const [samples, snapshots, sessions] = await Promise.all([
      this.#storage.samples.references(),
      this.#storage.snapshots.references(),
      this.#storage.sessions.open(),
    ]);
    const inUse = new Set([...samples.images, ...snapshots.images]);
    for (const { ground } of sessions) if (ground?.image !== undefined) inUse.add(ground.image.id);
    for (const engine of this.#engine.engines) {
      await engine.images?.collect(inUse).catch((error: unknown) => {
        if (!isUnavailable(error))
          this.#log.warn('images without use could not be removed', { engine: engine.name, error });
      });
    }
  }

  /**
   * Layers and blobs; only while nothing is being prepared or created. An engine that fails keeps nobody from starting:
   * what it could not remove is tried again.
   */
  async content(): Promise<void> {
    const [layers, samples, verifications] = await Promise.all([
      this.#keeper.references(),
      this.#storage.samples.references(),
      this.#storage.verifications.references(),
    ]);
    const found = await this.#engine.listLayers((engine, error) =>
      this.#log.error('the layers of an engine could not be looked at', { engine, error }),
    );
    const left: string[] = [];
    for (const { layerId, createTime } of found) {
      const young = this.#now() - createTime.getTime() < SETUP_GRACE_MS;
      if (layers.has(layerId) || (bareId(layerId).startsWith('setup-') && young)) continue;
      await this.#engine.deleteLayer(layerId).catch((error: unknown) => {
        this.#log.error('a layer without use could not be removed', { layerId, error });
        left.push(layerId);
      });
    }
    this.#keeper.release(left);
    for await (const blob of this.#blobs.list()) {
      const young = this.#now() - blob.createTime.getTime() < UPLOAD_GRACE_MS;
      if (young || samples.blobs.has(blob.digest) || verifications.blobs.has(blob.digest)) continue;
      await this.#blobs.delete(blob.digest);
    }
  }
}
