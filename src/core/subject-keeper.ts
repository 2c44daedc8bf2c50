import { Readable } from 'node:stream';
import { idAt } from './engine-ids.js';
import { CodesetError, failedPrecondition } from './errors.js';
import { KEPT_LAYER, type LayerKeeper } from './layer-keeper.js';
import type { BlobStore } from './ports/blobs.js';
import type { Engine } from './ports/engine.js';
import type { Log } from './ports/log.js';
import type { Storage } from './ports/storage.js';
import type { SampleCatalog, SampleName } from './sample-catalog.js';
import type { SampleVersion } from './sample.js';
import type { SessionManager } from './session-manager.js';
import type { SessionSandboxes } from './session-sandboxes.js';
import type { Session } from './session.js';
import { judgedLayer } from './verification-judge.js';
import type { KeptSubject, Subject, Verification } from './verification.js';

const MAX_PATCH_BYTES = 64 * 1024 * 1024;

/** What a caller wants to have verified. */
export type AskedSubject =
  | { readonly kind: 'session'; readonly sessionId: string }
  | { readonly kind: 'patch'; readonly sample: SampleName; readonly diff: Uint8Array };

/** A subject that is kept; disposed when the verification that needs it is on record. */
export interface HeldSubject extends Disposable {
  readonly sample: SampleVersion;
  readonly subject: Subject;
  readonly kept: KeptSubject;
}

/**
 * Copies what is verified as it is at the moment of asking, and lets go of the copy when nothing needs it any more:
 * a queue, an expired session or a restart changes nothing of what is judged.
 */
export class SubjectKeeper {
  readonly #storage: Storage;
  readonly #blobs: BlobStore;
  readonly #engine: Engine;
  readonly #catalog: SampleCatalog;
  readonly #sessions: SessionManager;
  readonly #sandboxes: SessionSandboxes;
  readonly #keeper: LayerKeeper;
  readonly #log: Log;

  constructor(parts: {
    storage: Storage;
    blobs: BlobStore;
    engine: Engine;
    catalog: SampleCatalog;
    sessions: SessionManager;
    sandboxes: SessionSandboxes;
    keeper: LayerKeeper;
    log: Log;
  }) {
    this.#storage = parts.storage;
    this.#blobs = parts.blobs;
    this.#engine = parts.engine;
    this.#catalog = parts.catalog;
    this.#sessions = parts.sessions;
    this.#sandboxes = parts.sandboxes;
    this.#keeper = parts.keeper;
    this.#log = parts.log;
  }

  /** @throws the fitting error when there is nothing to verify: no READY sample, no READY session of one. */
  keep(asked: AskedSubject, verificationId: string): Promise<HeldSubject> {
    return asked.kind === 'patch' ? this.#patch(asked) : this.#session(asked, verificationId);
  }

  async #patch({ sample: name, diff }: AskedSubject & { readonly kind: 'patch' }): Promise<HeldSubject> {
    const sample = await this.#catalog.settled(name);
    if (sample.state !== 'READY') {
      throw failedPrecondition('SAMPLE_NOT_READY', `The sample could not be prepared: ${sample.error}`);
    }
    const content = Readable.from([Buffer.from(diff)], { objectMode: false });
    const { digest } = await this.#blobs.put(content, { maxBytes: MAX_PATCH_BYTES });
    return {
      sample,
      subject: { kind: 'patch', patchBlob: digest },
      kept: { kind: 'patch', blob: digest },
      [Symbol.dispose]: () => undefined,
    };
  }

  async #session(
    subject: AskedSubject & { readonly kind: 'session' },
    verificationId: string,
  ): Promise<HeldSubject> {
    const { sessionId } = subject;
    const session = await this.#sessions.get(sessionId);
    if (session.source.kind !== 'sample') {
      throw failedPrecondition(
        'SAMPLE_NOT_FOUND',
        'The session was made from an environment alone; only a session of a sample can be verified.',
      );
    }
    // Throws the fitting error unless the session is READY.
    await this.#sessions.execs(sessionId);
    const sample = await this.#catalog.get({
      sampleId: session.source.sampleId,
      version: session.source.version,
    });
    // Closed meanwhile, what it stands on lasts until the verification that needs it is on record.
    const layer = idAt(session.engine, `${KEPT_LAYER}${verificationId}`);
    const hold = this.#keeper.hold([...session.layers.workspace, layer]);
    try {
      const kept = await this.#commit(session, layer);
      return { sample, subject, kept, [Symbol.dispose]: () => hold[Symbol.dispose]() };
    } catch (error) {
      hold[Symbol.dispose]();
      throw error;
    }
  }

  async #commit(session: Session, layer: string): Promise<KeptSubject> {
    try {
      await this.#sandboxes.keep(session, { workspace: layer });
      const below = session.snapshotId === undefined ? undefined : session.layers.workspace;
      return { kind: 'layer', layer, below };
    } catch (error) {
      // A tree too large to be copied is its owner's doing; everything else is not.
      if (error instanceof CodesetError && error.reason === 'TOO_LARGE') {
        return { kind: 'unusable', why: error.message };
      }
      throw error;
    }
  }

  /** It was kept for nothing: no verification needs it. */
  async discard(kept: KeptSubject): Promise<void> {
    if (kept.kind === 'layer') await this.#engine.deleteLayer(kept.layer);
  }

  /** The layers that only the run needed; a patch is small and stays for regrading. Idempotent. */
  async letGo(verification: Verification): Promise<void> {
    const layers = [judgedLayer(verification)];
    if (verification.kept?.kind === 'layer') layers.push(verification.kept.layer);
    for (const layer of layers) {
      await this.#engine.deleteLayer(layer).catch((error: unknown) => {
        this.#log.warn('a layer could not be removed', { layer, error });
      });
    }
    if (verification.kept?.kind === 'layer') {
      await this.#storage.verifications.update(verification.verificationId, {
        kept: undefined,
      } as Partial<Verification>);
      this.#keeper.release(verification.kept.below ?? []);
    }
  }
}
