import type { LayerKeeper } from './layer-keeper.js';
import type { BlobStore } from './ports/blobs.js';
import type { Engine } from './ports/engine.js';
import type { ExecHost } from './ports/execs.js';
import type { Log } from './ports/log.js';
import type { SecretStore, Storage } from './ports/storage.js';
import { sessionEnded } from './session.js';

/** A set-up is expensive and may be wanted again: it stays this long after it was made though nothing uses it. */
const SETUP_GRACE_MS = 7 * 24 * 60 * 60_000;
/** An uploaded repository waits this long for the samples that will name it. */
const UPLOAD_GRACE_MS = 24 * 60 * 60_000;

/** Removes what nothing refers to any more: sandboxes, records of commands, layers, blobs and secrets. */
export class Garbage {
  readonly #storage: Storage;
  readonly #secrets: SecretStore;
  readonly #blobs: BlobStore;
  readonly #engine: Engine;
  readonly #execHost: ExecHost;
  readonly #keeper: LayerKeeper;
  readonly #log: Log;
  readonly #now: () => number;

  constructor(parts: {
    storage: Storage;
    secrets: SecretStore;
    blobs: BlobStore;
    engine: Engine;
    execHost: ExecHost;
    keeper: LayerKeeper;
    log: Log;
    now: () => number;
  }) {
    this.#storage = parts.storage;
    this.#secrets = parts.secrets;
    this.#blobs = parts.blobs;
    this.#engine = parts.engine;
    this.#execHost = parts.execHost;
    this.#keeper = parts.keeper;
    this.#log = parts.log;
    this.#now = parts.now;
  }

  /** At the start, before anything runs: every sandbox but those of open sessions. @returns the live ones. */
  async sandboxes(): Promise<ReadonlySet<string>> {
    const sessions = await this.#storage.sessions.open();
    const open = new Set(sessions.map((session) => session.sandboxId));
    const alive = new Set<string>();
    for (const found of await this.#engine.list()) {
      if (open.has(found.sandboxId) && found.purpose === 'session') {
        if (found.alive) alive.add(found.sandboxId);
        continue;
      }
      this.#log.info('an orphaned sandbox is removed', {
        sandboxId: found.sandboxId,
        purpose: found.purpose,
      });
      // One that can't be removed yet keeps nobody from starting; the engine tries again.
      await this.#engine.destroy(found.sandboxId).catch((error: unknown) => {
        this.#log.error('an orphaned sandbox could not be removed', { sandboxId: found.sandboxId, error });
      });
    }
    const known = new Set(sessions.map((session) => session.sessionId));
    for (const owner of await this.#execHost.owners()) {
      if (!known.has(owner)) await this.#execHost.forget(owner);
    }
    for (const sessionId of await this.#secrets.list()) {
      const session = await this.#storage.sessions.find(sessionId);
      if (session === undefined || sessionEnded(session.state)) await this.#secrets.delete(sessionId);
    }
    return alive;
  }

  /** Layers and blobs; only while nothing is being prepared or created. */
  async content(): Promise<void> {
    const [layers, samples, verifications] = await Promise.all([
      this.#keeper.references(),
      this.#storage.samples.references(),
      this.#storage.verifications.references(),
    ]);
    for (const { layerId, createTime } of await this.#engine.listLayers()) {
      const young = this.#now() - createTime.getTime() < SETUP_GRACE_MS;
      if (layers.has(layerId) || (layerId.startsWith('setup-') && young)) continue;
      await this.#engine.deleteLayer(layerId);
    }
    for await (const blob of this.#blobs.list()) {
      const young = this.#now() - blob.createTime.getTime() < UPLOAD_GRACE_MS;
      if (young || samples.blobs.has(blob.digest) || verifications.blobs.has(blob.digest)) continue;
      await this.#blobs.delete(blob.digest);
    }
  }
}
